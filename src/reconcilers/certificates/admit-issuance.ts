// May what is due be issued now? Ordered checks: a failure that is still being waited out, a loop, the Tenant's budget.
import type { IssueReason, Refusal } from '../../api/conditions.ts';
import { untilNextAttemptMs } from '../../issuance/back-off.ts';
import { isFull, spendBudget } from '../../issuance/budget.ts';
import type { Bucket } from '../../issuance/budget.ts';
import { earliest, later, parseInstant } from '../../issuance/instant.ts';
import { BROUGHT_BY_TIME, findLoop } from '../../issuance/loop-breaker.ts';
import type { StoredCertificate } from '../../issuance/issuance-facts.ts';
import type { IssueCause, RecentIssue } from '../../issuance/loop-breaker.ts';
import type { Authority } from '../authorities/authority.ts';
import type { CertificateRun } from './certificate-run.ts';
import { MAX_ISSUED } from './certificate-status.ts';
import { hasOtherIssuer } from './failed-attempts.ts';
import { isNameOccupied } from './find-secret.ts';

export interface Delay {
  readonly refusal: Refusal;
  readonly retryAt: Date;
}

/** It was only put off: by a loop, by a budget, by too many that are valid. Not: an attempt failed. */
export function isSuspension({ reason }: Refusal): boolean {
  return reason === 'IssuanceSuspended' || reason === 'BudgetExceeded';
}

/** With one of these reasons the stored certificate says what is asked for, and nobody refuses it. */
const STILL_GOOD: ReadonlySet<IssueReason> = new Set<IssueReason>(['RenewalDue', 'RenewalRequested', 'IssuerChanged']);

export function servesMeanwhile(reason: IssueReason, stored: StoredCertificate | undefined, now: Date): boolean {
  return STILL_GOOD.has(reason) && stored?.state === 'Read' && stored.keyMatches && !stored.onCrl && stored.notBefore <= now && now < stored.notAfter;
}

export function causeOf({ certificate, desired }: CertificateRun, reason: IssueReason, authority: Authority | undefined): IssueCause {
  const { metadata, status } = certificate;
  return {
    reason,
    generation: metadata.generation ?? 0,
    renewToken: desired.renewToken,
    issuerSHA256: authority?.issuer.sha256,
    endOfLast: BROUGHT_BY_TIME.has(reason) ? status?.notAfter : undefined,
  };
}

export function recentIssues({ certificate }: CertificateRun): RecentIssue[] {
  return (certificate.status?.recentIssues ?? []) as RecentIssue[];
}

/** Undefined: go on. Budgets of tenants are spent by asking. */
export function delayIssuance(run: CertificateRun, cause: IssueCause, authority: Authority | undefined): Delay | undefined {
  return stillBackingOff(run, authority) ?? findLoop(recentIssues(run), cause, run.now) ?? tooManyValid(run) ?? overBudget(run, authority?.tenant);
}

/** What failed is tried again at once when the object was edited since, somebody else is to sign, or its Secret's name is free again. */
function stillBackingOff(run: CertificateRun, authority: Authority | undefined): Delay | undefined {
  const { certificate: { status = {}, metadata }, now, context } = run;
  const { failedIssuanceAttempts: failedAttempts = 0, conditions = [] } = status;
  const ready = conditions.find(({ type }) => type === 'Ready');
  if (failedAttempts === 0 || ready?.status !== 'False' || status.observedGeneration !== metadata.generation || isAnotherAttempt(run, authority)) return undefined;
  const waitMs = untilNextAttemptMs({ failedAttempts, lastFailureTime: parseInstant(status.lastFailureTime) }, now, context.random());
  return waitMs === 0 ? undefined : { retryAt: later(now, waitMs), refusal: { reason: ready.reason as Refusal['reason'], message: ready.message } };
}

/** Where the name was taken, it was looked at just now: nothing would be due if it still were. */
function isAnotherAttempt(run: CertificateRun, authority: Authority | undefined): boolean {
  return hasOtherIssuer(run, authority) || isNameOccupied(run.certificate);
}

/** All of them must stay known, to be revoked one day. */
function tooManyValid({ certificate: { status }, now }: CertificateRun): Delay | undefined {
  const ends = (status?.issued ?? []).flatMap(({ notAfter }) => parseInstant(notAfter) ?? []).filter((end) => end > now);
  const [first, ...others] = ends;
  if (first === undefined || ends.length < MAX_ISSUED) return undefined;
  const retryAt = earliest(first, ...others);
  return { retryAt, refusal: { reason: 'IssuanceSuspended', message: `${ends.length} certificates issued for this object are still valid; the next is issued when the first of them has ended` } };
}

const budgets = new WeakMap<object, Map<string, Bucket>>();

function overBudget({ context, now }: CertificateRun, tenant: string | undefined): Delay | undefined {
  if (tenant === undefined) return undefined;
  const buckets = budgets.get(context.authorities) ?? new Map<string, Bucket>();
  budgets.set(context.authorities, buckets);
  if (!buckets.has(tenant)) dropFull(buckets, now);
  const spending = spendBudget(buckets.get(tenant), now);
  buckets.set(tenant, spending.bucket);
  if (spending.kind === 'spent') return undefined;
  return { retryAt: spending.retryAt, refusal: { reason: 'BudgetExceeded', message: `Tenant ${tenant} has used up its budget of certificates for now` } };
}

/** A full one says no more than none: tenants come and go. */
function dropFull(buckets: Map<string, Bucket>, now: Date): void {
  for (const [tenant, bucket] of buckets) if (isFull(bucket, now)) buckets.delete(tenant);
}
