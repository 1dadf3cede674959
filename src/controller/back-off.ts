/** How long a key waits before it is tried again: doubled with each failure, with jitter, forgotten on success. */
export type BackOffOptions = {
  readonly baseMs: number;
  readonly maxMs: number;
  /** In [0, 1). */
  readonly random: () => number;
};

export class BackOff {
  readonly #options: BackOffOptions;
  readonly #failures = new Map<string, number>();

  constructor(options: BackOffOptions) {
    this.#options = options;
  }

  /** Counts a failure of the key and says how long to wait: at least half of the step, never more than `maxMs`. */
  nextMs(key: string): number {
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    const { baseMs, maxMs, random } = this.#options;
    const step = Math.min(maxMs, baseMs * 2 ** failures);
    return step * (0.5 + random() / 2);
  }

  failures(key: string): number {
    return this.#failures.get(key) ?? 0;
  }

  forget(key: string): void {
    this.#failures.delete(key);
  }
}
