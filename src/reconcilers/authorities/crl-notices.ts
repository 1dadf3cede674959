// What people should know of the CRLs of an authority. Pure.
import { CONDITION } from '../../api/conditions.ts';
import type { ClockVerdict } from '../../issuance/judge-clocks.ts';
import { writeInstant } from '../../issuance/instant.ts';
import { lifeOf } from '../../issuance/plan-revocation.ts';
import type { Notice } from './authority.ts';
import type { AuthoritySource } from './authority-source.ts';
import type { Signed } from './crl-store.ts';

type Source = Pick<AuthoritySource, 'name' | 'crl'>;

const LARGE = 256 * 1024;

export function tooLarge({ name }: Source, crl: Signed | undefined): Notice[] {
  if (crl === undefined || crl.pem.length <= LARGE) return [];
  return [{ type: CONDITION.crlTooLarge, status: 'True', reason: 'CRLTooLarge', message: `the CRL of ${name} has ${crl.state.entries.length} entries and ${Math.ceil(crl.pem.length / 1024)} KiB, and stands in every certificate's ConfigMap; shorter durations of certificates keep it small` }];
}

export function doesNotFit({ name }: Source, next: Signed, current: Signed | undefined): Notice {
  const until = current === undefined ? 'no CRL is published' : `the last one stays in force until ${writeInstant(current.state.nextUpdate)}`;
  return { type: CONDITION.crlTooLarge, status: 'True', reason: 'CRLNotStored', message: `the next CRL of ${name}, with ${next.state.entries.length} entries, does not fit into a Secret: ${until}. Replace the authority` };
}

/** Servers that have one CRL demand one of every issuer, and one of those in use can sign none. */
export function postponed({ name }: Source): Notice {
  return { type: CONDITION.crlExpiring, status: 'True', reason: 'CRLPostponed', message: `nothing can be revoked yet: ${name} is being replaced and the key of the one before is gone` };
}

/** Everybody would refuse every connection rather than accept such a CRL. */
export function forbidden({ name }: Source): Notice {
  return { type: CONDITION.crlExpiring, status: 'True', reason: 'CRLNotAllowed', message: `nothing can be revoked: ${mayNotSign(name)}` };
}

export function mayNotSign(name: string): string {
  return `the CA certificate of ${name} may not sign CRLs (keyUsage without cRLSign); replace it by one that may`;
}

export function unreadable(place: string): Notice {
  return { type: CONDITION.crlExpiring, status: 'True', reason: 'CRLStateMalformed', message: `the state of the CRL in ${place} cannot be read, and nothing is signed in its place; restore it from a backup` };
}

/** The Secret has vanished while nobody looked. */
export function incomplete({ name }: Source): Notice {
  return { type: CONDITION.crlIncomplete, status: 'True', reason: 'CRLStateLost', message: `the Secret with the CRL of ${name} had vanished and was made anew from what is known: certificates of objects that are gone may be missing from it. Replace the authority` };
}

/** Nobody knows which of the clocks is right. */
export function skewed({ name }: Pick<Source, 'name'>, { disagreement }: ClockVerdict): Notice[] {
  if (disagreement === undefined) return [];
  return [{ type: CONDITION.clockSkewed, status: 'True', reason: 'ClocksDisagree', message: `${disagreement}: until they agree, nothing is taken off the CRL of ${name}, and it is signed by the earlier of the two. Set the clocks` }];
}

/** Signed anew at half of its life, a CRL never has less than half of it left, unless something is wrong; a longer life that is wanted now is not yet its own. */
const WORRYING = 0.45;

export function expiring({ name, crl: { lifeMs } }: Source, crl: Signed | undefined, now: Date): Notice[] {
  if (crl === undefined || crl.state.nextUpdate.getTime() - now.getTime() > Math.min(lifeMs, lifeOf(crl.state)) * WORRYING) return [];
  return [{ type: CONDITION.crlExpiring, status: 'True', reason: 'CRLExpiring', message: `the CRL of ${name} ends at ${writeInstant(crl.state.nextUpdate)} and could not be signed anew; after that every connection is refused` }];
}
