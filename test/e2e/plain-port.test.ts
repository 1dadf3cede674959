// An app that listens on all addresses lets anybody walk around the TLS: told everywhere one would look, and closed by a NetworkPolicy on request.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { TenantCertificate } from '../../src/api/tenant-certificate.ts';
import type { KubeObject } from '../../src/kube/object.ts';
import { resources } from '../../src/kube/resources.ts';
import { eventually } from '../support/cluster.ts';
import { cannotRunPods, sidecarStatus } from '../support/e2e.ts';
import type { RunningPod } from '../support/e2e.ts';
import { e2eNamespace } from '../support/e2e-namespace.ts';
import type { E2eNamespace } from '../support/e2e-namespace.ts';
import { aPod, hello } from '../support/pods.ts';

type Event = KubeObject & { readonly reason: string; readonly involvedObject: { readonly kind: string; readonly name: string } };

describe('an app that listens on all addresses', { skip: cannotRunPods() }, () => {
  let shop: E2eNamespace;

  before(async () => {
    shop = await e2eNamespace('plain-port');
    for (const [name, engine, address] of [['open-nginx', 'nginx', '0.0.0.0'], ['open-node', 'node', '0.0.0.0'], ['closed', 'nginx', '127.0.0.1']] as const) {
      const annotations = { 'tenant-mtls.dev/certificate': 'hello', 'tenant-mtls.dev/engine': engine };
      await shop.create(resources.Pod, aPod({ name, annotations, containers: [hello({ env: [{ name: 'LISTEN_ADDRESS', value: address }] })] }));
    }
  });
  after(async () => await shop?.cluster.close());

  const reachable = async (name: string) => (await sidecarStatus((await shop.readyPod(name)) as unknown as RunningPod)).plaintextReachable;
  const condition = async () => (await shop.read<TenantCertificate>(resources.TenantCertificate, 'hello')).status?.conditions?.find(({ type }) => type === 'PlaintextReachable');

  it('is told by the sidecar of either engine, and only where it is so', async () => {
    for (const name of ['open-nginx', 'open-node']) await eventually(async () => assert.deepEqual(await reachable(name), [8080], name), { timeoutMs: 20_000, intervalMs: 300 });
    assert.deepEqual(await reachable('closed'), []);
  });

  it('is told by a condition of the certificate and an Event of each pod', async () => {
    await eventually(async () => {
      assert.equal((await condition())?.status, 'True');
      const { items } = await shop.cluster.admin.list<Event>(resources.Event, { namespace: shop.name });
      const told = items.filter(({ reason }) => reason === 'PlaintextReachable').map(({ involvedObject: { kind, name } }) => `${kind} ${name}`);
      assert.deepEqual([...new Set(told)].sort(), ['Pod open-nginx', 'Pod open-node']);
    }, { timeoutMs: 40_000, intervalMs: 500 });
  });

  it('is closed by a NetworkPolicy that leaves every other port open, and that goes when it is no longer wanted', async () => {
    const policies = async () => (await shop.cluster.admin.list<KubeObject & { spec: { ingress: { ports: { port: number; endPort: number }[] }[] } }>(resources.NetworkPolicy, { namespace: shop.name })).items;
    await shop.patch(resources.TenantCertificate, 'hello', { spec: { networkPolicy: 'Managed' } });
    await eventually(async () => {
      const [policy, ...others] = await policies();
      const ports = policy?.spec.ingress.flatMap(({ ports }) => ports) ?? [];
      const allows = (port: number) => ports.some((range) => range.port <= port && port <= (range.endPort ?? range.port));
      assert.deepEqual([others.length, allows(8080), allows(8079), allows(8081), allows(8443), allows(15_643)], [0, false, true, true, true, true]);
    }, { timeoutMs: 20_000 });
    await shop.patch(resources.TenantCertificate, 'hello', { spec: { networkPolicy: 'Unmanaged' } });
    await eventually(async () => assert.deepEqual(await policies(), []), { timeoutMs: 20_000 });
  });
});
