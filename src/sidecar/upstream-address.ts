// The addresses behind an upstream: names are resolved again and again (a headless Service changes its answer), failed addresses are skipped for a while.
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';

export const RESOLVE_INTERVAL_MS = 5000;
/** As the nginx engine's fail_timeout. */
const SKIP_AFTER_FAILURE_MS = 2000;

export interface Address {
  readonly host: string;
  readonly port: number;
  /** The name it was resolved from, or the address itself. */
  readonly name: string;
  readonly text: string;
}

interface Health {
  failedUntilMs: number;
  /** Of the active check. */
  isSick: boolean;
}

export type Resolve = (name: string) => Promise<readonly string[]>;

export const resolveName: Resolve = async (name) => (await lookup(name, { all: true })).map(({ address }) => address);

export class AddressList {
  readonly #configured: readonly { readonly host: string; readonly port: number }[];
  readonly #resolve: Resolve;
  readonly #now: () => number;
  readonly #health = new Map<string, Health>();
  #addresses: readonly Address[];
  #turn = 0;

  constructor(configured: readonly { readonly host: string; readonly port: number }[], resolve: Resolve, now: () => number) {
    this.#configured = configured.map(({ host, port }) => ({ host: host.replace(/^\[(.*)\]$/, '$1'), port }));
    this.#resolve = resolve;
    this.#now = now;
    this.#addresses = this.#configured.filter(({ host }) => isIP(host) !== 0).map(({ host, port }) => describe(host, port, host));
  }

  get all(): readonly Address[] {
    return this.#addresses;
  }

  get hasNames(): boolean {
    return this.#configured.some(({ host }) => isIP(host) === 0);
  }

  /** Resolves every name; one that cannot be resolved now keeps its last answer. */
  async refresh(): Promise<void> {
    const lists = await Promise.all(this.#configured.map(async ({ host, port }) => {
      if (isIP(host) !== 0) return [describe(host, port, host)];
      const hosts = await this.#resolve(host).catch(() => undefined);
      return hosts?.map((address) => describe(address, port, host)) ?? this.#addresses.filter(({ name, port: known }) => name === host && known === port);
    }));
    this.#addresses = lists.flat();
    const known = new Set(this.#addresses.map(({ text }) => text));
    for (const text of this.#health.keys()) if (!known.has(text)) this.#health.delete(text);
  }

  /** In the order to try them: in turn, the failed ones last (when all have failed, trying beats giving up). */
  candidates(): readonly Address[] {
    const all = this.#addresses;
    if (all.length < 2) return all;
    this.#turn = (this.#turn + 1) % all.length;
    const turned = [...all.slice(this.#turn), ...all.slice(0, this.#turn)];
    if (this.#health.size === 0) return turned;
    const now = this.#now();
    const isWell = ({ text }: Address) => {
      const health = this.#health.get(text);
      return health === undefined || (!health.isSick && health.failedUntilMs <= now);
    };
    return [...turned.filter(isWell), ...turned.filter((address) => !isWell(address))];
  }

  isSick({ text }: Address): boolean {
    return this.#health.get(text)?.isSick ?? false;
  }

  markFailed({ text }: Address): void {
    this.#health.set(text, { isSick: this.#health.get(text)?.isSick ?? false, failedUntilMs: this.#now() + SKIP_AFTER_FAILURE_MS });
  }

  /** What the active check found; a healthy answer also ends the skipping. */
  markChecked({ text }: Address, result: 'healthy' | 'sick'): void {
    if (result === 'healthy') this.#health.delete(text);
    else this.#health.set(text, { isSick: true, failedUntilMs: this.#health.get(text)?.failedUntilMs ?? 0 });
  }
}

function describe(host: string, port: number, name: string): Address {
  return { host, port, name, text: isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}` };
}
