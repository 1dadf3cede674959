import assert from 'node:assert/strict';
import { connect as connectSocket, createServer, type AddressInfo, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { KubeConfig } from '@kubernetes/client-node';
import { LeaderElection } from '../../src/controller/leader-election.ts';
import { ApiClient } from '../../src/kube/api-client.ts';
import { isAlreadyExists, isConflict, isForbidden, isGone, isInvalid, isNotFound } from '../../src/kube/api-error.ts';
import { EventRecorder } from '../../src/kube/events.ts';
import { Informer, type InformerOptions } from '../../src/kube/informer.ts';
import { LeaseStore } from '../../src/kube/lease.ts';
import type { KubeObject, ObjectMeta } from '../../src/kube/object.ts';
import { ReferencedObjects } from '../../src/kube/referenced-objects.ts';
import { resources } from '../../src/kube/resources.ts';
import { readWatch } from '../../src/kube/watch.ts';
import { silentLogger } from '../kube/scripted-server.ts';
import { clientAs, connect, eventually, freshNamespace, missingCluster, tokenFor, type Cluster } from '../support/cluster.ts';
import { installPrerequisites } from '../support/operator.ts';

/** The client layer against a real API server: what the scripted server cannot know. */
type Config = KubeObject & { readonly metadata: ObjectMeta & { readonly name: string }; readonly data?: Record<string, string> };

const { ConfigMap, Event, Lease, TenantCertificate } = resources;
const skip = missingCluster();

describe('the Kubernetes client and a real API server', { skip, timeout: 60_000 }, () => {
  let cluster: Cluster;
  let admin: ApiClient;
  let namespace: string;
  const stop = new AbortController();

  function aConfig(name: string, data: Record<string, string> = { key: 'value' }): Config {
    return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace, name }, data };
  }

  async function startInformer(options: Partial<InformerOptions<Config>> = {}): Promise<Informer<Config>> {
    const informer = new Informer<Config>({ client: admin, logger: silentLogger, resource: ConfigMap, namespace, ...options });
    void informer.run(stop.signal);
    await informer.whenSynced();
    return informer;
  }

  before(async () => {
    cluster = connect();
    admin = cluster.admin;
    namespace = await freshNamespace(cluster, 'kube-client');
  });
  after(async () => {
    stop.abort();
    await cluster.close();
  });

  describe('verbs', () => {
    it('a create gives back what the server made of it, and a second one already exists', async () => {
      const created = await admin.create(ConfigMap, aConfig('created'));
      assert.ok(created.metadata.uid);
      await assert.rejects(admin.create(ConfigMap, aConfig('created')), isAlreadyExists);
    });

    it('an apply takes over a field that a create of ours or of somebody else has set', async () => {
      await admin.create(ConfigMap, aConfig('applied'), { query: { fieldManager: 'somebody' } });
      const applied = await admin.applyServerSide(ConfigMap, aConfig('applied', { key: 'ours' }));
      assert.deepEqual(applied.data, { key: 'ours' });
      const reduced = await admin.applyServerSide(ConfigMap, aConfig('applied', {}));
      assert.deepEqual(reduced.data ?? {}, {});
    });

    it('a replace with a stale resourceVersion is a conflict', async () => {
      const stale = await admin.create(ConfigMap, aConfig('replaced'));
      await admin.mergePatch(ConfigMap, { namespace, name: 'replaced' }, { data: { key: 'newer' } });
      await assert.rejects(admin.replace(ConfigMap, stale), isConflict);
    });

    it('a JSON patch does what it says', async () => {
      await admin.create(ConfigMap, aConfig('patched'));
      const patch = [{ op: 'test', path: '/data/key', value: 'value' }, { op: 'replace', path: '/data/key', value: 'patched' }];
      const patched = await admin.jsonPatch<Config>(ConfigMap, { namespace, name: 'patched' }, patch);
      assert.deepEqual(patched.data, { key: 'patched' });
      await assert.rejects(admin.jsonPatch(ConfigMap, { namespace, name: 'patched' }, patch), isInvalid);
    });

    it('a delete spares an object with another uid, and in a dry run every one', async () => {
      await admin.create(ConfigMap, aConfig('deleted'));
      const ref = { namespace, name: 'deleted' };
      await assert.rejects(admin.delete(ConfigMap, ref, { preconditions: { uid: 'another' } }), isConflict);
      await admin.delete(ConfigMap, ref, { query: { dryRun: 'All' } });
      await admin.get(ConfigMap, ref);
      await admin.delete(ConfigMap, ref);
      await assert.rejects(admin.get(ConfigMap, ref), isNotFound);
    });

    it('a list comes in pages of one snapshot', async () => {
      for (const name of ['p1', 'p2', 'p3', 'p4', 'p5']) await admin.create(ConfigMap, { ...aConfig(name), metadata: { namespace, name, labels: { page: 'yes' } } });
      const sizes: number[] = [];
      const versions = new Set<string>();
      for await (const page of admin.pages(ConfigMap, { namespace, labelSelector: 'page=yes', pageSize: 2 })) {
        sizes.push(page.items.length);
        versions.add(page.resourceVersion);
      }
      assert.deepEqual([sizes, versions.size], [[2, 2, 1], 1]);
    });

    it('a service account may do only what it was granted', async () => {
      await eventually(async () => await admin.get(resources.ServiceAccount, { namespace, name: 'default' }));
      const client = clientAs(cluster, await tokenFor(cluster, namespace, 'default'));
      await assert.rejects(client.get(resources.Secret, { namespace, name: 'x' }), isForbidden);
    });
  });

  describe('informers', () => {
    it('follow what is created, changed and deleted', async () => {
      const { cache } = await startInformer();
      await admin.create(ConfigMap, aConfig('followed'));
      await eventually(() => assert.deepEqual(cache.get(`${namespace}/followed`)?.data, { key: 'value' }));
      await admin.mergePatch(ConfigMap, { namespace, name: 'followed' }, { data: { key: 'changed' } });
      await eventually(() => assert.deepEqual(cache.get(`${namespace}/followed`)?.data, { key: 'changed' }));
      await admin.delete(ConfigMap, { namespace, name: 'followed' });
      await eventually(() => assert.equal(cache.get(`${namespace}/followed`), undefined));
    });

    it('never show less than our own writes, and one change for each', async () => {
      const { cache } = await startInformer();
      const versions: (string | undefined)[] = [];
      cache.onChange((key, _before, after) => key.endsWith('/mine') && versions.push(after?.metadata.resourceVersion));
      cache.observe(await admin.create(ConfigMap, aConfig('mine')));
      for (let turn = 0; turn < 20; turn += 1) {
        const written = await admin.mergePatch<Config>(ConfigMap, { namespace, name: 'mine' }, { data: { turn: String(turn) } });
        cache.observe(written);
        assert.equal(cache.get(`${namespace}/mine`)?.data?.['turn'], String(turn));
      }
      await admin.create(ConfigMap, aConfig('afterwards'));
      await eventually(() => assert.ok(cache.get(`${namespace}/afterwards`)));
      assert.equal(versions.length, 21);
    });

    it('can hold metadata only, selected by label', async () => {
      const labels = { selected: 'yes' };
      await admin.create(ConfigMap, { ...aConfig('slim'), metadata: { namespace, name: 'slim', labels } });
      const { cache } = await startInformer({ metadataOnly: true, labelSelector: 'selected=yes' });
      await admin.create(ConfigMap, { ...aConfig('slim-too'), metadata: { namespace, name: 'slim-too', labels } });
      await eventually(() => assert.equal(cache.size, 2));
      for (const object of cache.values()) assert.deepEqual([object.metadata.labels, object.data], [labels, undefined]);
    });

    it('miss nothing when every connection is cut again and again', async () => {
      const proxy = await cuttingProxy(cluster);
      const informer = await startInformer({ client: proxy.client });
      for (let turn = 0; turn < 5; turn += 1) {
        proxy.cutAll();
        await admin.create(ConfigMap, aConfig(`cut-${turn}`));
        await eventually(() => assert.ok(informer.cache.get(`${namespace}/cut-${turn}`)), { timeoutMs: 5000 });
      }
    });

    it('are told when the past is gone', async () => {
      // The server remembers nothing of a kind from before it was installed; of ConfigMaps a young one remembers all.
      await installPrerequisites(cluster);
      const open = async (signal: AbortSignal): Promise<AsyncIterable<Buffer>> => await admin.watch(TenantCertificate, { namespace, resourceVersion: '1', timeoutSeconds: 5, signal });
      await assert.rejects(readWatch({ open, onEvent: () => undefined, silenceMs: 10_000, signal: stop.signal }), isGone);
    });
  });

  it('an object that is referred to by name is followed from when it is asked for until it is no longer wanted', async () => {
    const changed: string[] = [];
    const references = new ReferencedObjects<Config>({ client: admin, resource: ConfigMap, logger: silentLogger, onChange: (key) => void changed.push(key) });
    const ref = { namespace, name: 'referenced' };
    assert.equal(references.get(ref).state, 'unknown');
    await eventually(() => assert.equal(references.get(ref).state, 'absent'));
    assert.deepEqual(changed, [`${namespace}/referenced`]);
    await admin.create(ConfigMap, aConfig('referenced'));
    await admin.create(ConfigMap, aConfig('not-referenced'));
    await eventually(() => assert.equal(references.get(ref).state, 'present'));
    await admin.delete(ConfigMap, ref);
    await eventually(() => assert.equal(references.get(ref).state, 'absent'));
    assert.deepEqual(changed, Array.from({ length: 3 }, () => `${namespace}/referenced`));
    references.retain(new Set());
    assert.equal(references.size, 0);
    references.close();
  });

  it('a lease is held by one, and handed over when that one stops', async () => {
    const order: string[] = [];
    const candidates = ['first', 'second'].map((identity) => {
      const leaving = new AbortController();
      const election = new LeaderElection({ leases: new LeaseStore(admin, { namespace, name: 'leader' }), identity, random: Math.random, retryPeriodMs: 200 });
      const running = election.run(leaving.signal, async (leading) => {
        order.push(identity);
        await new Promise((resolve) => leading.addEventListener('abort', resolve));
      });
      return { identity, leaving, running };
    });
    await eventually(() => assert.equal(order.length, 1));
    const [leader, other] = candidates.sort((one) => (one.identity === order[0] ? -1 : 1));
    leader?.leaving.abort();
    await leader?.running;
    await eventually(() => assert.deepEqual(order, [leader?.identity, other?.identity]), { timeoutMs: 3000 });
    other?.leaving.abort();
    await other?.running;
    const lease = await admin.get<KubeObject & { spec: { holderIdentity?: string; leaseTransitions: number } }>(Lease, { namespace, name: 'leader' });
    assert.deepEqual([lease.spec.holderIdentity ?? '', lease.spec.leaseTransitions], ['', 1]);
  });

  it('Events about an object are accepted and counted up', async () => {
    const object = await admin.create(ConfigMap, aConfig('eventful'));
    const events = new EventRecorder({ client: admin, logger: silentLogger, instance: 'test' });
    for (let times = 0; times < 3; times += 1) events.record(object, { type: 'Warning', reason: 'Tested', message: 'said three times' });
    await events.stop(5000);
    const { items } = await admin.list<KubeObject & { count: number }>(Event, { namespace, fieldSelector: 'involvedObject.name=eventful' });
    assert.deepEqual(items.map(({ count }) => count), [3]);
  });
});

/** A TCP proxy in front of the API server whose connections can be cut. */
async function cuttingProxy({ kubeConfig, cleanups }: Cluster): Promise<{ client: ApiClient; cutAll: () => void }> {
  const target = kubeConfig.getCurrentCluster() ?? assert.fail('no cluster');
  const { hostname, port } = new URL(target.server);
  const sockets = new Set<Socket>();
  const proxy = createServer((inbound) => {
    const outbound = connectSocket(Number(port), hostname);
    for (const [socket, peer] of [[inbound, outbound], [outbound, inbound]] as const) {
      sockets.add(socket);
      socket.pipe(peer);
      socket.on('error', () => peer.destroy());
      socket.on('close', () => {
        sockets.delete(socket);
        peer.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const proxied = new KubeConfig();
  const server = `https://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  const user = kubeConfig.getCurrentUser() ?? assert.fail('no user');
  proxied.loadFromClusterAndUser({ ...target, server, tlsServerName: hostname === '127.0.0.1' ? 'kubernetes' : hostname }, user);
  const client = new ApiClient(proxied);
  const cutAll = (): void => sockets.forEach((socket) => socket.destroy());
  cleanups.push(async () => {
    await client.close();
    cutAll();
    proxy.close();
  });
  return { client, cutAll };
}
