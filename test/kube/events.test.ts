import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EventRecorder } from '../../src/kube/events.ts';
import { eventually } from '../support/cluster.ts';
import { drop, hang, json, play, silentLogger, status, type Answer, type ScriptedServer } from './scripted-server.ts';

const hello = { apiVersion: 'tenant-mtls.dev/v1alpha1', kind: 'TenantCertificate', metadata: { namespace: 'shop', name: 'hello', uid: 'u1' } };
const issued = { type: 'Normal', reason: 'Issued', message: 'serial 1' } as const;

async function recorder(...script: Answer[]): Promise<{ events: EventRecorder; server: ScriptedServer; warnings: string[] }> {
  const server = await play(...script);
  const warnings: string[] = [];
  const logger = { ...silentLogger, warn: (_fields: object, message: string) => void warnings.push(message) };
  return { events: new EventRecorder({ client: server.client, logger, instance: 'pod-1', now: () => 0 }), server, warnings };
}

describe('EventRecorder', () => {
  it('writes a core/v1 Event beside its object', async () => {
    const { events, server } = await recorder(json({}));
    events.record(hello, issued);
    await events.stop(1000);
    const { path, body } = server.requests[0] ?? assert.fail('nothing was written');
    const { metadata, ...event } = JSON.parse(body) as { metadata: { name: string; namespace: string } };
    assert.equal(path, '/api/v1/namespaces/shop/events');
    assert.match(metadata.name, /^hello\.[0-9a-f]{16}$/);
    assert.deepEqual(event, {
      apiVersion: 'v1',
      kind: 'Event',
      involvedObject: { apiVersion: hello.apiVersion, kind: hello.kind, namespace: 'shop', name: 'hello', uid: 'u1' },
      ...issued,
      count: 1,
      firstTimestamp: '1970-01-01T00:00:00Z',
      lastTimestamp: '1970-01-01T00:00:00Z',
      source: { component: 'tenant-mtls' },
      reportingComponent: 'tenant-mtls',
      reportingInstance: 'pod-1',
    });
  });

  it('puts an Event about a cluster-scoped object into the namespace default', async () => {
    const { events, server } = await recorder(json({}));
    events.record({ kind: 'Tenant', metadata: { name: 'shop' } }, issued);
    await events.stop(1000);
    assert.equal(server.requests[0]?.path, '/api/v1/namespaces/default/events');
  });

  it('counts up an Event that is written already, with one patch for many', async () => {
    const { events, server } = await recorder(json({}));
    for (let times = 0; times < 5; times += 1) events.record(hello, issued);
    await events.stop(1000);
    assert.deepEqual(server.requests.map(({ method }) => method), ['POST', 'PATCH']);
    assert.equal((JSON.parse(server.requests[1]?.body ?? '') as { count: number }).count, 5);
  });

  it('writes an Event anew when its first is gone', async () => {
    const { events, server } = await recorder(json({}), status(404, 'NotFound'), json({}));
    events.record(hello, issued);
    events.record(hello, issued);
    await events.stop(1000);
    assert.deepEqual(server.requests.map(({ method }) => method), ['POST', 'PATCH', 'POST']);
  });

  it('logs what could not be written, and goes on', async () => {
    const { events, server, warnings } = await recorder(drop, json({}));
    events.record(hello, issued);
    await events.stop(1000);
    assert.deepEqual([server.requests.length, warnings], [1, ['event lost']]);
  });

  it('does not warn about a namespace that is going away', async () => {
    const { events, warnings } = await recorder(status(403, 'Forbidden'));
    events.record(hello, issued);
    await events.stop(1000);
    assert.deepEqual(warnings, []);
  });

  it('drops what is too much instead of waiting', async () => {
    const { events, server } = await recorder(hang);
    for (let index = 0; index < 10_000; index += 1) events.record({ metadata: { name: 'x', uid: String(index) } }, issued);
    await eventually(() => assert.equal(server.requests.length, 4));
    await events.stop(50);
    assert.equal(server.requests.length, 4);
  });

  it('stops at its deadline and takes nothing more', async () => {
    const { events, server } = await recorder(hang);
    events.record(hello, issued);
    const startedAt = performance.now();
    await events.stop(100);
    assert.ok(performance.now() - startedAt < 1000);
    events.record(hello, { ...issued, message: 'later' });
    assert.equal(server.requests.length, 1);
  });
});
