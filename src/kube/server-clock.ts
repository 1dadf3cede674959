/**
 * What the API server's clock says now: the Date of its newest answer, carried on by a clock that nobody sets. So a
 * local clock that jumps is seen at once, not only with the next answer.
 */
export class ServerClock {
  readonly #elapsedMs: () => number;
  #heard: { readonly dateMs: number; readonly atMs: number } | undefined;

  /** `elapsedMs` never goes back and never jumps. */
  constructor(elapsedMs: () => number = () => performance.now()) {
    this.#elapsedMs = elapsedMs;
  }

  /** The Date header of an answer that has just arrived. */
  hear(date: string | string[] | undefined): void {
    const dateMs = typeof date === 'string' ? Date.parse(date) : Number.NaN;
    if (!Number.isNaN(dateMs)) this.#heard = { dateMs, atMs: this.#elapsedMs() };
  }

  /** To the second. Undefined: no answer has come yet that said it. */
  now(): Date | undefined {
    return this.#heard && new Date(this.#heard.dateMs + this.#elapsedMs() - this.#heard.atMs);
  }
}
