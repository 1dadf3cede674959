import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import type { TenantCertificate } from '../../src/api/tenant-certificate.ts';
import type { CrlState } from '../../src/issuance/crl-state.ts';
import { planFinalizer } from '../../src/issuance/plan-finalizer.ts';
import type { FinalizerFacts, FinalizerPlan } from '../../src/issuance/plan-finalizer.ts';
import { DAY, aTenantCertificate, at } from './builders.ts';

describe('planFinalizer', () => {
  const published: CrlState = { number: 1n, issuerSHA256: 'CA', signedAt: at(0), nextUpdate: at(DAY), entries: [{ serialNumber: '01', issuerSHA256: 'CA', reason: 'cessationOfOperation', revokedAt: at(0), notAfter: at(DAY) }] };
  const kept: FinalizerFacts['crl'] = { state: 'Kept', published };
  const unpublished: FinalizerFacts['crl'] = { state: 'Kept', published: undefined };
  const withFinalizer = (...finalizers: readonly string[]): TenantCertificate => {
    const certificate = aTenantCertificate();
    return { ...certificate, metadata: { ...certificate.metadata, finalizers: [...finalizers] }, status: { issued: [{ serialNumber: '01', issuerSHA256: 'CA', notAfter: '2026-11-02T00:00:00Z' }] } };
  };
  const ours = withFinalizer('other/one', 'tenant-mtls.dev/revoke-on-delete');
  const none = withFinalizer('other/one');
  const going = (certificate: TenantCertificate) => ({ ...certificate, metadata: { ...certificate.metadata, deletionTimestamp: '2026-11-01T00:00:00Z' } });
  const retained = (certificate: TenantCertificate): TenantCertificate => ({ ...certificate, spec: { ...certificate.spec, deletionPolicy: 'Retain' } });
  const another: CrlState = { ...published, entries: [] };

  const say = (plan: FinalizerPlan) => (plan.kind === 'remove' && plan.news !== undefined ? `remove ${plan.news.reason} ${plan.news.message}` : `${plan.kind} ${'message' in plan ? plan.message : ''}`);
  const unusable: FinalizerFacts['crl'] = { state: 'Unusable', message: 'tls.key is encrypted' };

  const cases: Record<string, readonly [TenantCertificate, FinalizerFacts['crl'], FinalizerPlan['kind'], RegExp?]> = {
    'adds one where the issuer keeps a CRL': [none, kept, 'add'],
    'keeps it': [ours, kept, 'keep'],
    'adds none where there is no CRL': [none, { state: 'None' }, 'keep'],
    'adds none where the Secret is retained': [retained(none), kept, 'keep'],
    'takes it away when the issuer keeps no CRL any more': [ours, { state: 'None' }, 'remove'],
    'takes it away when the Secret is to be retained': [retained(ours), kept, 'remove'],
    'leaves it while the issuer is missing: it may come back': [ours, { state: 'Gone' }, 'keep'],
    'lets go of a deleted object whose certificates are on the CRL': [going(ours), kept, 'remove', /^remove Revoked .*on the CRL/u],
    'waits while they are not': [going(ours), { state: 'Kept', published: another }, 'wait'],
    'waits while there is no CRL yet': [going(ours), unpublished, 'wait'],
    'lets go when the issuer is gone, and says so': [going(ours), { state: 'Gone' }, 'remove', /^remove NotRevoked .*issuer is gone/u],
    'waits while something is wrong with the issuer, and says what': [going(ours), unusable, 'wait', /tls.key is encrypted/u],
    'leaves it while something is wrong with the issuer': [ours, unusable, 'keep'],
    'adds none while something is wrong with the issuer': [none, unusable, 'keep'],
    'lets go of what is retained, whatever is wrong with the issuer': [going(retained(ours)), unusable, 'remove'],
    'lets go when the issuer keeps no CRL': [going(ours), { state: 'None' }, 'remove'],
    'lets go of what is retained': [going(retained(ours)), unpublished, 'remove'],
    'does not add one to what is being deleted': [going(none), kept, 'keep'],
  };
  for (const [sentence, [certificate, crl, kind, message]] of Object.entries(cases)) {
    it(sentence, () => {
      const plan = planFinalizer(certificate, { crl, unlisted: 0, namespaceIsGoing: false }, at(0));
      assert.equal(plan.kind, kind);
      if (message !== undefined) assert.match(say(plan), message);
    });
  }

  it('never holds up a namespace that is going, and says what was left undone', () => {
    const plan = planFinalizer(going(ours), { crl: unpublished, unlisted: 0, namespaceIsGoing: true }, at(0));
    assert.match(say(plan), /^remove NotRevoked .*namespace/u);
  });
  it('lets go when everything has expired', () => assert.equal(planFinalizer(going(ours), { crl: { state: 'Kept', published: another }, unlisted: 0, namespaceIsGoing: false }, at(2 * DAY)).kind, 'remove'));
  it('waits a day for the issuer, not for ever', () => {
    const plan = (now: number) => say(planFinalizer(going(ours), { crl: unusable, unlisted: 0, namespaceIsGoing: false }, at(now)));
    assert.match(plan(DAY - 1), /^wait /u);
    assert.match(plan(DAY), /^remove NotRevoked .*tls.key is encrypted/u);
  });
  it('claims no revocation of what no CRL can list', () => assert.match(say(planFinalizer(going(ours), { crl: kept, unlisted: 2, namespaceIsGoing: false }, at(0))), /^remove NotRevoked 2 of its certificates/u));
});
