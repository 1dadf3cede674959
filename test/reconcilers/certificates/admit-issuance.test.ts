import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TenantCertificateStatus } from '../../../src/api/tenant-certificate.ts';
import { desireCertificate } from '../../../src/issuance/desired-certificate.ts';
import { rememberIssue } from '../../../src/issuance/loop-breaker.ts';
import type { StoredPair } from '../../../src/issuance/issuance-facts.ts';
import type { RecentIssue } from '../../../src/issuance/loop-breaker.ts';
import { causeOf, delayIssuance, isSuspension, servesMeanwhile } from '../../../src/reconcilers/certificates/admit-issuance.ts';
import { forgetFailure, rememberFailure } from '../../../src/reconcilers/certificates/failed-attempts.ts';
import type { Authority } from '../../../src/reconcilers/authorities/authority.ts';
import type { CertificateRun } from '../../../src/reconcilers/certificates/certificate-run.ts';
import { aTenantCertificate, at, HOUR, MINUTE } from '../../issuance/builders.ts';

const AUTHORITY = { issuer: { sha256: 'f00' } } as unknown as Authority;
const TENANT = { ...AUTHORITY, tenant: 'shop' } as Authority;

function aRun(status: TenantCertificateStatus = {}, { now = at(0), generation = 1, annotations = {}, authorities = {} }: { now?: Date; generation?: number; annotations?: Record<string, string>; authorities?: object } = {}): CertificateRun {
  const certificate = aTenantCertificate({}, annotations);
  return { certificate: { ...certificate, metadata: { ...certificate.metadata, generation }, status }, desired: desireCertificate(certificate), now, context: { random: () => 0, authorities } } as unknown as CertificateRun;
}

const delay = (run: CertificateRun, authority = AUTHORITY) => delayIssuance(run, causeOf(run, 'SecretMissing', authority), authority);

describe('delayIssuance', () => {
  it('lets the first certificate be issued at once', () => assert.equal(delay(aRun()), undefined));

  describe('after a failure', () => {
    const failed: TenantCertificateStatus = {
      failedIssuanceAttempts: 1, lastFailureTime: at(0).toISOString(), observedGeneration: 1,
      conditions: [{ type: 'Ready', status: 'False', reason: 'VerificationFailed', message: 'why', lastTransitionTime: at(0).toISOString() }],
    };
    it('waits a minute, and goes on saying why', () => {
      const { retryAt, refusal } = delay(aRun(failed, { now: at(10_000) })) ?? {};
      assert.deepEqual([retryAt, refusal], [at(MINUTE), { reason: 'VerificationFailed', message: 'why' }]);
    });
    it('tries again when the minute is over', () => assert.equal(delay(aRun(failed, { now: at(MINUTE) })), undefined));
    it('tries again at once when the object was edited', () => assert.equal(delay(aRun(failed, { generation: 2 })), undefined));
    it('tries again at once when the name of its Secret, which somebody else had, is free', () => {
      const [ready] = failed.conditions ?? [];
      assert.ok(ready);
      assert.equal(delay(aRun({ ...failed, conditions: [{ ...ready, reason: 'SecretNotOwned' }] }, { now: at(10_000) })), undefined);
    });
    it('tries again at once when somebody else is to sign', () => {
      const authorities = {};
      rememberFailure(aRun(failed, { authorities }), AUTHORITY);
      assert.notEqual(delay(aRun(failed, { authorities })), undefined);
      assert.equal(delay(aRun(failed, { authorities }), { issuer: { sha256: 'bar' } } as unknown as Authority), undefined);
    });
    it('waits as others do when the failure of another issuer was forgotten', () => {
      const authorities = {};
      rememberFailure(aRun(failed, { authorities }), { issuer: { sha256: 'bar' } } as unknown as Authority);
      assert.equal(delay(aRun(failed, { authorities })), undefined);
      forgetFailure(aRun(failed, { authorities }).context, 'shop/hello');
      assert.notEqual(delay(aRun(failed, { authorities })), undefined);
    });
    it('waits longer after more failures, eight hours at most', () => {
      assert.deepEqual(delay(aRun({ ...failed, failedIssuanceAttempts: 4 }))?.retryAt, at(8 * MINUTE));
      assert.deepEqual(delay(aRun({ ...failed, failedIssuanceAttempts: 1000 }))?.retryAt, at(8 * HOUR));
    });
    it('waits no longer than the step when the clock was set back', () => assert.deepEqual(delay(aRun(failed, { now: at(-100 * HOUR) }))?.retryAt, at(-100 * HOUR + MINUTE)));
  });

  it('issues nothing more while 512 are valid: a serial that is forgotten could not be revoked', () => {
    const issued = Array.from({ length: 512 }, (_, index) => ({ serialNumber: String(index), notAfter: at((index + 1) * HOUR).toISOString(), issuerSHA256: 'f00' }));
    const { refusal, retryAt } = delay(aRun({ issued })) ?? {};
    assert.deepEqual([refusal?.reason, retryAt], ['IssuanceSuspended', at(HOUR)]);
    assert.equal(delay(aRun({ issued: issued.slice(1) })), undefined);
  });

  describe('in a loop', () => {
    const issuedThrice = (run: CertificateRun) => [0, 1, 2].reduce<RecentIssue[]>((list) => rememberIssue(list, causeOf(run, 'SecretMissing', AUTHORITY), at(0)), []);
    const recentIssues = issuedThrice(aRun());
    it('suspends the fourth certificate of one cause', () => {
      const { refusal, retryAt } = delay(aRun({ recentIssues })) ?? {};
      assert.equal(refusal?.reason, 'IssuanceSuspended');
      assert.deepEqual(retryAt, at(4 * MINUTE));
    });
    it('takes an edit for another cause', () => assert.equal(delay(aRun({ recentIssues }, { generation: 2 })), undefined));
    it('takes a request for renewal for another cause', () => assert.equal(delay(aRun({ recentIssues }, { annotations: { 'tenant-mtls.dev/renew': 'now' } })), undefined));
    it('takes another CA for another cause', () => assert.equal(delay(aRun({ recentIssues }), { issuer: { sha256: 'bar' } } as unknown as Authority), undefined));
    it('forgets it after a day', () => assert.equal(delay(aRun({ recentIssues }, { now: at(24 * HOUR) })), undefined));
  });

  describe('of a Tenant', () => {
    const spend = (count: number, authorities: object, now = at(0)) => Array.from({ length: count }, () => delay(aRun({}, { authorities, now }), TENANT));
    it('stops when the budget is used up, and says until when', () => {
      const authorities = {};
      assert.deepEqual(spend(1000, authorities).filter((each) => each !== undefined), []);
      const [refused] = spend(1, authorities);
      assert.equal(refused?.refusal.reason, 'BudgetExceeded');
      assert.match(refused?.refusal.message ?? '', /Tenant shop/);
      assert.ok((refused?.retryAt ?? at(0)) > at(0));
      assert.deepEqual(spend(5, authorities, at(1000)), [undefined, undefined, undefined, undefined, undefined]);
    });
    it('does not touch the budget of a CA Secret', () => {
      const authorities = {};
      spend(1000, authorities);
      assert.equal(delay(aRun({}, { authorities })), undefined);
    });
  });
});

describe('servesMeanwhile', () => {
  const pair: StoredPair = { state: 'Read', keyMatches: true, notBefore: at(0), notAfter: at(HOUR) };
  const serves = (reason: Parameters<typeof servesMeanwhile>[0], changes: Partial<StoredPair> = {}, now = at(MINUTE)) => servesMeanwhile(reason, { ...pair, ...changes }, now);

  it('is true of a valid certificate that is only to be renewed, or signed by somebody else', () => {
    for (const reason of ['RenewalDue', 'RenewalRequested', 'IssuerChanged'] as const) assert.equal(serves(reason), true, reason);
  });
  it('is false of one that says something else, or is refused', () => {
    for (const reason of ['SpecChanged', 'SerialRevoked', 'KeyMismatch', 'Expired'] as const) assert.equal(serves(reason), false, reason);
  });
  it('is false of one that is not valid now', () => {
    assert.deepEqual([serves('IssuerChanged', {}, at(HOUR)), serves('IssuerChanged', {}, at(-1000)), serves('IssuerChanged', { keyMatches: false }), serves('RenewalDue', { onCrl: true })], [false, false, false, false]);
  });
  it('is false where nothing is stored', () => assert.deepEqual([servesMeanwhile('IssuerChanged', undefined, at(0)), servesMeanwhile('IssuerChanged', { state: 'Missing' }, at(0))], [false, false]));
});

describe('isSuspension', () => {
  it('tells what waits from what failed', () => {
    assert.deepEqual((['IssuanceSuspended', 'BudgetExceeded', 'VerificationFailed', 'WriteFailed'] as const).map((reason) => isSuspension({ reason, message: '' })), [true, true, false, false]);
  });
});
