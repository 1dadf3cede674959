// Does the app listen in plaintext on more than loopback? Then anyone could walk around the TLS.
// Rule: the kernel's table is read instead of connecting: the app's log stays clean, and an app that starts later is seen as well.
import { readFile } from 'node:fs/promises';
import type { Log } from './log.ts';
import type { Generation } from './load-generation.ts';
import type { Metrics } from './metrics.ts';

const INTERVAL_MS = 10_000;
export const LISTEN_TABLES = ['/proc/net/tcp', '/proc/net/tcp6'] as const;

/** local_address and st of a line; the address is in the machine's byte order (127.0.0.1 is 0100007F). */
const LISTENING = /^\s*\d+: ([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4}) [0-9A-F:]+ 0A /gm;
/** 127/8, ::1, and 127/8 mapped into IPv6. */
const LOOPBACK = /^(?:.{6}7F|00000000000000000000000001000000|0000000000000000FFFF0000.{6}7F)$/;

/** Ports somebody listens on at other addresses than loopback. `tables`: contents of /proc/net/tcp and tcp6. */
export function portsBeyondLoopback(tables: readonly string[]): Set<number> {
  const listening = tables.flatMap((table) => [...table.matchAll(LISTENING)]);
  return new Set(listening.filter(([, address = '']) => !LOOPBACK.test(address)).map(([, , port = '']) => Number.parseInt(port, 16)));
}

/** Ports that only loopback should answer. */
export function loopbackPorts({ upstreams }: Pick<Generation, 'upstreams'>): number[] {
  const ports = upstreams.flatMap(({ addresses }) => addresses.filter(({ host }) => /^(127\..*|localhost|::1|\[::1\])$/i.test(host)).map(({ port }) => port));
  return [...new Set(ports)].sort((a, b) => a - b);
}

/** Looks at each new generation and every few seconds. */
export class PlaintextWatch {
  readonly #tables: readonly string[];
  readonly #metrics: Metrics;
  readonly #log: Log;
  #timer: NodeJS.Timeout | undefined;
  #reachable: readonly number[] = [];

  constructor(tables: readonly string[], metrics: Metrics, log: Log) {
    this.#tables = tables;
    this.#metrics = metrics;
    this.#log = log;
  }

  get ports(): readonly number[] {
    return this.#reachable;
  }

  async watch(generation: Generation): Promise<void> {
    this.stop();
    if (this.#tables.length === 0) return;
    const ports = loopbackPorts(generation);
    this.#timer = setInterval(() => void this.#check(ports), INTERVAL_MS).unref();
    await this.#check(ports);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #check(ports: readonly number[]): Promise<void> {
    const beyond = portsBeyondLoopback(await Promise.all(this.#tables.map((path) => readFile(path, 'latin1').catch(() => ''))));
    const reachable = ports.filter((port) => beyond.has(port));
    if (reachable.length > 0 && reachable.join() !== this.#reachable.join()) {
      this.#log.event('warn', 'the app answers without TLS on every address of the pod', { ports: reachable.join() });
    }
    this.#reachable = reachable;
    this.#metrics.set('plaintextReachable', ports.map((port) => [String(port), reachable.includes(port) ? 1 : 0]));
  }
}
