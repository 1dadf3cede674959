import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Tenant } from '../../../src/api/tenant.ts';
import type { TenantCertificate } from '../../../src/api/tenant-certificate.ts';
import type { BroughtUp } from '../../../src/reconcilers/authorities/bring-up-authority.ts';
import { tenantStatus } from '../../../src/reconcilers/authorities/tenant-status.ts';
import type { TenantFindings } from '../../../src/reconcilers/authorities/tenant-status.ts';
import { aTenantCertificate, at, DAY } from '../../issuance/builders.ts';

const tenant: Tenant = { apiVersion: '', kind: 'Tenant', metadata: { name: 'shop', generation: 3 }, spec: { issuer: { kind: 'Secret', name: 'root' }, namespaces: { names: ['shop'] }, allow: { isCA: false } } };
const certificate = (ready: 'True' | 'False', pods?: { total: number; current: number }): TenantCertificate => ({
  ...aTenantCertificate(),
  status: { conditions: [{ type: 'Ready', status: ready, reason: 'x', message: '', lastTransitionTime: '' }], ...(pods && { pods: { ...pods, summary: '' } }) },
});
const broughtUp = ({ progress, behind = [], waiting }: { progress?: string; behind?: readonly string[]; waiting?: string } = {}): BroughtUp => ({
  authority: { name: 'Tenant shop', issuer: { sha256: 'a'.repeat(64), notAfter: at(DAY) }, anchor: { pem: 'PEM' }, crls: [{ number: '7', nextUpdate: at(DAY), issuerSHA256: 'a'.repeat(64) }], notices: [], ...(waiting && { waiting }) },
  rotation: { state: { phase: 'Prepared', since: at(0) }, behind, ...(progress && { progress }) },
}) as unknown as BroughtUp;
const status = (findings: Partial<TenantFindings>, of: Tenant = tenant) => tenantStatus(of, { certificates: [], collisions: [], ...findings }, at(0));
const say = (type: string, findings: Partial<TenantFindings>, of?: Tenant) => {
  const found = status(findings, of).conditions?.find((each) => each.type === type);
  return found && `${found.status} ${found.reason} ${found.message}`;
};

describe('tenantStatus', () => {
  it('shows the authority, its CRL and how far its replacement has got', () => {
    const { anchor, certificateSHA256, notAfter, crl, rotation, observedGeneration } = status({ broughtUp: broughtUp() });
    assert.deepEqual({ anchor, certificateSHA256, notAfter, crl, rotation, observedGeneration }, {
      anchor: 'PEM', certificateSHA256: 'a'.repeat(64), notAfter: '2026-11-02T00:00:00Z', crl: { number: '7', nextUpdate: '2026-11-02T00:00:00Z' }, rotation: { phase: 'Prepared', since: '2026-11-01T00:00:00Z' }, observedGeneration: 3,
    });
  });

  it('goes on showing them while the authority is refused', () => {
    const before = status({ broughtUp: broughtUp() });
    const { conditions: _, ...refused } = status({ refusal: { reason: 'CRLExpired', message: 'why' } }, { ...tenant, status: before });
    const { conditions: __, ...shown } = before;
    assert.deepEqual(refused, shown);
    assert.equal(status({ refusal: { reason: 'CRLExpired', message: 'why' } }).anchor, undefined);
  });

  it('counts certificates and pods', () => {
    const { certificates, pods } = status({ certificates: [certificate('True', { total: 3, current: 2 }), certificate('False', { total: 1, current: 1 }), certificate('True')] });
    assert.deepEqual([certificates, pods], [{ total: 3, ready: 2 }, { total: 4, current: 3, summary: '3/4' }]);
  });

  const says: Record<string, readonly [string, Partial<TenantFindings>, RegExp]> = {
    'is ready when it can sign': ['Ready', { broughtUp: broughtUp() }, /^True Issued authority aaaaaaaaaaaaaaaa signs, until 2026-11-02/],
    'is ready while it is replaced, and says what is awaited and by whom': ['Ready', { broughtUp: broughtUp({ progress: 'waiting', behind: ['a/1', 'a/2', 'a/3', 'a/4', 'a/5'] }) }, /^True IssuerBeingReplaced waiting; still to come: a\/1, a\/2, a\/3 and 2 more$/],
    'is not ready while nobody may sign': ['Ready', { broughtUp: broughtUp({ waiting: 'the key is gone' }) }, /^False IssuerBeingReplaced the key is gone/],
    'is not ready without an authority': ['Ready', { refusal: { reason: 'IssuerNotFound', message: 'no root' } }, /^False IssuerNotFound no root/],
    'says that no successor can be made, though all is well': ['Ready', { broughtUp: broughtUp(), notice: { reason: 'IssuerExpired', message: 'the root has expired' } }, /^True Issued .*no successor can be made: the root has expired/],
    'is not in use': ['InUse', {}, /^False NotInUse/],
    'is in use by one': ['InUse', { certificates: [certificate('True')] }, /^True InUse 1 TenantCertificate names/],
    'is in use by several': ['InUse', { certificates: [certificate('True'), certificate('True')] }, /^True InUse 2 TenantCertificates name/],
    'says which revocations match nothing': ['RevocationsUnmatched', { unmatched: ['spec.revoked[1].certificate shop/helo'] }, /^True NothingRevoked .*: spec.revoked\[1\].certificate shop\/helo/],
    'says which names collide': ['NameCollision', { collisions: ['a', 'b', 'c', 'd'].map((message) => ({ message }) as never) }, /^True NameCollision a; b; c; and 1 more$/],
  };
  for (const [sentence, [type, findings, expected]] of Object.entries(says)) it(sentence, () => assert.match(say(type, findings) ?? '', expected));

  it('says which patterns allow nothing', () => {
    const odd = { ...tenant, spec: { ...tenant.spec, allow: { isCA: false, dnsNames: ['*.shop.svc', '*.shop.svc.'] } } };
    assert.match(say('PatternsIgnored', {}, odd) ?? '', /^True PatternMalformed spec\.allow\.dnsNames\[1\] "\*\.shop\.svc\." allows nothing: /);
    assert.equal(say('PatternsIgnored', {}), undefined);
  });

  it('says that its deletion waits', () => {
    const going = { ...tenant, metadata: { ...tenant.metadata, deletionTimestamp: '2026-11-01T00:00:00Z' } };
    assert.match(say('InUse', { certificates: [certificate('True')] }, going) ?? '', /its deletion waits for them$/);
  });

  it('drops a condition that no longer holds', () => {
    const before = status({ collisions: [{ message: 'a' } as never] });
    assert.equal(say('NameCollision', {}, { ...tenant, status: before }), undefined);
  });
});
