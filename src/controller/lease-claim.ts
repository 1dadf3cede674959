import type { Clock } from './clock.ts';

/**
 * One replica's claim on a lease: takes it when it is free, renews it while it is ours. Whether another's lease has
 * expired is measured on our own clock, from the moment we saw it change: clocks of different machines are never compared.
 */
export type LeaseRecord = {
  /** Empty: released. */
  readonly holder: string;
  readonly durationMs: number;
  /** Milliseconds since 1970, for people to read. */
  readonly acquiredAt: number;
  readonly renewedAt: number;
  readonly transitions: number;
};

/** A record and the version that guards its next update. */
export type Lease = { readonly record: LeaseRecord; readonly version: string };

/** Create and update throw when somebody else was faster. */
export type LeaseClient = {
  read(signal: AbortSignal): Promise<Lease | undefined>;
  create(record: LeaseRecord, signal: AbortSignal): Promise<Lease>;
  update(lease: Lease, signal: AbortSignal): Promise<Lease>;
};

export type LeaseClaimOptions = {
  readonly leases: LeaseClient;
  readonly identity: string;
  readonly durationMs: number;
  readonly clock: Clock;
};

export class LeaseClaim {
  readonly #options: LeaseClaimOptions;
  /** Ours, as last written: a leader renews without reading, and if somebody else wrote, the update fails. */
  #own: Lease | undefined;
  #seenVersion: string | undefined;
  #seenAt = 0;

  constructor(options: LeaseClaimOptions) {
    this.#options = options;
  }

  /** Takes or renews the lease. False: another holds it. Throws when the server could not be asked. */
  async attempt(signal: AbortSignal): Promise<boolean> {
    const current = this.#own ?? (await this.#read(signal));
    if (this.#isHeldByAnother(current)) return false;
    this.#own = undefined;
    this.#own = await this.#write(current, signal);
    return true;
  }

  /** Gives the lease back, so that another replica need not wait for its end. */
  async release(signal: AbortSignal): Promise<void> {
    const own = this.#own;
    if (own === undefined) return;
    this.#own = undefined;
    await this.#options.leases.update({ ...own, record: { ...own.record, holder: '', durationMs: 1000 } }, signal);
  }

  async #read(signal: AbortSignal): Promise<Lease | undefined> {
    const lease = await this.#options.leases.read(signal);
    if (lease?.version !== this.#seenVersion) {
      this.#seenVersion = lease?.version;
      this.#seenAt = this.#options.clock.monotonic();
    }
    return lease;
  }

  #isHeldByAnother(lease: Lease | undefined): boolean {
    const { identity, clock } = this.#options;
    if (lease === undefined || lease.record.holder === '' || lease.record.holder === identity) return false;
    return clock.monotonic() < this.#seenAt + lease.record.durationMs;
  }

  async #write(current: Lease | undefined, signal: AbortSignal): Promise<Lease> {
    const { leases, identity, durationMs, clock } = this.#options;
    const now = clock.now();
    const fresh = { holder: identity, durationMs, acquiredAt: now, renewedAt: now, transitions: 0 };
    if (current === undefined) return await leases.create(fresh, signal);
    const { record } = current;
    const isRenewal = record.holder === identity;
    const next = isRenewal ? { ...record, durationMs, renewedAt: now } : { ...fresh, transitions: record.transitions + 1 };
    return await leases.update({ ...current, record: next }, signal);
  }
}
