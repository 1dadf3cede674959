import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Namespace } from '../../../src/api/object-meta.ts';
import { ApiError } from '../../../src/kube/api-error.ts';
import { Cache } from '../../../src/kube/cache.ts';
import type { CertificateRun } from '../../../src/reconcilers/certificates/certificate-run.ts';
import { isNamespaceKnown } from '../../../src/reconcilers/certificates/known-namespace.ts';
import { aTenantCertificate } from '../../issuance/builders.ts';
import { quiet } from '../authorities/state-store.ts';

describe('isNamespaceKnown', () => {
  function look(cached: readonly Namespace[], served: Namespace | undefined, kind: 'Tenant' | 'Secret' = 'Tenant') {
    const namespaces = new Cache<Namespace>({ logger: quiet });
    for (const each of cached) namespaces.upsert(each);
    let reads = 0;
    const get = async () => {
      reads += 1;
      if (served === undefined) throw new ApiError('get', { code: 404, reason: 'NotFound' });
      return served;
    };
    const run = { context: { caches: { namespaces }, client: { get } }, certificate: aTenantCertificate({ issuer: { kind, name: 'shop' } }), namespace: 'shop', signal: new AbortController().signal };
    const known = isNamespaceKnown(run as unknown as CertificateRun);
    return { known, labels: () => namespaces.get('shop')?.metadata.labels, reads: () => reads };
  }
  const shop: Namespace = { metadata: { name: 'shop', uid: 'shop', resourceVersion: '7', labels: { stage: 'test' } } };

  it('reads one that the watch has not told of, so that its labels are judged', async () => {
    const { known, labels, reads } = look([], shop);
    assert.deepEqual([await known, labels(), reads()], [true, { stage: 'test' }, 1]);
  });
  it('reads none that it knows', async () => {
    const { known, reads } = look([shop], undefined);
    assert.deepEqual([await known, reads()], [true, 0]);
  });
  it('asks nothing for who holds the CA itself', async () => {
    const { known, reads } = look([], undefined, 'Secret');
    assert.deepEqual([await known, reads()], [true, 0]);
  });
  it('knows none that is not there', async () => assert.equal(await look([], undefined).known, false));
});
