// Is certificate work due, and why: ordered checks over facts, the first finding wins.
// Rule: every reason to issue disappears when the certificate it asks for is stored, or issuing would never end.
//
//              ┌── revoked, issuer unusable ──────────────► refuse ──(fixed)──┐
//   facts ─────┼── nothing stored, unreadable, wrong ─────► issue ──(stored)──┤
//              ├── expired, renewal asked for or due ─────► issue ──(stored)──┤
//              └── none of these ─────► keep ──(recheckAt)──► facts ◄─────────┘
import type { IssueReason, RefuseReason } from '../api/conditions.ts';
import type { DesiredCertificate } from './desired-certificate.ts';
import { HOUR_MS, earliest, later, writeInstant } from './instant.ts';
import type { IssuerFacts, StoredCertificate, StoredPair } from './issuance-facts.ts';
import { renewalTime } from './renewal-time.ts';
import { requestHash } from './request-hash.ts';

export type Plan =
  | { readonly kind: 'issue'; readonly reason: IssueReason; readonly message: string }
  /** `recheckAt` is later than now; `notice` tells people what is unusual about keeping it. */
  | { readonly kind: 'keep'; readonly renewAt: Date; readonly recheckAt: Date; readonly notice?: string }
  | { readonly kind: 'refuse'; readonly reason: RefuseReason; readonly message: string };

interface Situation {
  readonly desired: DesiredCertificate;
  readonly issuer: IssuerFacts;
  readonly now: Date;
}

type Check<T> = (facts: T) => Plan | undefined;

/** Timers stand still while a machine sleeps: the wall clock is read at least this often. */
const LONGEST_WAIT_MS = HOUR_MS;

/**
 * `stored` is undefined when nothing was ever issued. Renewal is due at `renewAt`; whoever waits for it adds the jitter.
 */
export function planIssuance(desired: DesiredCertificate, stored: StoredCertificate | undefined, issuer: IssuerFacts, now: Date): Plan {
  const situation: Situation = { desired, issuer, now };
  const refusal = firstOf(REFUSALS, situation);
  if (refusal !== undefined) return refusal;
  const plan = stored?.state === 'Read' ? judgePair({ ...situation, pair: stored }) : replaceUnreadable(stored);
  return plan.kind === 'issue' && issuer.state === 'Replacing'
    ? { kind: 'refuse', reason: 'IssuerBeingReplaced', message: `${plan.message}; ${issuer.message}` }
    : plan;
}

const REFUSALS: readonly Check<Situation>[] = [isRevoked, isRefusedByIssuer, isIssuerOutOfTime, isForbiddenAuthority];

function isRevoked({ desired: { revoked } }: Situation): Plan | undefined {
  return revoked === undefined ? undefined : { kind: 'refuse', reason: 'Revoked', message: `spec.revoked (${revoked}) is set: nothing is issued again` };
}

function isRefusedByIssuer({ issuer }: Situation): Plan | undefined {
  return issuer.state === 'Refused' ? { kind: 'refuse', reason: issuer.refusal.reason, message: issuer.refusal.message } : undefined;
}

function isIssuerOutOfTime({ issuer, now }: Situation): Plan | undefined {
  if (issuer.state !== 'Usable') return undefined;
  if (now >= issuer.notAfter) return { kind: 'refuse', reason: 'IssuerExpired', message: `the CA of ${issuer.name} expired at ${writeInstant(issuer.notAfter)}` };
  if (now < issuer.notBefore) return { kind: 'refuse', reason: 'IssuerNotYetValid', message: `the CA of ${issuer.name} is valid from ${writeInstant(issuer.notBefore)}` };
  return undefined;
}

function isForbiddenAuthority({ desired, issuer }: Situation): Plan | undefined {
  if (!desired.request.isCA || issuer.state !== 'Usable' || issuer.mayIssueCA) return undefined;
  return { kind: 'refuse', reason: 'IssuerForbidsCA', message: `spec.isCA: the CA of ${issuer.name} may not issue authorities (its path length is 0)` };
}

function replaceUnreadable(stored: Exclude<StoredCertificate, StoredPair> | undefined): Plan {
  switch (stored?.state) {
    case undefined: return issue('NeverIssued', 'no certificate has been issued yet');
    case 'Missing': return issue('SecretMissing', 'the Secret is gone');
    case 'DataMissing': return issue('SecretDataMissing', `the Secret lacks ${stored.keys.join(', ')}`);
    case 'CertificateMalformed': return issue('CertificateMalformed', stored.message);
    case 'KeyMalformed': return issue('KeyMalformed', stored.message);
  }
}

interface PairSituation extends Situation {
  readonly pair: StoredPair;
}

function judgePair(situation: PairSituation): Plan {
  return firstOf(PAIR_CHECKS, situation) ?? keep(situation);
}

/** Order matters: what was asked for comes before time, and a clock that stands too early before what it would renew. */
const PAIR_CHECKS: readonly Check<PairSituation>[] = [
  hasForeignKey, hasOtherRequest, hasOtherIssuer, isOnCrl, isExpired, waitsForIssuer, isRenewalRequested, isNotYetValid, gainsNothing, isRenewalDue,
];

function hasForeignKey({ pair }: PairSituation): Plan | undefined {
  return pair.keyMatches ? undefined : issue('KeyMismatch', 'tls.key does not belong to tls.crt');
}

function hasOtherRequest({ desired, pair }: PairSituation): Plan | undefined {
  return pair.requestHash === requestHash(desired.request) ? undefined : issue('SpecChanged', 'the certificate was issued for another spec');
}

function hasOtherIssuer({ issuer, pair: { issuerSHA256 = 'none' } }: PairSituation): Plan | undefined {
  if (issuer.state === 'SelfSigned' || acceptedIssuers(issuer).includes(issuerSHA256)) return undefined;
  return issue('IssuerChanged', `the certificate was issued by another authority (SHA-256 ${issuerSHA256.slice(0, 16)})`);
}

function isOnCrl({ pair: { onCrl = false } }: PairSituation): Plan | undefined {
  return onCrl ? issue('SerialRevoked', 'the certificate is on the CRL of its issuer') : undefined;
}

function acceptedIssuers(issuer: IssuerFacts): readonly string[] {
  if (issuer.state === 'Usable') return [issuer.sha256, ...(issuer.accepted ?? [])];
  return issuer.state === 'Replacing' ? issuer.accepted : [];
}

function isExpired({ pair, now }: PairSituation): Plan | undefined {
  return now >= pair.notAfter ? issue('Expired', `the certificate expired at ${writeInstant(pair.notAfter)}`) : undefined;
}

/** While the authority may not sign, what still serves is kept, whatever the clock says. */
function waitsForIssuer(situation: PairSituation): Plan | undefined {
  return situation.issuer.state === 'Replacing' ? keep(situation, situation.issuer.message) : undefined;
}

/** Taking the annotation away asks for nothing. */
function isRenewalRequested({ desired: { renewToken }, pair: { renewedToken } }: PairSituation): Plan | undefined {
  return renewToken === undefined || renewToken === renewedToken ? undefined : issue('RenewalRequested', 'its renewal was asked for');
}

/**
 * Waits. The likely cause is our own clock, set back; what we would issue then ends too early for everyone whose clock is right,
 * and would be issued a second time when ours is right again. Where the certificate is at fault, asking for renewal replaces it.
 */
function isNotYetValid(situation: PairSituation): Plan | undefined {
  const { pair, now } = situation;
  if (now >= pair.notBefore) return undefined;
  return keep(situation, `the certificate is valid from ${writeInstant(pair.notBefore)}: this clock, or the one it was issued under, is wrong`);
}

/** A certificate that already ends with its issuer is not renewed: it would end at the same time, sooner and sooner renewed. */
function gainsNothing(situation: PairSituation): Plan | undefined {
  const { desired, issuer, pair, now } = situation;
  if (issuer.state !== 'Usable') return undefined;
  const nextEnd = earliest(later(now, desired.request.durationMs), issuer.notAfter);
  if (nextEnd > pair.notAfter) return undefined;
  return issuer.notAfter <= nextEnd ? keep(situation, `the certificate ends with the CA of ${issuer.name}`) : keep(situation);
}

function isRenewalDue({ desired, pair, now }: PairSituation): Plan | undefined {
  const renewAt = renewalTime(desired, pair);
  return now >= renewAt ? issue('RenewalDue', `renewal was due at ${writeInstant(renewAt)}`) : undefined;
}

function keep({ desired, pair, now }: PairSituation, notice?: string): Plan {
  const renewAt = renewalTime(desired, pair);
  const next = [pair.notBefore, renewAt, pair.notAfter].filter((time) => time > now);
  return { kind: 'keep', renewAt, recheckAt: earliest(later(now, LONGEST_WAIT_MS), ...next), ...(notice === undefined ? {} : { notice }) };
}

function issue(reason: IssueReason, message: string): Plan {
  return { kind: 'issue', reason, message };
}

function firstOf<T>(checks: readonly Check<T>[], facts: T): Plan | undefined {
  for (const check of checks) {
    const plan = check(facts);
    if (plan !== undefined) return plan;
  }
  return undefined;
}
