import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatKey, parseKey } from '../../src/kube/object.ts';
import { collectionPath, objectPath, resources } from '../../src/kube/resources.ts';

describe('objectPath', () => {
  const cases: Record<string, { path: string; is: string }> = {
    'the core group has a root of its own': { path: objectPath(resources.Secret, { namespace: 'shop', name: 'a' }), is: '/api/v1/namespaces/shop/secrets/a' },
    'other groups stand under /apis': { path: objectPath(resources.Lease, { namespace: 'shop', name: 'a' }), is: '/apis/coordination.k8s.io/v1/namespaces/shop/leases/a' },
    'a cluster-scoped object has no namespace': { path: objectPath(resources.Tenant, { name: 'a' }), is: '/apis/tenant-mtls.dev/v1alpha1/tenants/a' },
    'a subresource comes last': { path: objectPath(resources.Tenant, { name: 'a' }, 'status'), is: '/apis/tenant-mtls.dev/v1alpha1/tenants/a/status' },
    'a name cannot leave its place': { path: objectPath(resources.Secret, { namespace: 'shop', name: '../x?y' }), is: '/api/v1/namespaces/shop/secrets/..%2Fx%3Fy' },
    'a collection may span the cluster': { path: collectionPath(resources.Secret), is: '/api/v1/secrets' },
  };
  for (const [sentence, { path, is }] of Object.entries(cases)) it(sentence, () => assert.equal(path, is));

  it('refuses an empty name, which would address the whole collection', () => {
    assert.throws(() => objectPath(resources.Secret, { namespace: 'shop', name: '' }), /without a name/);
  });
});

describe('formatKey', () => {
  for (const ref of [{ namespace: 'shop', name: 'a' }, { name: 'a' }]) {
    it(`is undone by parseKey: ${formatKey(ref)}`, () => assert.deepEqual(parseKey(formatKey(ref)), ref));
  }
});
