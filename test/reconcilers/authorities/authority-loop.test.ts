import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FINALIZER } from '../../../src/api/names.ts';
import type { TenantCertificate } from '../../../src/api/tenant-certificate.ts';
import { Cache } from '../../../src/kube/cache.ts';
import type { AuthorityState } from '../../../src/reconcilers/authorities/authority.ts';
import { waitingForCrl } from '../../../src/reconcilers/authorities/authority-loop.ts';
import { INDEX } from '../../../src/reconcilers/reconciler-context.ts';
import { quiet } from './state-store.ts';

const DELETED = { deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: [FINALIZER] };

describe('waitingForCrl', () => {
  const certificates = new Cache<TenantCertificate>({ logger: quiet, indexes: { [INDEX.signedBy]: ({ status }) => status?.issued?.map(({ issuerSHA256 }) => issuerSHA256) ?? [] } });
  const add = (name: string, issuers: readonly string[], metadata: object = {}, spec: object = {}) =>
    certificates.upsert({
      metadata: { namespace: 'shop', name, uid: name, resourceVersion: '1', ...metadata }, spec: { issuer: { kind: 'Secret', name: 'now' }, ...spec },
      status: { issued: issuers.map((issuerSHA256, index) => ({ issuerSHA256, serialNumber: String(index), notAfter: '2027-01-01T00:00:00Z' })) },
    } as unknown as TenantCertificate);
  add('deleted', ['earlier', 'now'], DELETED);
  add('revoked', ['earlier'], {}, { revoked: {} });
  add('released', ['earlier'], { ...DELETED, finalizers: [] });
  add('in-use', ['earlier', 'now']);
  add('of-others', ['another'], DELETED);
  const keptFor = (...issuers: string[]) => ({ kind: 'ready', authority: { issuers, revocations: { issuers: new Set(issuers) } } }) as unknown as AuthorityState;

  it('names whoever is to be revoked by an issuer that it had before', () => assert.deepEqual(waitingForCrl({ certificates }, keptFor('earlier')), ['shop/deleted', 'shop/revoked']));
  it('names nobody where no CRL is kept', () => assert.deepEqual(waitingForCrl({ certificates }, { kind: 'ready', authority: { issuers: ['earlier'] } } as unknown as AuthorityState), []));
  it('names nobody for an authority that is refused or gone', () => {
    assert.deepEqual(waitingForCrl({ certificates }, { kind: 'refused', refusal: { reason: 'IssuerNotFound', message: '' } }), []);
    assert.deepEqual(waitingForCrl({ certificates }, undefined), []);
  });
});
