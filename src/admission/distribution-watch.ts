// For how long an authority has been in every caBundle, as this replica has seen it. One rule: spans are measured on the
// monotonic clock and begin anew when it was missing once, so a jump of the wall clock cannot make an authority look distributed.
import type { Clock } from '../controller/clock.ts';

export class DistributionWatch {
  readonly #clock: Pick<Clock, 'monotonic'>;
  #since = new Map<string, number>();

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  observe(bundles: readonly (readonly { readonly sha256: string }[])[]): void {
    const [first = [], ...others] = bundles;
    const everywhere = first.filter(({ sha256 }) => others.every((bundle) => bundle.some((each) => each.sha256 === sha256)));
    const now = this.#clock.monotonic();
    this.#since = new Map(everywhere.map(({ sha256 }) => [sha256, this.#since.get(sha256) ?? now]));
  }

  /** Milliseconds by SHA-256. */
  spans(): ReadonlyMap<string, number> {
    const now = this.#clock.monotonic();
    return new Map([...this.#since].map(([sha256, since]) => [sha256, now - since]));
  }
}
