import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TenantCertificate, TenantCertificateStatus } from '../../../src/api/tenant-certificate.ts';
import { certificateStatus, revisionOf, statusPatch } from '../../../src/reconcilers/certificates/certificate-status.ts';
import type { Findings } from '../../../src/reconcilers/certificates/certificate-status.ts';
import type { OwnedSecret } from '../../../src/reconcilers/owned-secret.ts';
import { aTenantCertificate, at, DAY } from '../../issuance/builders.ts';

const NOW = at(0);
const REFUSAL = { reason: 'IssuerNotFound', message: 'Secret shop/shop-ca does not exist' } as const;

function aSecret(serialNumber = 'AA', { revision = '1', notAfter = at(7 * DAY) } = {}): OwnedSecret {
  return {
    metadata: { name: 'hello-tls', namespace: 'shop', annotations: { 'tenant-mtls.dev/issuer-sha256': 'f00', 'tenant-mtls.dev/revision': revision } },
    stored: { state: 'Read', keyMatches: true, issuerSHA256: 'f00', notBefore: NOW, notAfter }, serialNumber, certificateSHA256: 'beef', files: {},
  };
}

function withStatus(status: TenantCertificateStatus): TenantCertificate {
  const certificate = aTenantCertificate();
  return { ...certificate, metadata: { ...certificate.metadata, generation: 3 }, status };
}

const judge = (before: TenantCertificateStatus, findings: Partial<Findings>, now = NOW) => certificateStatus(withStatus(before), { secretName: 'hello-tls', notices: [], ...findings }, now);
const ready = ({ conditions = [] }: TenantCertificateStatus) => conditions.find(({ type }) => type === 'Ready');

describe('certificateStatus', () => {
  it('describes the certificate that is stored', () => {
    const status = judge({}, { secret: aSecret(), renewAt: at(4 * DAY), recentIssues: [] });
    const { conditions: _, ...rest } = status;
    assert.deepEqual(rest, {
      observedGeneration: 3, secretName: 'hello-tls', issuer: 'Secret/shop-ca', serialNumber: 'AA', certificateSHA256: 'beef', issuerSHA256: 'f00', revision: 1,
      notBefore: '2026-11-01T00:00:00Z', notAfter: '2026-11-08T00:00:00Z', renewalTime: '2026-11-05T00:00:00Z',
      issued: [{ serialNumber: 'AA', notAfter: '2026-11-08T00:00:00Z', issuerSHA256: 'f00', certificateSHA256: 'beef' }], recentIssues: [],
    });
    assert.deepEqual([ready(status)?.status, ready(status)?.reason, ready(status)?.observedGeneration], ['True', 'Issued', 3]);
  });

  it('says the same again when nothing has changed', () => {
    const findings = { secret: aSecret(), renewAt: at(4 * DAY) };
    const first = judge({}, findings);
    assert.deepEqual(judge(first, findings, at(DAY)), first);
  });

  it('counts on whatever stands in the Secret', () => {
    const counted = ['0', '7', '9', 'x'].map((revision) => judge({ revision: 7 }, { secret: aSecret('AA', { revision }) }).revision);
    assert.deepEqual(counted, [7, 7, 9, 7]);
    assert.equal(judge({ revision: 7 }, {}).revision, 7);
  });

  it('lists every certificate that has not ended', () => {
    const first = judge({}, { secret: aSecret('AA', { notAfter: at(2 * DAY) }), recentIssues: [] });
    const second = judge(first, { secret: aSecret('BB'), recentIssues: [] }, at(DAY));
    assert.deepEqual(second.issued?.map(({ serialNumber }) => serialNumber), ['AA', 'BB']);
    assert.deepEqual(judge(second, { secret: aSecret('BB') }, at(2 * DAY)).issued?.map(({ serialNumber }) => serialNumber), ['BB']);
  });

  it('describes and lists no certificate that was put into the Secret by others', () => {
    const secret = aSecret();
    const table: [string, Partial<OwnedSecret['stored']>][] = [['with another key', { keyMatches: false }], ['with another hash', { issuerSHA256: undefined }] as never];
    for (const [sentence, change] of table) {
      const { issued, serialNumber, certificateSHA256 } = judge({}, { secret: { ...secret, stored: { ...secret.stored, ...change } as never }, recentIssues: [] });
      assert.deepEqual([issued, serialNumber, certificateSHA256], [undefined, undefined, undefined], sentence);
    }
  });

  it('lists only what was issued just now: what is found needs a proof', () => assert.equal(judge({}, { secret: aSecret() }).issued, undefined));

  it('forgets only what has ended under both clocks', () => {
    const issued = [{ serialNumber: '0A', notAfter: new Date(NOW.getTime() + 1000).toISOString(), issuerSHA256: 'a'.repeat(64) }];
    const later = new Date(NOW.getTime() + 2000);
    const status = (agreedNow: Date) => certificateStatus(withStatus({ issued }), { secretName: 'hello-tls', notices: [] }, later, agreedNow);
    assert.deepEqual([status(NOW).issued, status(later).issued], [issued, undefined]);
  });

  it('says which certificate is due, and that none is', () => {
    const issuing = (status: ReturnType<typeof judge>) => status.conditions?.find(({ type }) => type === 'Issuing');
    const due = judge({}, { refusal: REFUSAL, due: { reason: 'NeverIssued', message: 'no certificate has been issued yet' } });
    assert.deepEqual([issuing(due)?.status, issuing(due)?.reason], ['True', 'NeverIssued']);
    assert.deepEqual([issuing(judge(due, { secret: aSecret() }))?.status, issuing(judge(due, { secret: aSecret() }))?.reason], ['False', 'Issued']);
  });

  describe('while issuance is suspended', () => {
    const due = { reason: 'RenewalDue', message: 'renewal was due' } as const;
    const loop = { reason: 'IssuanceSuspended', message: '3 certificates were issued' } as const;
    const suspended = (status: TenantCertificateStatus) => status.conditions?.find(({ type }) => type === 'IssuanceSuspended');

    it('stays Ready with what serves, and says for which reason nothing is issued', () => {
      const status = judge({}, { secret: aSecret(), due, suspended: loop });
      assert.deepEqual([ready(status)?.status, suspended(status)?.status, suspended(status)?.reason, suspended(status)?.message], ['True', 'True', 'RenewalDue', loop.message]);
      assert.equal(suspended(judge(status, { secret: aSecret() })), undefined, 'issued: the condition goes');
    });
    it('is not Ready without a certificate, and says so both ways', () => {
      const status = judge({}, { due, suspended: loop, refusal: loop });
      assert.deepEqual([ready(status)?.status, ready(status)?.reason, suspended(status)?.status], ['False', 'IssuanceSuspended', 'True']);
    });
    it('names the budget', () => assert.equal(suspended(judge({}, { secret: aSecret(), due, suspended: { reason: 'BudgetExceeded', message: '' } }))?.reason, 'BudgetExceeded'));
    it('remembers failures', () => {
      const failed = judge({}, { refusal: REFUSAL, failed: true });
      assert.equal(judge(failed, { secret: aSecret(), due, suspended: loop }).failedIssuanceAttempts, 1);
    });
  });

  it('keeps the list and the revision while the Secret is gone', () => {
    const first = judge({}, { secret: aSecret('AA', { revision: '7' }), recentIssues: [] });
    const gone = judge(first, { refusal: REFUSAL });
    assert.deepEqual([gone.issued, gone.revision, gone.serialNumber], [first.issued, 7, undefined]);
  });

  it('says why it refuses, and since when', () => {
    const first = judge({}, { secret: aSecret() });
    const refused = judge(first, { secret: aSecret(), refusal: REFUSAL }, at(DAY));
    assert.deepEqual(ready(refused), { type: 'Ready', status: 'False', reason: 'IssuerNotFound', message: REFUSAL.message, observedGeneration: 3, lastTransitionTime: '2026-11-02T00:00:00Z' });
    const other = judge(refused, { refusal: { reason: 'IssuerExpired', message: 'x' } }, at(2 * DAY));
    assert.equal(ready(other)?.lastTransitionTime, '2026-11-02T00:00:00Z', 'no transition: it was False before');
  });

  it('counts failures, and forgets them when a certificate was issued', () => {
    const first = judge({}, { refusal: REFUSAL, failed: true });
    const second = judge(first, { refusal: REFUSAL, failed: true }, at(DAY));
    assert.deepEqual([first.failedIssuanceAttempts, second.failedIssuanceAttempts, second.lastFailureTime], [1, 2, '2026-11-02T00:00:00Z']);
    assert.deepEqual(judge(second, { refusal: REFUSAL }, at(2 * DAY)).lastFailureTime, '2026-11-02T00:00:00Z', 'waiting is no failure');
    const issued = judge(second, { secret: aSecret(), recentIssues: [] }, at(2 * DAY));
    assert.deepEqual([issued.failedIssuanceAttempts, issued.lastFailureTime], [undefined, undefined]);
  });

  it('leaves to the observer of pods what is the observer\'s', () => {
    const converged = { type: 'Converged', status: 'True' as const, reason: 'AllCurrent', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' };
    const pods = { total: 2, current: 2, summary: '2/2' };
    const status = judge({ pods, conditions: [converged] }, { secret: aSecret() });
    assert.deepEqual([status.pods, status.conditions?.find(({ type }) => type === 'Converged')], [pods, converged]);
  });

  it('takes a notice back that is no longer true', () => {
    const notice = { type: 'EngineAdvice', status: 'True' as const, reason: 'LongConnections', message: 'use node' };
    const first = judge({}, { secret: aSecret(), notices: [notice] });
    assert.ok(first.conditions?.some(({ type }) => type === 'EngineAdvice'));
    assert.ok(!judge(first, { secret: aSecret() }).conditions?.some(({ type }) => type === 'EngineAdvice'));
  });
});

describe('revisionOf', () => {
  const table: Record<string, [annotation: string | undefined, expected: number]> = {
    'a revision': ['12', 12], 'none': [undefined, 0], 'one that was edited': ['a lot', 0], 'a negative one': ['-1', 0], 'one with a fraction': ['1.5', 0], 'one beyond counting': ['1e400', 0], 'one beyond the schema': ['2147483648', 0],
  };
  for (const [sentence, [revision, expected]] of Object.entries(table)) {
    it(`reads ${sentence}`, () => assert.equal(revisionOf({ metadata: { name: 'x', annotations: revision === undefined ? {} : { 'tenant-mtls.dev/revision': revision } } }), expected));
  }
});

describe('statusPatch', () => {
  it('has nothing to say when nothing has changed', () => assert.equal(statusPatch({ a: [{ b: 1 }] }, { a: [{ b: 1 }] }), undefined));
  it('names what is new or changed', () => assert.deepEqual(statusPatch({ a: 1, b: 2 }, { a: 1, b: 3, c: 4 }), { b: 3, c: 4 }));
  it('takes away what is gone', () => assert.deepEqual(statusPatch({ a: 1, b: 2 }, { a: 1 }), { b: null }));
  it('says everything the first time', () => assert.deepEqual(statusPatch(undefined, { a: 1 }), { a: 1 }));
});
