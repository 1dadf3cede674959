import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { AUTHORITY_LIFETIME_MS, DISTRIBUTION_MS, LEAF_LIFETIME_MS, planServingAuthority } from '../../src/admission/plan-serving-authority.ts';
import type { ServingAction, ServingState, StoredAuthority } from '../../src/admission/plan-serving-authority.ts';
import { soaked } from '../support/soak.ts';

const NOW = new Date('2026-11-24T06:00:00Z');
const DAY = 86_400_000;

const at = (days: number): Date => new Date(NOW.getTime() + days * DAY);

/** Born so many days ago. */
function authority(sha256: string, ageDays: number): StoredAuthority {
  return { sha256, notBefore: at(-ageDays), notAfter: new Date(at(-ageDays).getTime() + AUTHORITY_LIFETIME_MS) };
}

function leaf(issuerSHA256: string, ageDays: number) {
  return { issuerSHA256, notBefore: at(-ageDays), notAfter: new Date(at(-ageDays).getTime() + LEAF_LIFETIME_MS) };
}

const A = authority('A', 30);
const B = authority('B', 1);

/** Everything is as it should be: A is stored, published, known for an hour, and has signed. */
const steady: ServingState = { role: 'leader', stored: [A], bundles: [[A], [A]], distributedForMs: new Map([['A', 3_600_000]]), leaf: leaf('A', 1) };

const cases: Record<string, { state: Partial<ServingState>; now?: Date; plan: ServingAction[] }> = {
  'does nothing when everything is as it should be': { state: {}, plan: [] },
  'creates the Secret when there is none, leader or not': { state: { role: 'follower', stored: 'absent', bundles: 'absent', leaf: undefined }, plan: [{ do: 'create' }] },
  'writes nothing and signs nothing while the API server has not answered': { state: { role: 'follower', stored: 'unknown', bundles: 'absent', leaf: undefined }, plan: [] },
  'signs the first leaf at once, and publishes': {
    state: { bundles: [[], []], distributedForMs: new Map(), leaf: undefined },
    plan: [{ do: 'publish', authorities: ['A'] }, { do: 'sign', issuer: 'A', reason: 'NoLeaf' }],
  },
  'leaves publishing to the leader': { state: { role: 'follower', bundles: [[], []], distributedForMs: new Map() }, plan: [] },
  'publishes again when one webhook of several has lost its bundle': { state: { bundles: [[A], []] }, plan: [{ do: 'publish', authorities: ['A'] }] },
  'needs no registration to serve': { state: { bundles: 'absent', distributedForMs: new Map(), leaf: undefined }, plan: [{ do: 'sign', issuer: 'A', reason: 'NoLeaf' }] },
  'replaces the authority at two thirds of its life': {
    state: { stored: [authority('A', 244)], bundles: [[authority('A', 244)]] },
    plan: [{ do: 'rotate', keep: 'A', reason: 'RenewalDue' }],
  },
  'leaves replacing to the leader': { state: { role: 'follower', stored: [authority('A', 244)], bundles: [[authority('A', 244)]] }, plan: [] },
  'publishes a new authority beside the old one, and goes on with the leaf of the old one': {
    state: { stored: [B, A], leaf: leaf('A', 1) },
    plan: [{ do: 'publish', authorities: ['B', 'A'] }],
  },
  'does not sign with a new authority before it has been distributed': {
    state: { stored: [B, A], bundles: [[B, A]], distributedForMs: new Map([['A', 3_600_000], ['B', DISTRIBUTION_MS - 1]]) },
    plan: [],
  },
  'signs with a new authority once it has been distributed': {
    state: { role: 'follower', stored: [B, A], bundles: [[B, A]], distributedForMs: new Map([['A', 3_600_000], ['B', DISTRIBUTION_MS]]) },
    plan: [{ do: 'sign', issuer: 'B', reason: 'AuthorityReplaced' }],
  },
  'renews a leaf at two thirds of its life, with the old authority while the new one is not distributed': {
    state: { role: 'follower', stored: [B, A], bundles: [[B, A]], distributedForMs: new Map([['A', 3_600_000], ['B', 1]]), leaf: leaf('A', 5) },
    plan: [{ do: 'sign', issuer: 'A', reason: 'LeafDue' }],
  },
  'keeps the old authority while a leaf of it may be alive': {
    state: { stored: [authority('B', 7), A], bundles: [[authority('B', 7), A]], distributedForMs: new Map([['A', 3_600_000], ['B', 3_600_000]]), leaf: leaf('B', 1) },
    plan: [],
  },
  'forgets the old authority when every leaf of it has expired': {
    state: { stored: [authority('B', 9), A], bundles: [[authority('B', 9), A]], distributedForMs: new Map([['A', 3_600_000], ['B', 3_600_000]]), leaf: leaf('B', 1) },
    plan: [{ do: 'retire', keep: 'B' }],
  },
  'takes a forgotten authority out of the bundles': {
    state: { stored: [B], bundles: [[B, A]], distributedForMs: new Map([['A', 3_600_000], ['B', 3_600_000]]), leaf: leaf('B', 1) },
    plan: [{ do: 'publish', authorities: ['B'] }],
  },
  'keeps the authority of a deleted Secret in the bundles until all replicas have left it': {
    state: { stored: [B], bundles: [[A]], distributedForMs: new Map([['A', 3_600_000]]), leaf: leaf('A', 1) },
    plan: [{ do: 'publish', authorities: ['B', 'A'] }],
  },
  'replaces a Secret that holds nothing readable': { state: { stored: [] }, plan: [{ do: 'rotate', keep: undefined, reason: 'Unreadable' }] },
  'renews an expired leaf at once': { state: { role: 'follower', leaf: leaf('A', 8) }, plan: [{ do: 'sign', issuer: 'A', reason: 'LeafExpired' }] },
  'renews an expired leaf at once even with an authority that is not distributed': {
    state: { role: 'follower', stored: [B], bundles: [[A]], distributedForMs: new Map([['A', 1]]), leaf: leaf('A', 8) },
    plan: [{ do: 'sign', issuer: 'B', reason: 'LeafExpired' }],
  },
  'after the clock jumped a year forward replaces both, and keeps the old authority for the way back': {
    state: { stored: [A], leaf: leaf('A', 1) },
    now: at(365),
    plan: [{ do: 'rotate', keep: 'A', reason: 'Expired' }],
  },
  'after the clock jumped a year back replaces an authority that is not valid yet': {
    state: { stored: [A], leaf: leaf('A', 1) },
    now: at(-365),
    plan: [{ do: 'rotate', keep: 'A', reason: 'NotYetValid' }],
  },
  'when the clock has come back signs at once with the authority that is valid and trusted': {
    state: { role: 'follower', stored: [authority('F', -365), A], bundles: [[authority('F', -365), A]], distributedForMs: new Map([['A', 3_600_000], ['F', 60_000]]), leaf: leaf('F', -365) },
    plan: [{ do: 'sign', issuer: 'A', reason: 'LeafNotYetValid' }],
  },
  'when the clock has come back puts a valid authority in front, and keeps the one that served before': {
    state: { stored: [authority('F', -365), A], bundles: [[authority('F', -365), A]], distributedForMs: new Map([['A', 3_600_000], ['F', 60_000]]) },
    plan: [{ do: 'rotate', keep: 'A', reason: 'NotYetValid' }],
  },
};

describe(planServingAuthority.name, () => {
  for (const [name, { state, now = NOW, plan }] of Object.entries(cases)) {
    it(name, () => assert.deepEqual(planServingAuthority({ ...steady, ...state }, now), plan));
  }

  const anAuthority = fc.record({ sha256: fc.constantFrom('A', 'B', 'C'), ageDays: fc.integer({ min: -400, max: 400 }) }).map(({ sha256, ageDays }) => authority(sha256, ageDays));
  const aLeaf = fc.record({ issuer: fc.constantFrom('A', 'B', 'C'), ageDays: fc.integer({ min: -400, max: 400 }) }).map(({ issuer, ageDays }) => leaf(issuer, ageDays));
  const aState: fc.Arbitrary<ServingState> = fc.record({
    role: fc.constantFrom('leader' as const, 'follower' as const),
    stored: fc.oneof(fc.uniqueArray(anAuthority, { maxLength: 2, selector: ({ sha256 }) => sha256 }), fc.constantFrom('absent' as const, 'unknown' as const)),
    bundles: fc.oneof(fc.array(fc.uniqueArray(anAuthority, { maxLength: 3, selector: ({ sha256 }) => sha256 }), { minLength: 1, maxLength: 3 }), fc.constant('absent' as const)),
    distributedForMs: fc.dictionary(fc.constantFrom('A', 'B', 'C'), fc.integer({ min: 0, max: 300_000 }), { noNullPrototype: true }).map((spans) => new Map(Object.entries(spans))),
    leaf: fc.option(aLeaf, { nil: undefined }),
  });

  it('never moves a valid leaf to an authority that is not distributed, signs with valid ones only, and lets only the leader write', () => {
    fc.assert(
      fc.property(aState, (state) => {
        for (const action of planServingAuthority(state, NOW)) {
          if (state.role === 'follower') assert.ok(action.do === 'sign' || action.do === 'create');
          if (action.do === 'publish' && Array.isArray(state.stored)) {
            for (const { sha256 } of state.stored as StoredAuthority[]) assert.ok(action.authorities.includes(sha256));
          }
          if (action.do !== 'sign') continue;
          const issuer = (state.stored as StoredAuthority[]).find(({ sha256 }) => sha256 === action.issuer);
          assert.ok(issuer !== undefined && issuer.notBefore <= NOW && NOW < issuer.notAfter);
          if (action.reason !== 'AuthorityReplaced' || state.bundles === 'absent') continue;
          assert.ok((state.distributedForMs.get(action.issuer) ?? 0) >= DISTRIBUTION_MS);
        }
      }),
      { numRuns: soaked(2000) },
    );
  });
});
