// Replaces an authority so that never two pods of a tenant refuse each other: first every pod trusts the new one, then all are signed by it,
// and only then the old one is forgotten. Rule: a phase changes only what no pod can yet (or any longer) depend on.
//
//   phase        anchors in bundles   leaves signed by      leaves in use   next when
//   Stable       active               active                active          another CA is seen
//   Prepared     retiring, active     the newest retiring   retiring        both anchors are written everywhere, and waited for
//   Distributed  retiring, active     active                any             every leaf is signed by the active one
//   Reissued     retiring, active     active                any             the leaves are written everywhere, and waited for
//
// Another CA that appears in the middle begins at Prepared again; whatever has signed until then retires.
import type { AuthorityIdentity, RotationState, RotationPhase } from './rotation-state.ts';

/** What the world shows of the present phase. Gates are facts: here what was written, later what the sidecars have loaded. */
export interface RotationGates {
  /** Every bundle of this authority contains `anchorsToPublish`, and every pod can see it. */
  readonly writtenEverywhere: boolean;
  /** Every certificate in use is signed by the active authority. */
  readonly reissuedAll: boolean;
  /** For how long the other gate of this phase has been open without a break. */
  readonly waitedMs: number;
}

export interface RotationFacts {
  /** The CA that is there now. */
  readonly observed: AuthorityIdentity;
  readonly gates: RotationGates;
  /** Longer than a kubelet takes to show a changed Secret or ConfigMap, and a sidecar to load it. */
  readonly minimumWaitMs: number;
}

export type AuthorityPlan =
  | { readonly kind: 'stay'; readonly state: RotationState; readonly waitingFor: 'Nothing' | 'AnchorsWritten' | 'CertificatesReissued' | 'MinimumWait' }
  /** To be stored before anything is done in the new phase. */
  | { readonly kind: 'move'; readonly state: RotationState; readonly message: string };

/** At most one step; whoever stores it asks again. */
export function planAuthority(state: RotationState | undefined, facts: RotationFacts, now: Date): AuthorityPlan {
  const { observed } = facts;
  if (state === undefined) return { kind: 'move', state: { phase: 'Stable', since: now, active: observed, retiring: [] }, message: 'the authority is known' };
  if (observed.sha256 !== state.active.sha256) return { kind: 'move', ...replaceActive(state, observed, now) };
  return STEPS[state.phase](state, facts, now);
}

/** One that has signed nothing yet is dropped. One that comes back stays among the retiring ones too: it has signed. */
function replaceActive(state: RotationState, observed: AuthorityIdentity, now: Date): { state: RotationState; message: string } {
  const signed = state.phase === 'Prepared' ? state.retiring : [...state.retiring.filter(({ sha256 }) => sha256 !== state.active.sha256), state.active];
  if (signed.every(({ sha256 }) => sha256 === observed.sha256)) {
    return { state: { phase: 'Stable', since: now, active: observed, retiring: [] }, message: 'the former authority is back before another one has signed' };
  }
  return { state: { phase: 'Prepared', since: now, active: observed, retiring: signed }, message: 'another authority is there: its anchor is added to every bundle' };
}

type Step = (state: RotationState, facts: RotationFacts, now: Date) => AuthorityPlan;

const STEPS: Readonly<Record<RotationPhase, Step>> = {
  Stable: (state) => ({ kind: 'stay', state, waitingFor: 'Nothing' }),

  Prepared(state, { gates, minimumWaitMs }, now) {
    // Certificates of authorities that have ended are refused by everyone: there is nothing left to protect, and no one else to sign.
    if (state.retiring.every(({ notAfter }) => notAfter <= now)) return move(state, 'Distributed', now);
    if (!gates.writtenEverywhere) return { kind: 'stay', state, waitingFor: 'AnchorsWritten' };
    return gates.waitedMs < minimumWaitMs ? { kind: 'stay', state, waitingFor: 'MinimumWait' } : move(state, 'Distributed', now);
  },

  Distributed(state, { gates }, now) {
    return gates.reissuedAll ? move(state, 'Reissued', now) : { kind: 'stay', state, waitingFor: 'CertificatesReissued' };
  },

  Reissued(state, { gates, minimumWaitMs }, now) {
    if (!gates.reissuedAll) return { kind: 'stay', state, waitingFor: 'CertificatesReissued' };
    return gates.waitedMs < minimumWaitMs ? { kind: 'stay', state, waitingFor: 'MinimumWait' } : move({ ...state, retiring: [] }, 'Stable', now);
  },
};

const MESSAGES: Readonly<Record<RotationPhase, string>> = {
  Stable: 'every pod uses certificates of the new authority: the old anchor is retired',
  Prepared: 'both anchors are in every bundle',
  Distributed: 'both anchors are in every bundle: certificates are re-issued',
  Reissued: 'every certificate is re-issued: the old anchor is kept until all pods have loaded theirs',
};

function move(state: RotationState, phase: RotationPhase, now: Date): AuthorityPlan {
  return { kind: 'move', state: { ...state, phase, since: now }, message: MESSAGES[phase] };
}

/** SHA-256 of the CA certificates whose anchors belong into every bundle, the active one first. */
export function anchorsToPublish({ active, retiring }: RotationState): string[] {
  return [...new Set([active.sha256, ...retiring.map(({ sha256 }) => sha256).reverse()])];
}

/** Issuers whose certificates are not to be replaced in this phase: in Prepared everyone's that pods may trust. */
export function acceptedIssuers(state: RotationState): string[] {
  return state.phase === 'Prepared' ? anchorsToPublish(state) : [state.active.sha256];
}

/**
 * SHA-256 of the CA that signs now. In Prepared it is the newest of the retiring ones, if its key is still `available` (a CA Secret that was
 * overwritten has lost it); otherwise undefined: signing waits.
 */
export function signingAuthority(state: RotationState, available: ReadonlySet<string>): string | undefined {
  const signer = state.phase === 'Prepared' ? state.retiring.at(-1) : state.active;
  return signer !== undefined && available.has(signer.sha256) ? signer.sha256 : undefined;
}
