// Stops what issues the same certificate for the same reason again and again (two controllers that fight over a Secret, a defect of ours).
// Rule: only repetition counts. Every edit of the spec, every request for renewal, every new CA and every renewal that gains time is another
// cause, and starts anew.
import { createHash } from 'node:crypto';

import type { IssueReason, Refusal } from '../api/conditions.ts';
import { backOffMs } from './back-off.ts';
import { HOUR_MS, later, parseInstant, writeInstant } from './instant.ts';

/** An issuance as the status remembers it, so that a restart forgets nothing. */
export interface RecentIssue {
  readonly reason: IssueReason;
  /** What it was issued for besides the reason; only issuances of the same cause are repetitions. */
  readonly cause: string;
  readonly time: string;
}

export interface IssueCause {
  readonly reason: IssueReason;
  /** Of the TenantCertificate: rises with each edit of the spec. */
  readonly generation: number;
  readonly renewToken: string | undefined;
  readonly issuerSHA256: string | undefined;
  /** Where time is the reason: the end of the certificate that is replaced. Each renewal that gains time is a cause of its own. */
  readonly endOfLast?: string | undefined;
}

/** Reasons that come back by themselves, however well all goes. */
export const BROUGHT_BY_TIME: ReadonlySet<IssueReason> = new Set<IssueReason>(['RenewalDue', 'Expired']);

/** So many are issued at once; the next one waits. */
const TOLERATED = 3;
const FORGOTTEN_AFTER_MS = 24 * HOUR_MS;
/** Enough for a day of the longest back-off; also the bound of the list in the status. */
export const MAX_RECENT_ISSUES = 12;

/** Short whatever the annotation holds: it goes into the status. */
export function describeCause({ generation, renewToken, issuerSHA256 = '', endOfLast }: IssueCause): string {
  const token = renewToken === undefined ? '' : createHash('sha256').update(renewToken).digest('hex').slice(0, 16);
  return `${generation}/${issuerSHA256.slice(0, 16)}/${token}${endOfLast === undefined ? '' : `/${endOfLast}`}`;
}

/** The list with one more issuance; what is a day old is dropped. */
export function rememberIssue(recent: readonly RecentIssue[], cause: IssueCause, now: Date): RecentIssue[] {
  const issue: RecentIssue = { reason: cause.reason, cause: describeCause(cause), time: writeInstant(now) };
  return [...remembered(recent, now), issue].slice(-MAX_RECENT_ISSUES);
}

export interface Suspension {
  readonly refusal: Refusal;
  readonly retryAt: Date;
}

/**
 * Undefined: it may be issued. After three issuances of one cause the next ones wait, 4 minutes first, 8 hours at last;
 * each is counted, so a loop makes about a dozen certificates a day.
 */
export function findLoop(recent: readonly RecentIssue[], cause: IssueCause, now: Date): Suspension | undefined {
  const same = remembered(recent, now).filter((issue) => issue.reason === cause.reason && issue.cause === describeCause(cause));
  const last = parseInstant(same.at(-1)?.time);
  if (last === undefined || same.length < TOLERATED) return undefined;
  // A clock that was set back shows issuances of the future: they count as just now.
  const since = last > now ? now : last;
  const retryAt = later(since, backOffMs(same.length));
  return now >= retryAt ? undefined : { retryAt, refusal: refusal(cause.reason, same.length, retryAt) };
}

function refusal(reason: IssueReason, count: number, retryAt: Date): Refusal {
  return { reason: 'IssuanceSuspended', message: `${count} certificates were issued for the same reason, ${reason}; the next attempt is at ${writeInstant(retryAt)}` };
}

function remembered(recent: readonly RecentIssue[], now: Date): RecentIssue[] {
  return recent.filter(({ time }) => {
    const issuedAt = parseInstant(time);
    return issuedAt !== undefined && now.getTime() - issuedAt.getTime() < FORGOTTEN_AFTER_MS;
  });
}
