// Probes and hooks of an app that listens on loopback only go through the sidecar, on the real kubelet, with either engine.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { resources } from '../../src/kube/resources.ts';
import { eventually } from '../support/cluster.ts';
import { cannotRunPods } from '../support/e2e.ts';
import { e2eNamespace, isReady } from '../support/e2e-namespace.ts';
import type { E2eNamespace, ObservedPod } from '../support/e2e-namespace.ts';
import { PROBED_APP, PROBED_PORTS } from '../support/probed-app.ts';
import { aPod, script, shell } from '../support/pods.ts';
import { TestCa } from '../support/test-ca.ts';

const annotations = (engine: string) => ({
  'tenant-mtls.dev/certificate': 'hello', 'tenant-mtls.dev/engine': engine, 'tenant-mtls.dev/app-port': '8080', 'tenant-mtls.dev/rewrite-probes': 'true',
});

const EXEC = { command: ['true'] };

/** Every kind of probe that the engine can forward; gRPC asks for its own port number, so it is a probe of node only. */
function probedPod(engine: 'nginx' | 'node', env: { CERT: string; KEY: string }) {
  const often = { periodSeconds: 1, timeoutSeconds: 2, failureThreshold: 3 };
  const app = script(PROBED_APP, {
    ports: PROBED_PORTS,
    env: Object.entries(env).map(([name, value]) => ({ name, value })),
    startupProbe: { httpGet: { path: '/start?full=1', port: 'web', httpHeaders: [{ name: 'Host', value: 'app.example' }] }, ...often },
    readinessProbe: { httpGet: { path: '/secure', port: 8444, scheme: 'HTTPS' }, ...often },
    livenessProbe: { ...(engine === 'node' ? { grpc: { port: 8083, service: 'shop' } } : { httpGet: { path: '/live', port: 8080 } }), ...often, failureThreshold: 60 },
    lifecycle: { preStop: { httpGet: { path: '/stopping', port: 8080 } } },
  });
  const other = shell('trap exit TERM; sleep 3600 & wait', {
    livenessProbe: { exec: EXEC, ...often },
    readinessProbe: { tcpSocket: { port: 8082 }, ...often },
    // If the app does not listen yet, the hook fails, and the kubelet starts this container again.
    lifecycle: { postStart: { httpGet: { path: '/started', port: 8080 } } },
  });
  return aPod({ name: `probed-${engine}`, annotations: annotations(engine), containers: [app, other] });
}

describe('probes through the sidecar', { skip: cannotRunPods() }, () => {
  let shop: E2eNamespace;
  const env = { CERT: '', KEY: '' };

  before(async () => {
    using ca = new TestCa('/CN=nobody');
    const { certificate, key } = ca.issue('/CN=app.example');
    Object.assign(env, { CERT: certificate, KEY: key });
    shop = await e2eNamespace('probes');
    for (const engine of ['nginx', 'node'] as const) await shop.create(resources.Pod, probedPod(engine, env));
  });
  after(async () => await shop?.cluster.close());

  const hits = async (pod: ObservedPod) => JSON.parse((await shop.request(pod, '/hits')).body) as Record<string, number>;
  const expected = {
    nginx: ['/started 127.0.0.1', '/start?full=1 app.example', '/secure 127.0.0.1', '/live 127.0.0.1'],
    node: ['/started 127.0.0.1', '/start?full=1 app.example', '/secure 127.0.0.1', '/grpc.health.v1.Health/Check'],
  };

  for (const engine of ['nginx', 'node'] as const) {
    describe(`with engine ${engine}`, () => {
      it('makes a pod ready whose app cannot be reached from outside', async () => {
        const pod = await shop.readyPod(`probed-${engine}`);
        assert.equal(pod.status.containerStatuses?.find(({ name }) => name === 'app')?.restartCount, 0);
        await assert.rejects(fetch(`http://${pod.status.podIP}:8080/`), 'the app listens on loopback only');
      });

      it('asks the app exactly what the probes say, and nothing else', async () => {
        const pod = await shop.readyPod(`probed-${engine}`);
        await eventually(async () => assert.deepEqual(Object.keys(await hits(pod)).sort(), [...expected[engine], 'tcp'].sort()));
      });

      it('leaves exec probes alone', async () => {
        const pod = await shop.pod(`probed-${engine}`);
        const { livenessProbe } = pod.spec.containers[1] as unknown as { livenessProbe: { exec?: object; httpGet?: object } };
        assert.deepEqual([livenessProbe.exec, livenessProbe.httpGet], [EXEC, undefined]);
      });

      it('shows nobody else a way into the app', async () => {
        const { spec: { containers }, status: { podIP } } = await shop.readyPod(`probed-${engine}`);
        const path = (containers.find(({ name }) => name === 'app') as { livenessProbe?: { httpGet?: { path?: string } } }).livenessProbe?.httpGet?.path ?? '';
        assert.match(path, /^\/probes\/[0-9a-f]{32}\/app\/livenessProbe$/);
        const ask = async (path: string, method = 'GET') => await fetch(`http://${podIP}:15643${path}`, { method });
        const probe = await ask(path);
        assert.deepEqual([probe.status, await probe.text()], [200, '']);
        assert.notEqual((await ask(path, 'POST')).status, 200);
        for (const other of [`${path}/`, path.replace('livenessProbe', 'hits'), `/ask${path}`, path.replace(/[0-9a-f]{32}\//, ''), path.replaceAll(/[0-9a-f]{32}/g, '0'.repeat(32)), '/hits', '/secure']) assert.equal((await ask(other)).status, 404, other);
      });

      it('tells the kubelet when the app is sick', async () => {
        const pod = await shop.readyPod(`probed-${engine}`);
        await shop.request(pod, '/sick');
        await eventually(async () => assert.equal(isReady(await shop.pod(`probed-${engine}`)), false), { timeoutMs: 20_000 });
      });

      it('calls the preStop hook before the app is told to end', async () => {
        const logs = shop.kubectl('logs', '--follow', `probed-${engine}`, '-c', 'app');
        await shop.kubectl('delete', 'pod', `probed-${engine}`, '--wait=false');
        const lines = (await logs).trim().split('\n');
        assert.deepEqual(lines.filter((line) => line === '/stopping 127.0.0.1' || line === 'SIGTERM'), ['/stopping 127.0.0.1', 'SIGTERM']);
      });
    });
  }
});
