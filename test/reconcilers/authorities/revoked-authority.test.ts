import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { OWN_ANNOTATION } from '../../../src/api/names.ts';
import type { Tenant } from '../../../src/api/tenant.ts';
import type { TenantCertificate, TenantCertificateSpec } from '../../../src/api/tenant-certificate.ts';
import { Cache } from '../../../src/kube/cache.ts';
import { findRevoked } from '../../../src/reconcilers/authorities/revoked-authority.ts';
import type { ReconcilerContext } from '../../../src/reconcilers/reconciler-context.ts';
import { aTenantCertificate } from '../../issuance/builders.ts';
import { quiet } from './state-store.ts';

describe('findRevoked', () => {
  const revoked = { reason: 'cACompromise' } as const;
  const byTenant = [{ certificate: { namespace: 'shop', name: 'hello' }, ...revoked }];
  const judge = (spec: Partial<TenantCertificateSpec>, { annotation = 'hello', list = [] as typeof byTenant } = {}) => {
    const certificates = new Cache<TenantCertificate>({ logger: quiet });
    const tenants = new Cache<Tenant>({ logger: quiet });
    certificates.upsert(aTenantCertificate({ isCA: true, ...spec }));
    tenants.upsert({ apiVersion: '', kind: 'Tenant', metadata: { name: 'shop' }, spec: { issuer: { kind: 'Secret', name: 'root' }, namespaces: {}, allow: { isCA: true }, revoked: list } });
    const secret = { metadata: { namespace: 'shop', name: 'sub-ca', annotations: { [OWN_ANNOTATION.certificateName]: annotation } } };
    return findRevoked({ caches: { certificates, tenants } } as unknown as ReconcilerContext, secret);
  };
  const ofTenant = { issuer: { kind: 'Tenant', name: 'shop' } } as const;

  it('stops a CA whose own object is revoked, and says which', () => {
    const refusal = judge({ revoked });
    assert.equal(refusal?.reason, 'Revoked');
    assert.match(refusal?.message ?? '', /shop\/sub-ca.*shop\/hello.*cACompromise/u);
  });
  it('stops a CA whose object the Tenant has revoked', () => assert.equal(judge(ofTenant, { list: byTenant })?.reason, 'Revoked'));
  it('lets go on who is not revoked', () => assert.equal(judge(ofTenant), undefined));
  it('lets go on who was not issued for an object that is here', () => assert.equal(judge({ revoked }, { annotation: 'other' }), undefined));
});
