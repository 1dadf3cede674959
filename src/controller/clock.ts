import { setTimeout as wait } from 'node:timers/promises';

/** Time, as a parameter. Spans are measured on `monotonic`, which nobody can set back; `now` is for what others read. */
export type Clock = {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Milliseconds since some moment in the past. */
  readonly monotonic: () => number;
  /** Resolves after that long, and at once when the signal is aborted: it never rejects. */
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>;
};

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: async (ms, signal) => {
    try {
      await wait(ms, undefined, signal === undefined ? {} : { signal });
    } catch {
      // Aborted: the caller looks at its signal.
    }
  },
};
