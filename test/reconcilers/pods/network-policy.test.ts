import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TenantCertificate } from '../../../src/api/tenant-certificate.ts';
import { ApiError } from '../../../src/kube/api-error.ts';
import { Cache } from '../../../src/kube/cache.ts';
import type { InjectedPod } from '../../../src/reconcilers/pods/injected-pod.ts';
import { buildNetworkPolicy, openPorts } from '../../../src/reconcilers/pods/network-policy.ts';
import { writeNetworkPolicy } from '../../../src/reconcilers/pods/write-network-policy.ts';
import type { LivePolicy } from '../../../src/reconcilers/pods/write-network-policy.ts';

const never = new AbortController().signal;
const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

function aCertificate({ networkPolicy = 'Managed', addresses = [] }: { networkPolicy?: string; addresses?: string[] } = {}): TenantCertificate {
  const proxy = addresses.length === 0 ? {} : { proxy: { listeners: [], upstreams: [{ name: 'app', addresses }] } };
  return { apiVersion: 'tenant-mtls.dev/v1alpha1', kind: 'TenantCertificate', metadata: { name: 'hello', namespace: 'shop', uid: 'u' }, spec: { networkPolicy, ...proxy } } as unknown as TenantCertificate;
}

describe('openPorts', () => {
  const written = (closed: number[]) => openPorts(closed).map(({ port, endPort }) => (endPort === undefined ? `${port}` : `${port}-${endPort}`)).join(' ');
  const table: Record<string, [number[], string]> = {
    'nothing is closed': [[], '1-65535'],
    'one port is closed': [[8080], '1-8079 8081-65535'],
    'the first is closed': [[1], '2-65535'],
    'the last is closed': [[65_535], '1-65534'],
    'neighbours are closed': [[8080, 8081], '1-8079 8082-65535'],
    'one port stays between two': [[8080, 8082], '1-8079 8081 8083-65535'],
    'they come unsorted and twice': [[9090, 8080, 9090], '1-8079 8081-9089 9091-65535'],
    'the two first and the two last are closed': [[1, 2, 65_534, 65_535], '3-65533'],
  };
  for (const [sentence, [closed, expected]] of Object.entries(table)) it(`says what is open when ${sentence}`, () => assert.equal(written(closed), expected));
});

describe('buildNetworkPolicy', () => {
  it('closes the ports on loopback that upstreams name and the apps\' ports, for everyone, and nothing else', () => {
    const { metadata, spec } = buildNetworkPolicy(aCertificate({ addresses: ['127.0.0.1:9000', 'db.shop.svc:5432', '[::1]:9001'] }), [8080, 8080]);
    assert.deepEqual(spec, {
      podSelector: { matchLabels: { 'tenant-mtls.dev/certificate': 'hello' } },
      policyTypes: ['Ingress'],
      ingress: [{
        ports: [
          { protocol: 'TCP', port: 1, endPort: 8079 }, { protocol: 'TCP', port: 8081, endPort: 8999 }, { protocol: 'TCP', port: 9002, endPort: 65_535 },
          { protocol: 'UDP' }, { protocol: 'SCTP' },
        ],
      }],
    });
    assert.deepEqual(metadata, {
      name: 'hello-upstream-ports', namespace: 'shop',
      labels: { 'app.kubernetes.io/managed-by': 'tenant-mtls', 'tenant-mtls.dev/certificate': 'hello' },
      annotations: { 'tenant-mtls.dev/certificate-name': 'hello' },
      ownerReferences: [{ apiVersion: 'tenant-mtls.dev/v1alpha1', kind: 'TenantCertificate', name: 'hello', uid: 'u', controller: true, blockOwnerDeletion: false }],
    });
  });
});

describe('writeNetworkPolicy', () => {
  const aPod = (appPort: number): InjectedPod => ({ metadata: { name: 'a' }, status: {}, sidecar: { appPort } });
  const foreign: LivePolicy = { ...buildNetworkPolicy(aCertificate(), []), metadata: { name: 'hello-upstream-ports', namespace: 'shop', uid: 'theirs', resourceVersion: '5' } };
  const ours = (): LivePolicy => ({ ...buildNetworkPolicy(aCertificate(), [8080]), metadata: { ...buildNetworkPolicy(aCertificate(), []).metadata, uid: 'ours', resourceVersion: '5' } });

  /** `there`: what the API server holds; `isCached`: and whether the cache knows of it. */
  function world(there?: LivePolicy, { isCached = there !== undefined } = {}) {
    const networkPolicies = new Cache<LivePolicy>({ logger: quiet });
    let stored = there;
    if (stored !== undefined && isCached) networkPolicies.upsert(stored);
    const store = <T>(object: T): T => {
      const { metadata } = object as LivePolicy;
      stored = { ...(object as LivePolicy), metadata: { ...metadata, uid: stored?.metadata.uid ?? 'new', resourceVersion: String(Number(stored?.metadata.resourceVersion ?? '10') + 1) } };
      return stored as T;
    };
    const client = {
      create: async <T>(_: unknown, object: T): Promise<T> => {
        if (stored !== undefined) throw new ApiError('create', { code: 409, reason: 'AlreadyExists' });
        return store(object);
      },
      get: async <T>(): Promise<T> => stored as T,
      applyServerSide: async <T>(_: unknown, object: T): Promise<T> => store(object),
      delete: async () => void (stored = undefined),
    };
    return { writer: { client, networkPolicies }, stored: () => stored, cached: () => networkPolicies.get('shop/hello-upstream-ports') };
  }

  it('writes the policy, and again only when a pod has another port', async () => {
    const { writer, stored } = world();
    const [said] = await writeNetworkPolicy(writer, aCertificate(), [aPod(8080)], never);
    assert.deepEqual([said?.type, said?.status, stored()?.metadata.resourceVersion], ['NetworkPolicyReady', 'True', '11']);
    await writeNetworkPolicy(writer, aCertificate(), [aPod(8080)], never);
    assert.equal(stored()?.metadata.resourceVersion, '11');
    await writeNetworkPolicy(writer, aCertificate(), [aPod(8080), aPod(9090)], never);
    assert.equal(stored()?.metadata.resourceVersion, '12');
  });

  it('leaves a policy of somebody else alone, wanted or not', async () => {
    for (const isCached of [true, false]) {
      const { writer, stored } = world(foreign, { isCached });
      const [said] = await writeNetworkPolicy(writer, aCertificate(), [aPod(8080)], never);
      assert.deepEqual([said?.status, said?.reason, stored()], ['False', 'NetworkPolicyNotOwned', foreign]);
      assert.deepEqual([await writeNetworkPolicy(writer, aCertificate({ networkPolicy: 'Unmanaged' }), [], never), stored()], [[], foreign]);
    }
  });

  it('adopts one that says it is ours though the cache does not know it', async () => {
    const { writer, stored } = world({ ...ours(), spec: foreign.spec }, { isCached: false });
    const [said] = await writeNetworkPolicy(writer, aCertificate(), [aPod(9090)], never);
    assert.deepEqual([said?.status, stored()?.spec], ['True', buildNetworkPolicy(aCertificate(), [9090]).spec]);
  });

  it('removes it when it is no longer wanted', async () => {
    const { writer, stored, cached } = world(ours());
    assert.deepEqual(await writeNetworkPolicy(writer, aCertificate({ networkPolicy: 'Unmanaged' }), [aPod(8080)], never), []);
    assert.deepEqual([stored(), cached()], [undefined, undefined]);
  });
});
