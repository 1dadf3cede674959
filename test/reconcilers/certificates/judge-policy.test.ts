import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Namespace } from '../../../src/api/object-meta.ts';
import type { Tenant, TenantSpec } from '../../../src/api/tenant.ts';
import type { TenantCertificateSpec } from '../../../src/api/tenant-certificate.ts';
import { Cache } from '../../../src/kube/cache.ts';
import type { CertificateRun } from '../../../src/reconcilers/certificates/certificate-run.ts';
import { judgePolicy, TenantCollisions } from '../../../src/reconcilers/certificates/judge-policy.ts';
import { aTenantCertificate, desired } from '../../issuance/builders.ts';
import { quiet } from '../authorities/state-store.ts';

describe('judgePolicy', () => {
  const tenants = new Cache<Tenant>({ logger: quiet });
  const namespaces = new Cache<Namespace>({ logger: quiet });
  const collisions = new TenantCollisions(tenants);
  let version = 1;
  const put = (name: string, allow: Partial<TenantSpec['allow']>, creationTimestamp: string, selector: TenantSpec['namespaces'] = { names: ['shop'] }) => {
    version += 1;
    tenants.upsert({ apiVersion: '', kind: 'Tenant', metadata: { name, uid: name, creationTimestamp, resourceVersion: String(version) }, spec: { issuer: { kind: 'Secret', name: 'root' }, namespaces: selector, allow: { isCA: false, ...allow } } });
  };
  const refusal = (name: string, { kind = 'Tenant', ...names }: Partial<TenantCertificateSpec> & { kind?: 'Tenant' | 'Secret' } = {}) => {
    const issuer = { kind, name };
    const run = { certificate: aTenantCertificate({ issuer }), context: { caches: { tenants, namespaces }, collisions }, desired: desired({ issuer, ...names }), namespace: 'shop' };
    return judgePolicy(run as unknown as CertificateRun);
  };
  const judge = (name: string, kind: 'Tenant' | 'Secret' = 'Tenant') => refusal(name, { kind })?.reason;

  it('asks nothing of who holds the CA itself', () => assert.equal(judge('shop-ca', 'Secret'), undefined));
  it('refuses where there is no such Tenant', () => assert.equal(judge('nobody'), 'TenantNotFound'));
  it('refuses what is not allowed, and allows it when it is', () => {
    put('newer', {}, '2026-11-02T00:00:00Z');
    assert.equal(judge('newer'), 'PolicyViolation');
    put('newer', { commonNames: ['*.shop.example'] }, '2026-11-02T00:00:00Z');
    assert.equal(judge('newer'), undefined);
  });
  it('looks at the labels of the namespace', () => {
    const selector = { selector: { matchLabels: { team: 'shop' } } };
    put('newer', { commonNames: ['*.shop.example'] }, '2026-11-02T00:00:00Z', selector);
    assert.equal(judge('newer'), 'NamespaceNotAllowed');
    namespaces.upsert({ metadata: { name: 'shop', uid: 'shop', resourceVersion: '1', labels: { team: 'shop' } } });
    assert.equal(judge('newer'), undefined);
  });
  describe('of names in other spellings', () => {
    const ALLOW = { commonNames: ['spelled'], dnsNames: ['*.xn--bcher-kva.example'], ipAddresses: ['fd00::/8'] };
    const of = (names: Partial<TenantCertificateSpec>) => {
      put('spelled', ALLOW, '2026-11-01T00:00:00Z');
      return refusal('spelled', { commonName: 'spelled', ...names });
    };
    it('judges what the certificate will contain', () => {
      assert.equal(of({ dnsNames: ['a.bücher.example', 'A.xn--BCHER-kva.example'], ipAddresses: ['FD00:0:0::1'] }), undefined);
    });
    it('names the place and the xn-- form of an international name that is not allowed', () => {
      const found = of({ dnsNames: ['a.bücher.example', 'a.bücher.example', 'a.bäcker.example'] });
      assert.deepEqual([found?.reason, found?.field, found?.rule], ['PolicyViolation', 'spec.dnsNames[2]', 'allow.dnsNames']);
      assert.match(found?.message ?? '', /"a\.xn--bcker-gra\.example" matches none .*judged in their xn-- form, so ask for that$/);
    });
    it('says of an international name that cannot be converted to ask for its xn-- form', () => {
      const found = of({ dnsNames: ['ａ.example'] });
      assert.deepEqual([found?.reason, found?.field], ['InvalidSpec', 'spec.dnsNames[0]']);
      assert.match(found?.message ?? '', /asked for in its xn-- form/);
    });
    it('says nothing of names to a namespace that may not use the Tenant', () => {
      put('elsewhere', ALLOW, '2026-11-01T00:00:00Z', { names: ['x'] });
      assert.equal(refusal('elsewhere', { dnsNames: ['ａ.example'] })?.reason, 'NamespaceNotAllowed');
    });
  });
  it('notices when an older Tenant claims the names, and when it gives them up', () => {
    put('older', { commonNames: ['hello.shop.example'] }, '2026-11-01T00:00:00Z');
    assert.equal(judge('newer'), 'NameCollision');
    put('older', {}, '2026-11-01T00:00:00Z');
    assert.equal(judge('newer'), undefined);
  });
});
