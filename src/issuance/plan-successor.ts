// When an authority that we make ourselves (a Tenant's) is due for a successor. What then happens is `planAuthority`'s.
import type { RotationState } from './rotation-state.ts';
import { instant, writeInstant } from './instant.ts';

export const SUCCESSOR_REASONS = ['NeverIssued', 'RenewalRequested', 'SpecChanged', 'IssuerChanged', 'RenewalDue'] as const;

/** How the authority stands that was made last, and what is wanted. */
export interface SuccessorFacts {
  /** Undefined: there is none yet. */
  readonly made: { readonly requestHash: string; readonly renewToken: string | undefined; readonly issuerSHA256: string } | undefined;
  readonly wanted: { readonly requestHash: string; readonly renewToken: string | undefined; readonly issuerSHA256: string };
}

export type SuccessorPlan =
  | { readonly kind: 'none'; readonly dueAt: Date }
  | { readonly kind: 'make'; readonly reason: (typeof SUCCESSOR_REASONS)[number]; readonly message: string };

/** One replacement at a time: what comes up in the middle of one is looked at when it is over. */
export function planSuccessor(state: RotationState | undefined, { made, wanted }: SuccessorFacts, now: Date): SuccessorPlan {
  if (made === undefined) return { kind: 'make', reason: 'NeverIssued', message: 'there is no authority yet' };
  if (state === undefined) return { kind: 'none', dueAt: now };
  const dueAt = successionTime(state);
  if (state.phase !== 'Stable') return { kind: 'none', dueAt };
  if (wanted.renewToken !== undefined && wanted.renewToken !== made.renewToken) return { kind: 'make', reason: 'RenewalRequested', message: 'its replacement was asked for (spec.renew)' };
  if (wanted.requestHash !== made.requestHash) return { kind: 'make', reason: 'SpecChanged', message: 'the authority was issued for another spec' };
  if (wanted.issuerSHA256 !== made.issuerSHA256) return { kind: 'make', reason: 'IssuerChanged', message: 'the authority was issued by another root' };
  return now >= dueAt ? { kind: 'make', reason: 'RenewalDue', message: `replacement was due at ${writeInstant(dueAt)}` } : { kind: 'none', dueAt };
}

/** Two thirds of its life, as with every certificate: its certificates are never cut short by its end. */
export function successionTime({ active: { notBefore, notAfter } }: RotationState): Date {
  return instant(notBefore.getTime() + ((notAfter.getTime() - notBefore.getTime()) * 2) / 3);
}
