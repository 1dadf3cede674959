import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import * as fc from 'fast-check';

import type { TenantCertificate, TenantCertificateStatus } from '../../src/api/tenant-certificate.ts';
import type { TenantSpec } from '../../src/api/tenant.ts';
import { readCrlState, writeCrlState } from '../../src/issuance/crl-state.ts';
import type { CrlState } from '../../src/issuance/crl-state.ts';
import { writeInstant } from '../../src/issuance/instant.ts';
import { areRevoked, planRevocation } from '../../src/issuance/plan-revocation.ts';
import type { CrlReason, RevocationFacts, RevocationPlan } from '../../src/issuance/plan-revocation.ts';
import { objectRevocation, revocationsOf, tenantRevocations, unmatchedRevocations, writeSerial } from '../../src/issuance/revocations.ts';
import type { Revocation } from '../../src/issuance/revocations.ts';
import { DAY, HOUR, MINUTE, aTenantCertificate, at } from './builders.ts';

const CA = 'a'.repeat(64);
const OLD_CA = 'b'.repeat(64);
const WEEK = 7 * DAY;

const revoked = (serialNumber: string, overrides: Partial<Revocation> = {}): Revocation => ({ serialNumber, issuerSHA256: CA, reason: 'keyCompromise', notAfter: at(WEEK), ...overrides });
const facts = (revocations: readonly Revocation[] = [], overrides: Partial<RevocationFacts> = {}): RevocationFacts => ({ issuer: { sha256: CA }, revocations, lifeMs: WEEK, mayPrune: true, ...overrides });
const serialsOf = ({ entries }: { readonly entries: readonly { readonly serialNumber: string }[] }) => entries.map(({ serialNumber }) => serialNumber);

function signed(plan: RevocationPlan) {
  assert.equal(plan.kind, 'sign');
  return plan as RevocationPlan & { kind: 'sign' };
}

const first = (revocations: readonly Revocation[] = [], now = at(0)) => signed(planRevocation(undefined, facts(revocations), now)).state;

describe('planRevocation', () => {
  interface Case {
    readonly state?: CrlState;
    readonly facts?: RevocationFacts;
    readonly now?: Date;
    readonly expect: CrlReason | 'keep';
  }
  const cases: Record<string, Case> = {
    'signs a first CRL though nothing is revoked': { expect: 'FirstCrl' },
    'keeps it while nothing changes': { state: first(), now: at(HOUR), expect: 'keep' },
    'keeps it when what is revoked is on it': { state: first([revoked('01')]), facts: facts([revoked('01')]), now: at(HOUR), expect: 'keep' },
    'signs when something else is revoked': { state: first([revoked('01')]), facts: facts([revoked('01'), revoked('02')]), now: at(HOUR), expect: 'EntriesAdded' },
    'signs when the same serial of another issuer is revoked': { state: first([revoked('01')]), facts: facts([revoked('01', { issuerSHA256: OLD_CA })]), now: at(HOUR), expect: 'EntriesAdded' },
    'ignores what has expired already': { state: first(), facts: facts([revoked('01', { notAfter: at(MINUTE) })]), now: at(HOUR), expect: 'keep' },
    'signs at half of its life': { state: first(), now: at(WEEK / 2), expect: 'HalfOfLifeGone' },
    'keeps it until half of its life': { state: first(), now: at(WEEK / 2 - 1), expect: 'keep' },
    'signs at once when a shorter life is wanted': { state: first(), facts: facts([], { lifeMs: HOUR }), now: at(HOUR), expect: 'HalfOfLifeGone' },
    'signs at half of the life it has when a longer one is wanted': { state: first(), facts: facts([], { lifeMs: 30 * DAY }), now: at(WEEK / 2), expect: 'HalfOfLifeGone' },
    'keeps it until then': { state: first(), facts: facts([], { lifeMs: 30 * DAY }), now: at(WEEK / 2 - 1), expect: 'keep' },
    'signs one that has ended, whatever life is wanted': { state: first(), facts: facts([], { lifeMs: 365 * DAY }), now: at(WEEK), expect: 'HalfOfLifeGone' },
    'signs when the CA certificate has changed': { state: first(), facts: facts([], { issuer: { sha256: OLD_CA } }), now: at(HOUR), expect: 'IssuerChanged' },
    'keeps it when a clock is ten minutes behind': { state: first(), now: at(-10 * MINUTE), expect: 'keep' },
    'signs when the last one was signed in the future': { state: first(), now: at(-DAY), expect: 'ClockWentBack' },
  };
  for (const [sentence, { state, facts: given = facts(), now = at(0), expect }] of Object.entries(cases)) {
    it(sentence, () => {
      const plan = planRevocation(state, given, now);
      assert.equal(plan.kind === 'keep' ? 'keep' : plan.reason, expect);
    });
  }

  it('remembers reason and date of what was revoked first', () => {
    const state = first([revoked('01', { reason: 'superseded' })]);
    const next = signed(planRevocation(state, facts([revoked('01'), revoked('02')]), at(HOUR)));
    assert.deepEqual(next.entries.map(({ serialNumber, reason, revokedAt }) => [serialNumber, reason, revokedAt]), [['01', 'superseded', at(0)], ['02', 'keyCompromise', at(HOUR)]]);
  });

  /** The list as it is signed at half of each life, until this time. */
  const signedUntil = (end: number, state: CrlState, overrides: Partial<RevocationFacts> = {}): CrlState => {
    let [last, clock] = [state, state.signedAt.getTime() - at(0).getTime()];
    while ((clock += WEEK / 2) <= end) last = signed(planRevocation(last, facts([], overrides), at(clock))).state;
    return last;
  };

  it('keeps what is no longer named by anyone until its certificate has expired, and for one life of a CRL more', () => {
    const state = first([revoked('01'), revoked('02', { notAfter: at(9 * DAY) })]);
    assert.deepEqual([6, 8, 13, 14, 17, 18].map((days) => serialsOf(signedUntil(days * DAY, state))), [['01', '02'], ['01', '02'], ['01', '02'], ['02'], ['02'], []]);
  });

  it('keeps what has expired until a CRL was signed since, as RFC 5280 demands, however long nothing was signed', () => {
    const state = { ...first([revoked('01')]), nextUpdate: at(100 * DAY) };
    const since = signed(planRevocation(state, facts(), at(99 * DAY)));
    assert.deepEqual(serialsOf(since), ['01']);
    assert.deepEqual(serialsOf(signed(planRevocation({ ...since.state, nextUpdate: at(106 * DAY) }, facts(), at(105 * DAY)))), []);
  });

  it('keeps it for a longer life that the CRL has, or that is wanted', () => {
    const state = signedUntil(10.5 * DAY, first([revoked('01')]));
    assert.deepEqual(serialsOf(signed(planRevocation(state, facts([], { lifeMs: 30 * DAY }), at(16 * DAY)))), ['01']);
    assert.deepEqual(serialsOf(signed(planRevocation({ ...state, nextUpdate: at(40 * DAY) }, facts([revoked('02', { notAfter: at(90 * DAY) })]), at(16 * DAY)))), ['01', '02']);
    assert.deepEqual(serialsOf(signed(planRevocation(state, facts(), at(16 * DAY)))), []);
  });

  it('drops nothing under a clock that is 30 days ahead for one run', () => {
    const state = first([revoked('01', { notAfter: at(10 * DAY) })]);
    const ahead = signed(planRevocation(state, facts(), at(30 * DAY))).state;
    const back = signed(planRevocation(ahead, facts(), at(HOUR)));
    assert.deepEqual(serialsOf(back), ['01']);
  });

  it('drops nothing while the clocks disagree, however often it signs', () => {
    const state = first([revoked('01', { notAfter: at(10 * DAY) })]);
    assert.deepEqual(serialsOf(signedUntil(100 * DAY, state, { mayPrune: false })), ['01']);
  });

  it('looks again before the CRL ends when a longer life is wanted', () => {
    const plan = planRevocation(first(), facts([], { lifeMs: 365 * DAY }), at(WEEK / 2 - MINUTE));
    assert.deepEqual(plan, { kind: 'keep', recheckAt: at(WEEK / 2) });
  });

  it('puts on the CRL only what this issuer has signed, itself or under an earlier certificate of its key', () => {
    const state = first([revoked('01', { issuerSHA256: OLD_CA })]);
    const other = signed(planRevocation(state, facts([revoked('02')]), at(1)));
    assert.deepEqual(other.entries.map(({ serialNumber }) => serialNumber), ['02']);
    const renewed = signed(planRevocation(state, facts([revoked('02')], { issuer: { sha256: CA, alsoSHA256: [OLD_CA] } }), at(1)));
    assert.deepEqual(renewed.entries.map(({ serialNumber }) => serialNumber), ['01', '02']);
    assert.equal(other.state.entries.length, 2);
  });

  it('rises in number even when the state was lost', () => {
    const second = signed(planRevocation(first(), facts(), at(WEEK / 2))).state;
    const afterLoss = first([], at(WEEK));
    assert.ok(second.number > first().number && afterLoss.number > second.number);
  });

  it('lets the CRL begin five minutes ago', () => assert.deepEqual(signed(planRevocation(undefined, facts(), at(0))).thisUpdate, at(-5 * MINUTE)));

  it('under any clock: rises, never ends earlier, loses nothing that is unexpired, signs at most once per look, and looks again later', () => {
    const step = fc.record({ mayPrune: fc.boolean(), lifeMs: fc.constantFrom(DAY, WEEK, 30 * DAY), ms: fc.constantFrom(MINUTE, HOUR, DAY, -10 * MINUTE, 10 * MINUTE, -30 * DAY, 30 * DAY), serial: fc.option(fc.integer({ min: 1, max: 9 }), { nil: undefined }) });
    fc.assert(fc.property(fc.array(step, { maxLength: 30, size: 'max' }), (steps) => {
      let [state, clock]: [CrlState | undefined, number] = [undefined, 0];
      for (const { lifeMs, mayPrune, ms, serial } of steps) {
        clock += ms;
        const now = at(clock);
        const given = facts(serial === undefined ? [] : [revoked(`0${serial}`, { notAfter: at(serial * 5 * DAY) })], { lifeMs, mayPrune });
        const plan = planRevocation(state, given, now);
        if (plan.kind === 'keep') {
          assert.ok(plan.recheckAt > now && (state?.nextUpdate ?? now) > plan.recheckAt);
          continue;
        }
        const { state: next } = plan;
        assert.ok(next.nextUpdate > now);
        if (state !== undefined) {
          assert.ok(next.number > state.number && next.nextUpdate >= state.nextUpdate);
          const kept = new Set(next.entries.map(({ serialNumber }) => serialNumber));
          const isOver = (notAfter: Date) => mayPrune && state !== undefined && state.signedAt > notAfter && notAfter.getTime() + lifeMs <= now.getTime();
          for (const entry of state.entries) assert.ok(isOver(entry.notAfter) || kept.has(entry.serialNumber));
        }
        assert.equal(planRevocation(next, given, now).kind, 'keep');
        state = next;
      }
    }));
  });

  it('plans 20 000 entries in no time', () => {
    const many = Array.from({ length: 20_000 }, (_, index) => revoked(index.toString(16).toUpperCase().padStart(32, '0')));
    const started = performance.now();
    const { state } = signed(planRevocation(first(many.slice(1)), facts(many), at(1)));
    assert.equal(state.entries.length, 20_000);
    assert.ok(performance.now() - started < 2000);
  });
});

describe('writeCrlState', () => {
  it('is read back as it was', () => {
    const state = first([revoked('0A'), revoked('FF'.repeat(20), { issuerSHA256: OLD_CA, reason: 'unspecified' })]);
    assert.deepEqual(readCrlState(writeCrlState(state)), state);
  });
  it('is read back as it was without entries', () => assert.deepEqual(readCrlState(writeCrlState(first())), first()));
  it('takes less than 75 bytes for an entry', () => {
    const state = first(Array.from({ length: 1000 }, (_, index) => revoked(`${index + 1000}`.padStart(32, 'A'))));
    assert.ok(writeCrlState(state).length / 1000 < 75, `${writeCrlState(state).length}`);
  });

  const text = writeCrlState(first([revoked('01')]));
  const broken: Record<string, string> = {
    'nothing': '', 'no JSON': text.slice(1), 'another version': text.replace('"version":1', '"version":2'), 'a number that is none': text.replace(/"number":"\d+"/u, '"number":"x"'),
    'no entries': text.replace('entries', 'entry'), 'an entry of an unknown issuer': text.replace('["01",0', '["01",7'), 'an entry of an unknown reason': text.replace('["01",0,1', '["01",0,99'),
    'a time that is none': text.replace(/"signedAt":"[^"]+"/u, '"signedAt":"soon"'), 'a list': '[]', 'null': 'null',
  };
  for (const [what, each] of Object.entries(broken)) it(`is not read where there is ${what}`, () => assert.equal(readCrlState(each), undefined));
});

const issued = (...serials: readonly string[]): NonNullable<TenantCertificateStatus['issued']> => serials.map((serialNumber) => ({ serialNumber, issuerSHA256: CA, notAfter: writeInstant(at(WEEK)) }));

describe('revocationsOf', () => {
  const status: TenantCertificateStatus = { issued: issued('01', '02') };
  const of = (overrides: Partial<TenantCertificate>): TenantCertificate => ({ ...aTenantCertificate(), status, ...overrides });
  const { metadata, spec } = aTenantCertificate();
  const gone = { ...metadata, deletionTimestamp: '2026-11-02T00:00:00Z', finalizers: ['tenant-mtls.dev/revoke-on-delete'] };
  const byTenant: NonNullable<TenantSpec['revoked']> = [{ certificate: { namespace: 'shop', name: 'hello' }, reason: 'privilegeWithdrawn' }];

  const cases: Record<string, readonly [TenantCertificate, NonNullable<TenantSpec['revoked']>, string | undefined]> = {
    'nothing of an object in use': [of({}), [], undefined],
    'everything issued for a revoked object': [of({ spec: { ...spec, revoked: { reason: 'keyCompromise' } } }), [], 'keyCompromise'],
    'everything issued for a deleted object': [of({ metadata: gone }), [], 'cessationOfOperation'],
    'nothing of a deleted object that is retained': [of({ metadata: gone, spec: { ...spec, deletionPolicy: 'Retain' } }), [], undefined],
    'nothing of a deleted authority, which is retained': [of({ metadata: gone, spec: { ...spec, isCA: true } }), [], undefined],
    'nothing of a deleted object without our finalizer': [of({ metadata: { ...gone, finalizers: ['other/one'] } }), [], undefined],
    'everything of an object the Tenant has revoked': [of({}), byTenant, 'privilegeWithdrawn'],
    'nothing of an object in another namespace': [of({ metadata: { ...metadata, namespace: 'other' } }), byTenant, undefined],
    'nothing of another object the Tenant has not revoked': [of({ metadata: { ...metadata, name: 'other' } }), byTenant, undefined],
    'the object\'s own reason first': [of({ metadata: gone, spec: { ...spec, revoked: { reason: 'superseded' } } }), byTenant, 'superseded'],
  };
  for (const [sentence, [certificate, tenantRevoked, reason]] of Object.entries(cases)) {
    it(`revokes ${sentence}`, () => {
      const expected = reason === undefined ? [] : ['01', '02'].map((serialNumber) => ({ serialNumber, issuerSHA256: CA, reason, notAfter: at(WEEK) }));
      assert.deepEqual(revocationsOf(certificate, tenantRevoked), expected);
    });
  }

  it('revokes nothing where nothing was issued', () => assert.deepEqual(revocationsOf({ ...aTenantCertificate({ revoked: { reason: 'superseded' } }) }), []));
  it('tells issuance that the Tenant has revoked the object', () => assert.equal(objectRevocation(byTenant, { namespace: 'shop', name: 'hello' }), 'privilegeWithdrawn'));
});

describe('tenantRevocations', () => {
  const authority = { sha256: CA, notAfter: at(1000 * DAY) };
  const authorities = [authority];
  const hash = 'c'.repeat(64);
  const certificates = [{ ...aTenantCertificate(), status: { issued: issued('0A', '0B'), serialNumber: '0B', certificateSHA256: hash } }];
  it('finds the end of a serial in the status', () => {
    assert.deepEqual(tenantRevocations([{ serialNumber: 'a', reason: 'superseded' }], certificates, authorities), [revoked('0A', { reason: 'superseded' })]);
  });
  it('takes an unknown serial at its word until the authority ends', () => {
    assert.deepEqual(tenantRevocations([{ serialNumber: '0C', reason: 'superseded' }], certificates, authorities), [revoked('0C', { reason: 'superseded', notAfter: authority.notAfter })]);
  });
  it('finds the current certificate by its hash', () => {
    assert.deepEqual(tenantRevocations([{ certificateSHA256: hash, reason: 'keyCompromise' }], certificates, authorities), [revoked('0B')]);
  });
  it('revokes nothing by an unknown hash, and leaves objects to revocationsOf', () => {
    const none = [{ certificateSHA256: 'd'.repeat(64), reason: 'keyCompromise' }, { certificate: { namespace: 'shop', name: 'hello' }, reason: 'keyCompromise' }] as const;
    assert.deepEqual(tenantRevocations([...none], certificates, authorities), []);
  });
  it('finds one before the current one by its hash, too', () => {
    const known = [{ ...aTenantCertificate(), status: { issued: [{ serialNumber: '0A', issuerSHA256: CA, notAfter: writeInstant(at(WEEK)), certificateSHA256: hash }, ...issued('0B')], serialNumber: '0B', certificateSHA256: 'd'.repeat(64) } }];
    assert.deepEqual(tenantRevocations([{ certificateSHA256: hash, reason: 'keyCompromise' }], known, authorities), [revoked('0A')]);
  });
  it('takes an unknown serial for one of every CA that is published, each until it ends', () => {
    const retiring = { sha256: OLD_CA, notAfter: at(10 * DAY) };
    assert.deepEqual(tenantRevocations([{ serialNumber: '0C', reason: 'superseded' }], certificates, [authority, retiring]).map(({ issuerSHA256, notAfter }) => [issuerSHA256, notAfter]), [[CA, authority.notAfter], [OLD_CA, retiring.notAfter]]);
  });
  it('says which entries revoke nothing, but not of a serial, which is taken at its word', () => {
    const reason = 'keyCompromise' as const;
    const list = [{ certificateSHA256: hash, reason }, { certificateSHA256: 'd'.repeat(64), reason }, { certificate: { namespace: 'shop', name: 'hello' }, reason }, { certificate: { namespace: 'shop', name: 'helo' }, reason }, { serialNumber: '0C', reason }];
    assert.deepEqual(unmatchedRevocations(list, certificates), ['spec.revoked[1].certificateSHA256 dddddddddddddddd', 'spec.revoked[3].certificate shop/helo']);
  });
});

describe('writeSerial', () => {
  const cases = { a: '0A', '0a': '0A', '00ff': 'FF', '0FF': 'FF', '0': '00', '0000': '00', '1234': '1234' };
  for (const [serial, expected] of Object.entries(cases)) it(`writes ${serial} as ${expected}`, () => assert.equal(writeSerial(serial), expected));
});

describe('areRevoked', () => {
  const state = first([revoked('01')]);
  it('holds when all are listed or expired', () => assert.ok(areRevoked(state, [revoked('01'), revoked('02', { notAfter: at(-1) })], at(0))));
  it('fails while one is not listed', () => assert.ok(!areRevoked(state, [revoked('01'), revoked('02')], at(0))));
});
