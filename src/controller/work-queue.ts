/**
 * Which keys are to be reconciled. A key is in it at most once and is never processed twice at the same time: added
 * again while it is being processed, it runs once more afterwards. So memory is bounded by the number of keys.
 *
 *     add ──► waiting ──take──► processing ──done──► (gone)
 *     addAfter ──► delayed ──due──► waiting             └─ added meanwhile ──► waiting
 */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

type Delay = { readonly dueAt: number; readonly timer: NodeJS.Timeout };

export class WorkQueue {
  readonly #now: () => number;
  readonly #waiting = new Set<string>();
  /** One iterator for many takes: each new one would step over all that was deleted before. */
  #order = this.#waiting.values();
  readonly #processing = new Set<string>();
  readonly #again = new Set<string>();
  readonly #delayed = new Map<string, Delay>();
  readonly #idle: ((key: string | undefined) => void)[] = [];
  #closed = false;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** Keys that could be taken now. */
  get depth(): number {
    return this.#waiting.size;
  }

  get delayed(): number {
    return this.#delayed.size;
  }

  /** Nothing waits or is being processed; what is delayed does not count. */
  get isIdle(): boolean {
    return this.#waiting.size === 0 && this.#processing.size === 0;
  }

  add(key: string): void {
    if (this.#closed) return;
    if (this.#processing.has(key)) {
      this.#again.add(key);
      return;
    }
    const worker = this.#waiting.has(key) ? undefined : this.#idle.shift();
    if (worker === undefined) this.#waiting.add(key);
    else worker(this.#start(key));
  }

  /** Adds the key when that time has passed. If it is delayed already, the earlier time holds. */
  addAfter(key: string, ms: number): void {
    if (this.#closed) return;
    if (ms <= 0) return this.add(key);
    const dueAt = this.#now() + ms;
    const current = this.#delayed.get(key);
    if (current !== undefined && current.dueAt <= dueAt) return;
    this.#cancelDelay(key);
    this.#delay(key, dueAt);
  }

  /** The next key, as soon as there is one; undefined once the queue is closed. Each key taken must be given to `done`. */
  async take(): Promise<string | undefined> {
    if (this.#closed) return undefined;
    const key = this.#first();
    if (key !== undefined) return this.#start(key);
    return await new Promise((resolve) => this.#idle.push(resolve));
  }

  done(key: string): void {
    this.#processing.delete(key);
    if (this.#again.delete(key)) this.add(key);
  }

  /** Drops all that waits and lets the workers go. */
  close(): void {
    this.#closed = true;
    this.#waiting.clear();
    this.#again.clear();
    for (const key of this.#delayed.keys()) this.#cancelDelay(key);
    for (const worker of this.#idle.splice(0)) worker(undefined);
  }

  #first(): string | undefined {
    if (this.#waiting.size === 0) return undefined;
    let next = this.#order.next();
    if (next.done === true) {
      this.#order = this.#waiting.values();
      next = this.#order.next();
    }
    this.#waiting.delete(next.value ?? '');
    return next.value;
  }

  #start(key: string): string {
    this.#processing.add(key);
    // This run decides afresh when to come back.
    this.#cancelDelay(key);
    return key;
  }

  #delay(key: string, dueAt: number): void {
    // Node fires a longer timer at once; a certificate is renewed in months.
    const ms = Math.min(dueAt - this.#now(), LONGEST_TIMER_MS);
    const timer = setTimeout(() => {
      this.#delayed.delete(key);
      if (this.#now() < dueAt) this.#delay(key, dueAt);
      else this.add(key);
    }, ms);
    this.#delayed.set(key, { dueAt, timer });
  }

  #cancelDelay(key: string): void {
    clearTimeout(this.#delayed.get(key)?.timer);
    this.#delayed.delete(key);
  }
}
