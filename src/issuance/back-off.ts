// When a failed issuance is tried again: one minute, doubled with each failure, eight hours at most.
// Rule: no clock, however wrong, makes anyone wait longer than the step itself.
import { HOUR_MS, MINUTE_MS, later } from './instant.ts';

const FIRST_MS = MINUTE_MS;
const LONGEST_MS = 8 * HOUR_MS;
/** Up to this part is added at random, so that what failed together is not tried together. */
const JITTER = 0.2;

/** The step after so many failures in a row; none: no wait. */
export function backOffMs(failures: number): number {
  return failures <= 0 ? 0 : Math.min(FIRST_MS * 2 ** (failures - 1), LONGEST_MS);
}

/** `jitter` in [0, 1). */
export function nextAttemptAt(failedAttempts: number, lastFailureTime: Date, jitter: number): Date {
  return later(lastFailureTime, backOffMs(failedAttempts) * (1 + jitter * JITTER));
}

/** How long to wait from now on; 0: try now. */
export function untilNextAttemptMs({ failedAttempts, lastFailureTime }: Failures, now: Date, jitter: number): number {
  if (lastFailureTime === undefined) return 0;
  const stepMs = nextAttemptAt(failedAttempts, lastFailureTime, jitter).getTime() - lastFailureTime.getTime();
  return Math.min(stepMs, Math.max(0, lastFailureTime.getTime() + stepMs - now.getTime()));
}

export interface Failures {
  readonly failedAttempts: number;
  readonly lastFailureTime: Date | undefined;
}
