import type { BackOff } from './back-off.ts';
import { systemClock, type Clock } from './clock.ts';
import { TerminalError } from './terminal-error.ts';
import type { WorkQueue } from './work-queue.ts';

/**
 * Runs `reconcile` for the keys of a queue with N workers. How a run ended is one of four outcomes:
 *
 *     returned {}                       success         wait for the next change
 *     returned {requeueAfterMs}         requeue_after   again at that time
 *     threw TerminalError               terminal        wait for the next change
 *     threw anything else               retry           again after a back-off
 */
export type Reconcile = (key: string, signal: AbortSignal) => Promise<{ readonly requeueAfterMs?: number | undefined }>;

export const outcomes = ['success', 'requeue_after', 'retry', 'terminal'] as const;
export type Outcome = (typeof outcomes)[number];

export type ControlLoopOptions = {
  readonly reconcile: Reconcile;
  readonly queue: WorkQueue;
  readonly backOff: BackOff;
  readonly workers: number;
  /** How long runs in flight may take to finish after the stop; then their signal is aborted. */
  readonly drainMs: number;
  readonly onOutcome?: (outcome: Outcome, durationMs: number) => void;
  /** Called with what a run threw; the only place where it is reported. */
  readonly onError?: (error: unknown, key: string, outcome: Outcome) => void;
  readonly clock?: Clock;
};

export class ControlLoop {
  readonly #options: ControlLoopOptions;
  readonly #clock: Clock;
  readonly #cut = new AbortController();

  constructor(options: ControlLoopOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /** Works until the signal is aborted and the runs in flight have ended, or `drainMs` has passed. */
  async run(stop: AbortSignal): Promise<void> {
    const { queue, workers } = this.#options;
    const close = (): void => queue.close();
    stop.addEventListener('abort', close, { once: true });
    if (stop.aborted) close();
    const working = Promise.all(Array.from({ length: workers }, async () => await this.#work()));
    const drained = new AbortController();
    await Promise.race([working, this.#drainDeadline(stop, drained.signal)]);
    drained.abort();
    this.#cut.abort(new Error('the control loop has stopped'));
  }

  async #drainDeadline(stop: AbortSignal, drained: AbortSignal): Promise<void> {
    if (!stop.aborted) await new Promise((resolve) => stop.addEventListener('abort', resolve, { once: true }));
    await this.#clock.sleep(this.#options.drainMs, drained);
  }

  async #work(): Promise<void> {
    const { queue } = this.#options;
    for (let key = await queue.take(); key !== undefined; key = await queue.take()) {
      const startedAt = this.#clock.monotonic();
      const outcome = await this.#process(key);
      queue.done(key);
      this.#options.onOutcome?.(outcome, this.#clock.monotonic() - startedAt);
    }
  }

  async #process(key: string): Promise<Outcome> {
    const { reconcile, queue, backOff } = this.#options;
    try {
      const { requeueAfterMs } = await reconcile(key, this.#cut.signal);
      backOff.forget(key);
      if (requeueAfterMs === undefined) return 'success';
      queue.addAfter(key, requeueAfterMs);
      return 'requeue_after';
    } catch (error) {
      return this.#fail(key, error);
    }
  }

  #fail(key: string, error: unknown): Outcome {
    const { queue, backOff, onError } = this.#options;
    const outcome = error instanceof TerminalError ? 'terminal' : 'retry';
    onError?.(error, key, outcome);
    if (outcome === 'terminal') backOff.forget(key);
    else queue.addAfter(key, backOff.nextMs(key));
    return outcome;
  }
}
