// How late is it, for what cannot be undone. Rule: two clocks must say that something is over, ours and the API server's, before it is
// forgotten; where they differ neither is believed, and the earlier one counts.
import { HOUR_MS, MINUTE_MS, earliest } from './instant.ts';

export interface ClockVerdict {
  /** The earlier one. */
  readonly now: Date;
  /** How far apart they are, in words that stay the same for a while; absent when they agree. */
  readonly disagreement?: string;
}

/** More than drift and a slow answer explain; verifiers are granted as much by `thisUpdate`. */
const TOLERATED_MS = 5 * MINUTE_MS;

/** `server` is undefined when the API server has not said what time it is. */
export function judgeClocks(local: Date, server: Date | undefined): ClockVerdict {
  if (server === undefined) return { now: local, disagreement: 'the API server has not said yet what time it is' };
  const now = earliest(local, server);
  const aheadMs = local.getTime() - server.getTime();
  if (Math.abs(aheadMs) <= TOLERATED_MS) return { now };
  return { now, disagreement: `the operator's clock is more than ${sizeOf(Math.abs(aheadMs))} ${aheadMs > 0 ? 'ahead of' : 'behind'} the API server's` };
}

/** A number that changes would be a condition written anew each time. */
function sizeOf(ms: number): string {
  if (ms > 24 * HOUR_MS) return 'a day';
  return ms > HOUR_MS ? 'an hour' : 'five minutes';
}
