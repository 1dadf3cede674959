import { systemClock, type Clock } from './clock.ts';
import { LeaseClaim, type LeaseClient } from './lease-claim.ts';

/**
 * One of several replicas leads (the protocol of client-go, 15/10/2 s). The one rule: a leader has stopped before
 * anybody else can take the lease. It stops when it could not renew for `renewDeadlineMs`; the others wait for
 * `leaseDurationMs` from the last renewal they saw.
 *
 *     standing by ──lease free, released or expired──► leading ──stop──► work has ended ──► lease released
 *          ▲                                              │
 *          └────────── not renewed in time, or taken ─────┘
 */
export type LeaderElectionOptions = {
  readonly leases: LeaseClient;
  /** Unique for this process: the pod's name and something random. */
  readonly identity: string;
  readonly random: () => number;
  readonly clock?: Clock;
  readonly leaseDurationMs?: number;
  readonly renewDeadlineMs?: number;
  readonly retryPeriodMs?: number;
  readonly onChange?: (isLeader: boolean) => void;
  /** An attempt to take or renew the lease has failed; it is tried again. */
  readonly onError?: (error: unknown) => void;
};

/**
 * Does the leader's work until the signal is aborted. It must end within `leaseDurationMs - renewDeadlineMs` (5 s)
 * after that; what it throws ends the election.
 */
export type Lead = (leading: AbortSignal) => Promise<void>;

type Attempt = 'held' | 'taken' | 'failed';

const defaults = { clock: systemClock, leaseDurationMs: 15_000, renewDeadlineMs: 10_000, retryPeriodMs: 2000 };
const JITTER = 0.2;

export class LeaderElection {
  readonly #options: LeaderElectionOptions & typeof defaults;
  readonly #claim: LeaseClaim;
  /** When the last successful renewal was begun. */
  #renewedAt = 0;
  #isLeader = false;

  constructor(options: LeaderElectionOptions) {
    this.#options = { ...defaults, ...options };
    const { leases, identity, leaseDurationMs, clock } = this.#options;
    this.#claim = new LeaseClaim({ leases, identity, durationMs: leaseDurationMs, clock });
  }

  get isLeader(): boolean {
    return this.#isLeader;
  }

  /** Stands by, leads, and stands by again if leadership was lost, until stopped. */
  async run(stop: AbortSignal, lead: Lead): Promise<void> {
    while (!stop.aborted) {
      if ((await this.#attempt(this.#options.renewDeadlineMs)) === 'held') await this.#leadUntilOver(stop, lead);
      else await this.#pause(stop);
    }
  }

  async #leadUntilOver(stop: AbortSignal, lead: Lead): Promise<void> {
    const leading = new AbortController();
    const ended = new AbortController();
    const stepDown = (): void => leading.abort();
    stop.addEventListener('abort', stepDown);
    if (stop.aborted) stepDown();
    this.#setLeader(true);
    // Renewed also while the work comes to its end after a stop, so that nobody takes over before that.
    const renewing = this.#renewUntil(ended.signal).then(stepDown);
    try {
      await lead(leading.signal);
    } finally {
      stop.removeEventListener('abort', stepDown);
      ended.abort();
      await renewing;
      this.#setLeader(false);
      await this.#release();
    }
  }

  /** Returns when the work has ended or leadership is lost. */
  async #renewUntil(ended: AbortSignal): Promise<void> {
    const { clock, renewDeadlineMs } = this.#options;
    for (;;) {
      const remainingMs = this.#renewedAt + renewDeadlineMs - clock.monotonic();
      await this.#pause(ended, remainingMs);
      if (ended.aborted) return;
      const leftMs = this.#renewedAt + renewDeadlineMs - clock.monotonic();
      if (leftMs <= 0 || (await this.#attempt(leftMs)) === 'taken') return;
    }
  }

  /** Tries to take or renew the lease once; an answer after the deadline comes too late and counts as a failure. */
  async #attempt(deadlineMs: number): Promise<Attempt> {
    const { clock, onError } = this.#options;
    const startedAt = clock.monotonic();
    try {
      const held = await this.#within(deadlineMs, async (signal) => await this.#claim.attempt(signal));
      if (!held) return 'taken';
      this.#renewedAt = startedAt;
      return 'held';
    } catch (error) {
      onError?.(error);
      return 'failed';
    }
  }

  async #release(): Promise<void> {
    const { retryPeriodMs, onError } = this.#options;
    try {
      await this.#within(retryPeriodMs, async (signal) => await this.#claim.release(signal));
    } catch (error) {
      onError?.(error);
    }
  }

  async #within<T>(ms: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const late = new AbortController();
    const answered = new AbortController();
    const deadline = this.#options.clock.sleep(ms, answered.signal).then(() => {
      const error = new Error(`the lease was not written within ${Math.round(ms)} ms`);
      late.abort(error);
      throw error;
    });
    try {
      return await Promise.race([work(late.signal), deadline]);
    } finally {
      answered.abort();
      deadline.catch(() => undefined);
    }
  }

  async #pause(signal: AbortSignal, atMostMs = Number.POSITIVE_INFINITY): Promise<void> {
    const { clock, random, retryPeriodMs } = this.#options;
    await clock.sleep(Math.ceil(Math.min(retryPeriodMs * (1 + random() * JITTER), atMostMs)), signal);
  }

  #setLeader(isLeader: boolean): void {
    this.#isLeader = isLeader;
    this.#options.onChange?.(isLeader);
  }
}
