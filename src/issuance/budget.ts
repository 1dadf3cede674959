// How many certificates a tenant may have issued in a while: a token bucket as a value, so that one tenant cannot use up the signer.
import { instant } from './instant.ts';

export interface BudgetLimits {
  /** So many at once, from a full bucket. */
  readonly burst: number;
  readonly perSecond: number;
}

export interface Bucket {
  readonly tokens: number;
  readonly updatedAt: Date;
}

export type Spending = { readonly kind: 'spent'; readonly bucket: Bucket } | { readonly kind: 'exhausted'; readonly bucket: Bucket; readonly retryAt: Date };

/** Room for a tenant of 1 000 certificates to be rebuilt at once, and for 10 000 to be re-issued in half an hour. */
export const TENANT_BUDGET: BudgetLimits = { burst: 1000, perSecond: 5 };

/** `bucket` undefined: full. A clock that was set back fills nothing and takes nothing. */
export function spendBudget(bucket: Bucket | undefined, now: Date, limits: BudgetLimits = TENANT_BUDGET): Spending {
  const tokens = refilled(bucket, now, limits);
  if (tokens >= 1) return { kind: 'spent', bucket: { tokens: tokens - 1, updatedAt: now } };
  const waitMs = Math.ceil(((1 - tokens) / limits.perSecond) * 1000);
  return { kind: 'exhausted', bucket: { tokens, updatedAt: now }, retryAt: instant(now.getTime() + waitMs) };
}

export function isFull(bucket: Bucket, now: Date, limits: BudgetLimits = TENANT_BUDGET): boolean {
  return refilled(bucket, now, limits) >= limits.burst;
}

function refilled(bucket: Bucket | undefined, now: Date, { burst, perSecond }: BudgetLimits): number {
  if (bucket === undefined) return burst;
  const elapsedMs = Math.max(0, now.getTime() - bucket.updatedAt.getTime());
  return Math.min(burst, bucket.tokens + (elapsedMs / 1000) * perSecond);
}
