// Bounds what reviews in flight may hold in memory. One rule: a request is counted by the length it announces, before a byte of
// its body is read, and given back exactly once.

export interface InFlightLimits {
  readonly requests: number;
  readonly bytes: number;
}

export class InFlightBudget {
  readonly #limits: InFlightLimits;
  #requests = 0;
  #bytes = 0;

  constructor(limits: InFlightLimits) {
    this.#limits = limits;
  }

  get requests(): number {
    return this.#requests;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** How to give back what was taken; `undefined` when it would be too much. */
  take(bytes: number): (() => void) | undefined {
    if (this.#requests >= this.#limits.requests || this.#bytes + bytes > this.#limits.bytes) return undefined;
    this.#requests += 1;
    this.#bytes += bytes;
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#requests -= 1;
      this.#bytes -= bytes;
    };
  }
}
