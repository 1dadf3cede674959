// Is a new CRL due, and what does it say. Rules: the number only rises, what was revoked stays on the list until it has certainly expired,
// and a list that people rely on never ends earlier than its predecessor.
//
//   nothing signed ──► FirstCrl          new entries ──► EntriesAdded        another CA certificate ──► IssuerChanged
//   half of its life gone ──► HalfOfLifeGone        signed in the future ──► ClockWentBack        else ──► keep
import type { CrlEntry, CrlState } from './crl-state.ts';
import { HOUR_MS, MINUTE_MS, earliest, later, wholeSecond, writeInstant } from './instant.ts';
import type { Revocation } from './revocations.ts';

export const CRL_REASONS = ['FirstCrl', 'IssuerChanged', 'EntriesAdded', 'HalfOfLifeGone', 'ClockWentBack'] as const;
export type CrlReason = (typeof CRL_REASONS)[number];

export interface CrlIssuer {
  readonly sha256: string;
  /** Earlier certificates of the same key and name; the CRL is theirs too. */
  readonly alsoSHA256?: readonly string[];
}

export interface RevocationFacts {
  readonly issuer: CrlIssuer;
  readonly revocations: readonly Revocation[];
  /** Life of a CRL. */
  readonly lifeMs: number;
  /** False: the clocks disagree, and nothing is taken off the list. */
  readonly mayPrune: boolean;
}

export type RevocationPlan =
  | { readonly kind: 'keep'; readonly recheckAt: Date }
  | {
    readonly kind: 'sign';
    readonly reason: CrlReason;
    readonly message: string;
    readonly thisUpdate: Date;
    /** To be stored under the resourceVersion of what was read, together with the CRL. */
    readonly state: CrlState;
    /** Of this issuer only; the state may still remember those of an earlier one. */
    readonly entries: readonly CrlEntry[];
  };

/** For clocks of verifiers, as in the certificates. */
const BACKDATED_MS = 5 * MINUTE_MS;
const TOLERATED_SKEW_MS = 10 * MINUTE_MS;

/** `now`: as `judgeClocks` has it. */
export function planRevocation(state: CrlState | undefined, facts: RevocationFacts, now: Date): RevocationPlan {
  const kept = keptEntries(state, facts, now);
  const added = newEntries(kept, facts.revocations, now);
  const reason = findReason(state, added, facts, now);
  if (reason === undefined) return { kind: 'keep', recheckAt: earliest(later(now, HOUR_MS), halfOfLife(state, facts, now)) };
  const next = nextState(state, [...kept, ...added], facts, now);
  const covered = new Set([facts.issuer.sha256, ...(facts.issuer.alsoSHA256 ?? [])]);
  return {
    kind: 'sign', reason, state: next,
    message: `CRL ${next.number} with ${next.entries.length} entries, valid until ${writeInstant(next.nextUpdate)}`,
    thisUpdate: later(now, -BACKDATED_MS),
    entries: next.entries.filter(({ issuerSHA256 }) => covered.has(issuerSHA256)),
  };
}

function findReason(state: CrlState | undefined, added: readonly CrlEntry[], facts: RevocationFacts, now: Date): CrlReason | undefined {
  if (state === undefined) return 'FirstCrl';
  if (state.issuerSHA256 !== facts.issuer.sha256) return 'IssuerChanged';
  if (added.length > 0) return 'EntriesAdded';
  if (now >= halfOfLife(state, facts, now)) return 'HalfOfLifeGone';
  return later(now, TOLERATED_SKEW_MS) < state.signedAt ? 'ClockWentBack' : undefined;
}

/**
 * Of the life it has, or of the one that is wanted now where that is shorter. One that is longer helps no CRL that is signed already: whoever
 * waited for half of it would let the CRL end, and with it every connection.
 */
function halfOfLife(state: CrlState | undefined, { lifeMs }: RevocationFacts, now: Date): Date {
  return state === undefined ? now : later(state.signedAt, Math.min(lifeMs, lifeOf(state)) / 2);
}

/** What was given to a CRL when it was signed. */
export function lifeOf({ signedAt, nextUpdate }: Pick<CrlState, 'signedAt' | 'nextUpdate'>): number {
  return nextUpdate.getTime() - signedAt.getTime();
}

/**
 * RFC 5280, 3.3: "An entry MUST NOT be removed from the CRL until it appears on one regularly scheduled CRL issued beyond the revoked
 * certificate's validity period." It stays for a whole life of a CRL after that; the one in force, which has not ended, was then signed since.
 * None is dropped when the CRL ended unnoticed: the clocks may be ahead, and what has expired under them may be revoked in truth.
 */
function keptEntries(state: CrlState | undefined, { lifeMs, mayPrune }: RevocationFacts, now: Date): readonly CrlEntry[] {
  if (state === undefined || !mayPrune || now >= state.nextUpdate) return state?.entries ?? [];
  const oneMoreLifeMs = Math.max(lifeMs, lifeOf(state));
  return state.entries.filter(({ notAfter }) => later(notAfter, oneMoreLifeMs) > now);
}

/**
 * A first number is the time in seconds, so that numbers rise even if a state is lost. The end never moves backwards: under a clock that
 * is behind, we would else publish a CRL that has ended for everyone whose clock is right, and all of them would refuse everybody.
 */
function nextState(state: CrlState | undefined, entries: readonly CrlEntry[], { issuer, lifeMs }: RevocationFacts, now: Date): CrlState {
  const wanted = later(now, lifeMs);
  return {
    number: state === undefined ? BigInt(Math.floor(now.getTime() / 1000)) : state.number + 1n,
    issuerSHA256: issuer.sha256,
    signedAt: now,
    nextUpdate: state === undefined || state.nextUpdate < wanted ? wanted : state.nextUpdate,
    entries,
  };
}

/** Whoever came first decides date and reason; nothing that is on the list is taken off it before its end. */
function newEntries(known: readonly CrlEntry[], revocations: readonly Revocation[], now: Date): CrlEntry[] {
  const listed = new Set(known.map(keyOf));
  const added: CrlEntry[] = [];
  for (const revocation of revocations) {
    if (listed.has(keyOf(revocation)) || revocation.notAfter <= now) continue;
    listed.add(keyOf(revocation));
    added.push({ ...revocation, revokedAt: wholeSecond(now) });
  }
  return added;
}

function keyOf({ issuerSHA256, serialNumber }: { readonly issuerSHA256: string; readonly serialNumber: string }): string {
  return `${issuerSHA256} ${serialNumber}`;
}

/** Whether every unexpired one is on the list that was published: then the object may go. */
export function areRevoked(state: CrlState, revocations: readonly Revocation[], now: Date): boolean {
  const known = new Set(state.entries.map(keyOf));
  return revocations.every((each) => each.notAfter <= now || known.has(keyOf(each)));
}
