import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import * as fc from 'fast-check';

import type { IssueReason, RefuseReason } from '../../src/api/conditions.ts';
import type { IssuerFacts, StoredCertificate } from '../../src/issuance/issuance-facts.ts';
import { planIssuance } from '../../src/issuance/plan-issuance.ts';
import type { Plan } from '../../src/issuance/plan-issuance.ts';
import { renewalTime } from '../../src/issuance/renewal-time.ts';
import { DAY, HOUR, MINUTE, aStoredPair, anIssuer, at, desired } from './builders.ts';
import { soaked } from '../support/soak.ts';

const OTHER = 'b'.repeat(64);
const REPLACING: IssuerFacts = { state: 'Replacing', accepted: [anIssuer().sha256], message: 'its new anchor is not everywhere yet' };

describe('planIssuance', () => {
  interface Case {
    readonly wanted?: ReturnType<typeof desired>;
    readonly stored?: StoredCertificate | undefined;
    readonly issuer?: IssuerFacts;
    readonly now?: Date;
    readonly expect: IssueReason | RefuseReason | 'keep';
  }
  const stored = aStoredPair();
  const cases: Record<string, Case> = {
    'issues when nothing was ever issued': { stored: undefined, expect: 'NeverIssued' },
    'issues when the Secret is gone': { stored: { state: 'Missing' }, expect: 'SecretMissing' },
    'issues when a key of the Secret is empty': { stored: { state: 'DataMissing', keys: ['tls.key'] }, expect: 'SecretDataMissing' },
    'issues when the certificate is unreadable': { stored: { state: 'CertificateMalformed', message: 'tls.crt: no PEM' }, expect: 'CertificateMalformed' },
    'issues when the key is unreadable': { stored: { state: 'KeyMalformed', message: 'tls.key: no PEM' }, expect: 'KeyMalformed' },
    'issues when key and certificate do not match': { stored: aStoredPair({ keyMatches: false }), expect: 'KeyMismatch' },
    'issues when the spec has changed': { wanted: desired({ dnsNames: ['new.shop'] }), stored, expect: 'SpecChanged' },
    'issues when the Secret does not say what was asked for': { stored: { ...stored, requestHash: '' }, expect: 'SpecChanged' },
    'issues when the issuer has changed': { stored, issuer: anIssuer({ sha256: OTHER }), expect: 'IssuerChanged' },
    'issues when no issuer signed the certificate': { stored: aStoredPair({ issuerSHA256: 'none' }), expect: 'IssuerChanged' },
    'issues when this one certificate was revoked': { stored: aStoredPair({ onCrl: true }), expect: 'SerialRevoked' },
    'issues when the certificate has expired': { stored, now: at(7 * DAY), expect: 'Expired' },
    'issues at two thirds of the lifetime': { stored, now: at(112 * HOUR), expect: 'RenewalDue' },
    'issues when renewal is asked for': { wanted: desired({}, { 'tenant-mtls.dev/renew': '1' }), stored, expect: 'RenewalRequested' },
    'issues when renewal is asked for again': { wanted: desired({}, { 'tenant-mtls.dev/renew': '2' }), stored: aStoredPair({ renewedToken: '1' }), expect: 'RenewalRequested' },
    'names the key mismatch before the changed spec': { wanted: desired({ dnsNames: ['new.shop'] }), stored: aStoredPair({ keyMatches: false }), expect: 'KeyMismatch' },
    'names the changed spec before the expiry': { wanted: desired({ dnsNames: ['new.shop'] }), stored, now: at(8 * DAY), expect: 'SpecChanged' },
    'replaces a certificate that is not yet valid when asked to': { wanted: desired({}, { 'tenant-mtls.dev/renew': '1' }), stored, now: at(-DAY), expect: 'RenewalRequested' },

    'keeps what is valid': { stored, now: at(DAY), expect: 'keep' },
    'keeps it until the second before renewal': { stored, now: at(112 * HOUR - 2 * MINUTE), expect: 'keep' },
    'keeps it when the renew annotation is taken away': { stored: aStoredPair({ renewedToken: '1' }), expect: 'keep' },
    'keeps it when only renewBefore has changed': { wanted: desired({ renewBefore: '1h' }), stored, now: at(112 * HOUR), expect: 'keep' },
    'keeps what a still accepted issuer has signed': { stored, issuer: anIssuer({ sha256: OTHER, accepted: [anIssuer().sha256] }), expect: 'keep' },
    'keeps a certificate that is not yet valid: a clock is wrong': { stored, now: at(-DAY), expect: 'keep' },
    'keeps a renewed certificate when the clock falls back by ten minutes': { stored, now: at(-10 * MINUTE), expect: 'keep' },
    'keeps what ends with its issuer: renewal would gain nothing': { stored: aStoredPair({ notAfter: at(3 * DAY) }), issuer: anIssuer({ notAfter: at(3 * DAY) }), now: at(2.5 * DAY), expect: 'keep' },
    'keeps a root that signed itself': { stored: aStoredPair({ issuerSHA256: OTHER }), issuer: { state: 'SelfSigned' }, expect: 'keep' },
    'keeps what serves while the issuer is replaced': { stored, issuer: REPLACING, now: at(112 * HOUR), expect: 'keep' },

    'refuses to issue for a revoked certificate': { wanted: desired({ revoked: { reason: 'keyCompromise' } }), expect: 'Revoked' },
    'refuses to renew a revoked certificate': { wanted: desired({ revoked: { reason: 'keyCompromise' } }), stored, now: at(8 * DAY), expect: 'Revoked' },
    'refuses with the issuer\'s own reason': { issuer: { state: 'Refused', refusal: { reason: 'IssuerNotFound', message: 'no Secret shop/shop-ca' } }, expect: 'IssuerNotFound' },
    'refuses when the issuer has expired': { stored, issuer: anIssuer({ notAfter: at(DAY) }), now: at(DAY), expect: 'IssuerExpired' },
    'refuses when the issuer is not yet valid': { issuer: anIssuer({ notBefore: at(DAY) }), expect: 'IssuerNotYetValid' },
    'refuses an authority below a path length of zero': { wanted: desired({ isCA: true }), issuer: anIssuer({ mayIssueCA: false }), expect: 'IssuerForbidsCA' },
    'refuses a first certificate while the issuer is replaced': { issuer: REPLACING, expect: 'IssuerBeingReplaced' },
    'refuses to replace an expired one while the issuer is replaced': { stored, issuer: REPLACING, now: at(8 * DAY), expect: 'IssuerBeingReplaced' },
  };
  for (const [sentence, { wanted = desired(), stored, issuer = anIssuer(), now = at(HOUR), expect }] of Object.entries(cases)) {
    it(sentence, () => {
      const plan = planIssuance(wanted, stored, issuer, now);
      assert.equal(plan.kind === 'keep' ? 'keep' : plan.reason, expect);
      if (plan.kind !== 'keep') assert.ok(plan.message.length > 10);
    });
  }

  it('looks again at the renewal time, at the latest after an hour', () => {
    const far = keeping(planIssuance(desired(), stored, anIssuer(), at(DAY)));
    assert.deepEqual(far.recheckAt, at(DAY + HOUR));
    const near = keeping(planIssuance(desired(), stored, anIssuer(), new Date(far.renewAt.getTime() - MINUTE)));
    assert.deepEqual(near.recheckAt, far.renewAt);
  });

  it('looks again later than now at the very moments it named', () => {
    for (const now of [stored.notBefore, new Date(stored.notAfter.getTime() - 1), at(0)]) {
      const issuer = anIssuer({ notAfter: stored.notAfter });
      assert.ok(keeping(planIssuance(desired(), stored, issuer, now)).recheckAt > now);
    }
  });

  it('says why it keeps what is not yet valid or ends with its issuer', () => {
    assert.match(keeping(planIssuance(desired(), stored, anIssuer(), at(-DAY))).notice ?? '', /clock/u);
    const issuer = anIssuer({ notAfter: at(3 * DAY) });
    assert.match(keeping(planIssuance(desired(), aStoredPair({}, desired(), { issuer }), issuer, at(2.5 * DAY))).notice ?? '', /ends with the CA/u);
  });
});

function keeping(plan: Plan) {
  assert.equal(plan.kind, 'keep');
  return plan as Plan & { kind: 'keep' };
}

describe('planIssuance, whatever the facts', () => {
  const durationHours = fc.integer({ min: 1, max: 2000 });
  const arbitrary = fc.record({
    durationHours, renewBeforePart: fc.option(fc.integer({ min: 1, max: 99 }), { nil: undefined }),
    issuerEndHours: fc.integer({ min: 1, max: 3000 }), elapsedMinutes: fc.integer({ min: 0, max: 200_000 }),
  });
  const setUp = ({ durationHours, renewBeforePart, issuerEndHours }: { durationHours: number; renewBeforePart: number | undefined; issuerEndHours: number }) => ({
    wanted: desired({ duration: `${durationHours}h`, ...(renewBeforePart === undefined ? {} : { renewBefore: `${Math.max(1, Math.floor(durationHours * 0.6 * renewBeforePart))}m` }) }),
    issuer: anIssuer({ notAfter: at(issuerEndHours * HOUR) }),
  });

  it('looks again later than now', () => {
    fc.assert(fc.property(arbitrary, ({ elapsedMinutes, ...rest }) => {
      const { wanted, issuer } = setUp(rest);
      const plan = planIssuance(wanted, aStoredPair({}, wanted, { issuer }), issuer, at(elapsedMinutes * MINUTE - 30 * DAY));
      if (plan.kind === 'keep') assert.ok(plan.recheckAt > at(elapsedMinutes * MINUTE - 30 * DAY));
    }));
  });

  it('has nothing left to do after it was done', () => {
    fc.assert(fc.property(arbitrary, ({ elapsedMinutes, ...rest }) => {
      const { wanted, issuer } = setUp(rest);
      const now = at(elapsedMinutes * MINUTE);
      const first = planIssuance(wanted, aStoredPair({}, wanted, { issuer }), issuer, now);
      if (first.kind !== 'issue') return;
      const second = planIssuance(wanted, aStoredPair({}, wanted, { issuer, now }), issuer, now);
      assert.equal(second.kind, 'keep');
    }));
  });

  it('keeps until the time it named, and changes its mind only then', () => {
    fc.assert(fc.property(arbitrary, ({ elapsedMinutes, ...rest }) => {
      const { wanted, issuer } = setUp(rest);
      const pair = aStoredPair({}, wanted, { issuer });
      const plan = planIssuance(wanted, pair, issuer, at(elapsedMinutes * MINUTE));
      if (plan.kind !== 'keep') return;
      const justBefore = new Date(plan.recheckAt.getTime() - 1);
      assert.equal(planIssuance(wanted, pair, issuer, justBefore).kind, 'keep');
    }));
  });

  it('issues at most four certificates in a whole lifetime, plus the cut one before the issuer ends', () => {
    fc.assert(fc.property(arbitrary, (rest) => {
      const { wanted, issuer } = setUp({ ...rest, renewBeforePart: undefined });
      assert.ok(countIssues(wanted, issuer, { fromMs: 0, untilMs: Math.min(wanted.request.durationMs * 2, 3000 * HOUR) }) <= 5);
    }), { numRuns: soaked(40) });
  });

  it('survives clock jumps of ten minutes and thirty days with at most one certificate per jump', () => {
    const jump = fc.constantFrom(-30 * DAY, -10 * MINUTE, 10 * MINUTE, 30 * DAY);
    fc.assert(fc.property(fc.array(jump, { maxLength: 8 }), (jumps) => {
      const wanted = desired();
      const issuer = anIssuer();
      let pair = aStoredPair();
      let issued = 0;
      let clock = 0;
      for (const ms of jumps) {
        clock += ms;
        for (let step = 0; step < 5; step += 1, clock += MINUTE) {
          if (planIssuance(wanted, pair, issuer, at(clock)).kind !== 'issue') continue;
          issued += 1;
          pair = aStoredPair({}, wanted, { now: at(clock) });
        }
      }
      assert.ok(issued <= jumps.filter((ms) => ms === 30 * DAY).length, `${issued} issued for ${jumps.join()}`);
    }));
  });
});

function countIssues(wanted: ReturnType<typeof desired>, issuer: ReturnType<typeof anIssuer>, { fromMs, untilMs }: { fromMs: number; untilMs: number }): number {
  let pair: StoredCertificate | undefined;
  let count = 0;
  const stepMs = Math.max(MINUTE, Math.floor((untilMs - fromMs) / 2000));
  for (let clock = fromMs; clock < untilMs; clock += stepMs) {
    if (planIssuance(wanted, pair, issuer, at(clock)).kind !== 'issue') continue;
    count += 1;
    pair = aStoredPair({}, wanted, { issuer, now: at(clock) });
  }
  return count;
}

describe('renewalTime', () => {
  const week = { notBefore: at(0), notAfter: at(168 * HOUR) };
  it('is two thirds of the lifetime', () => assert.deepEqual(renewalTime(desired(), week), at(112 * HOUR)));
  it('is renewBefore the end where that is said', () => assert.deepEqual(renewalTime(desired({ renewBefore: '160h' }), week), at(8 * HOUR)));
  it('is two thirds of what was really issued when the issuer cut it short', () => {
    assert.deepEqual(renewalTime(desired({ renewBefore: '160h' }), { notBefore: at(0), notAfter: at(90 * HOUR) }), at(60 * HOUR));
  });
  it('keeps a renewBefore that fits a certificate cut short', () => {
    assert.deepEqual(renewalTime(desired({ renewBefore: '1h' }), { notBefore: at(0), notAfter: at(90 * HOUR) }), at(89 * HOUR));
  });
  it('is a whole second', () => {
    const { notBefore, notAfter } = { notBefore: at(0), notAfter: at(1_000_001) };
    assert.equal(renewalTime(desired(), { notBefore, notAfter }).getTime() % 1000, 0);
  });
});
