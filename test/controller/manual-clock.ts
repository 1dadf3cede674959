import { setImmediate as settle } from 'node:timers/promises';
import type { Clock } from '../../src/controller/clock.ts';

type Sleeper = { readonly dueAt: number; readonly wake: () => void };

/** A clock that stands still until the test moves it. */
export class ManualClock implements Clock {
  #time = 0;
  readonly #sleepers = new Set<Sleeper>();

  readonly now = (): number => 1_700_000_000_000 + this.#time;
  readonly monotonic = (): number => this.#time;

  readonly sleep = async (ms: number, signal?: AbortSignal): Promise<void> => {
    if (ms <= 0 || signal?.aborted === true) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = (): void => resolve();
    const sleeper = { dueAt: this.#time + ms, wake };
    this.#sleepers.add(sleeper);
    signal?.addEventListener('abort', wake);
    await promise;
    this.#sleepers.delete(sleeper);
    signal?.removeEventListener('abort', wake);
  };

  /** Wakes every sleeper at its time, in order, and lets each do what it woke up for (as far as promises go). */
  async advance(ms: number): Promise<void> {
    const end = this.#time + ms;
    await settle();
    for (;;) {
      const next = [...this.#sleepers].sort((a, b) => a.dueAt - b.dueAt)[0];
      if (next === undefined || next.dueAt > end) break;
      this.#time = next.dueAt;
      this.#sleepers.delete(next);
      next.wake();
      await settle();
    }
    this.#time = end;
  }
}
