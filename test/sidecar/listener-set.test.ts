import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { createLog } from '../../src/sidecar/log.ts';
import { ListenerSet } from '../../src/sidecar/listener-set.ts';
import type { Generation } from '../../src/sidecar/load-generation.ts';
import { Metrics, type Traffic } from '../../src/sidecar/metrics.ts';
import { RESOLVE_INTERVAL_MS } from '../../src/sidecar/upstream-address.ts';
import { aListener, aModel, aRoute, anUpstream } from '../support/proxy-models.ts';

class WatchedMetrics extends Metrics {
  sources = 0;

  override onScrape(traffic: () => Traffic): () => void {
    const stop = super.onScrape(traffic);
    this.sources += 1;
    return () => {
      this.sources -= 1;
      stop();
    };
  }
}

function aSet() {
  const metrics = new WatchedMetrics();
  const names: string[] = [];
  const services = { metrics, log: createLog({ write: () => true }, () => new Date()), isDraining: () => false, admit: () => true, release: () => {}, handshakeTimeoutMs: 1000 };
  const resolve = async (name: string) => {
    names.push(name);
    return ['127.0.0.1'];
  };
  return { set: new ListenerSet(services, { resolve, now: () => 0, metrics }), metrics, names };
}

function aGeneration(ports: readonly number[], route = 'app'): Generation {
  const model = anUpstream();
  const { tls: _, ...plain } = aListener({ portFromPod: false, bind: '127.0.0.1', routes: [aRoute({ target: { kind: 'upstream', upstream: route } })] });
  return {
    manifest: { revision: 1 } as Generation['manifest'], manifestSHA256: '', model: aModel(),
    listeners: ports.map((port, index) => ({ model: { ...plain, name: `listener-${index}` }, port })),
    upstreams: [{ model, addresses: [{ host: 'backend.example', port: 1 }], sha256: '1' }],
  };
}

describe('ListenerSet', () => {
  const FAILURES: Readonly<Record<string, (taken: number) => Generation>> = {
    'whose port is taken': (taken) => aGeneration([0, taken]),
    'that names an upstream which is none': () => aGeneration([0], 'none'),
  };
  for (const [sentence, generation] of Object.entries(FAILURES)) {
    it(`leaves nothing behind of a set ${sentence}`, async (t) => {
      t.mock.timers.enable({ apis: ['setInterval'] });
      const busy = createServer().listen(0, '127.0.0.1');
      await once(busy, 'listening');
      const { set, metrics, names } = aSet();
      await assert.rejects(set.apply(generation((busy.address() as AddressInfo).port)), /EADDRINUSE|which is no upstream/);
      busy.close();
      assert.deepEqual(names, ['backend.example']);
      t.mock.timers.tick(RESOLVE_INTERVAL_MS * 3);
      assert.deepEqual(names, ['backend.example']);
      assert.equal(metrics.sources, 0);
    });
  }

  it('counts the bytes of a listener that has gone, and asks it no more', async () => {
    const { set, metrics } = aSet();
    await set.apply(aGeneration([0]));
    assert.equal(metrics.sources, 1);
    set.destroy();
    assert.equal(metrics.sources, 0);
  });
});

describe('Metrics', () => {
  it('never lets a counter fall when a source of it ends', () => {
    const metrics = new Metrics();
    const stop = metrics.onScrape(() => ({ open: 1, receivedBytes: 10, sentBytes: 20 }));
    stop();
    stop();
    assert.match(metrics.text(), /^tenant_mtls_connections_open 0$/m);
    assert.match(metrics.text(), /^tenant_mtls_received_bytes_total 10$/m);
    assert.match(metrics.text(), /^tenant_mtls_sent_bytes_total 20$/m);
  });
});
