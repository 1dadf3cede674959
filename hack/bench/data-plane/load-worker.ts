// The load, in a process of its own: one order after another over IPC, each bounded in time or count. It ends with its parent.
import { quantile } from '../machine-load.ts';
import { Connection, type Target } from './connection.ts';

export type Order =
  /** Full handshakes one after another on each of `connections`, closed without a request. */
  | { readonly kind: 'handshakes'; readonly seconds: number; readonly connections: number }
  /** Requests as fast as they are answered. */
  | { readonly kind: 'saturate'; readonly seconds: number; readonly connections: number }
  /** So many requests a second, whatever the answers do. `fresh` of each hundred on a connection of its own. */
  | { readonly kind: 'pace'; readonly seconds: number; readonly connections: number; readonly perSecond: number; readonly fresh: number }
  | { readonly kind: 'download'; readonly bytes: number };

/** Latencies in milliseconds, from when a request was due. */
export interface Outcome {
  readonly count: number;
  readonly failed: number;
  readonly seconds: number;
  readonly p50: number;
  readonly p99: number;
  readonly worst: number;
}

export type FromWorker = { readonly kind: 'begun' } | { readonly kind: 'done'; readonly outcome: Outcome } | { readonly kind: 'broken'; readonly message: string };

const REQUEST = Buffer.from('GET /hello HTTP/1.1\r\nHost: localhost\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n');

class Tally {
  readonly #latencies: number[] = [];
  readonly #startedAt = performance.now();
  failed = 0;

  add(milliseconds: number, isGood: boolean): void {
    this.#latencies.push(milliseconds);
    if (!isGood) this.failed += 1;
  }

  outcome(): Outcome {
    const seconds = (performance.now() - this.#startedAt) / 1000;
    const sorted = this.#latencies;
    return { count: sorted.length, failed: this.failed, seconds, p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99), worst: quantile(sorted, 1) };
  }
}

function begin(): Tally {
  process.send?.({ kind: 'begun' } satisfies FromWorker);
  return new Tally();
}

async function openAll(target: Target, count: number): Promise<Connection[]> {
  const connections = await Promise.all(Array.from({ length: count }, () => Connection.open(target)));
  await Promise.all(connections.map((connection) => connection.ask(REQUEST)));
  return connections;
}

async function handshakes(target: Target, { seconds, connections }: Extract<Order, { kind: 'handshakes' }>): Promise<Outcome> {
  const tally = begin();
  const end = performance.now() + seconds * 1000;
  await Promise.all(Array.from({ length: connections }, async () => {
    while (performance.now() < end) {
      const startedAt = performance.now();
      const connection = await Connection.open(target);
      tally.add(performance.now() - startedAt, true);
      await connection.close();
    }
  }));
  return tally.outcome();
}

async function saturate(target: Target, { seconds, connections }: Extract<Order, { kind: 'saturate' }>): Promise<Outcome> {
  const opened = await openAll(target, connections);
  const tally = begin();
  const end = performance.now() + seconds * 1000;
  await Promise.all(opened.map(async (connection) => {
    while (performance.now() < end) {
      const startedAt = performance.now();
      tally.add(performance.now() - startedAt, await connection.ask(REQUEST));
    }
  }));
  const outcome = tally.outcome();
  for (const connection of opened) connection.destroy();
  return outcome;
}

/** Connections that a server is done with are replaced as a client would: only what was asked and not answered counts as failed. */
class Connections {
  readonly #target: Target;
  readonly #open: Connection[];
  #opening = 0;

  constructor(target: Target, open: Connection[]) {
    this.#target = target;
    this.#open = open;
  }

  take(): Connection | undefined {
    for (const [index, connection] of this.#open.entries()) {
      if (connection.isOver && !connection.isBusy) {
        connection.destroy();
        this.#open.splice(index, 1);
        this.#replace();
        return this.take();
      }
      if (!connection.isBusy) return connection;
    }
    return undefined;
  }

  close(): void {
    for (const connection of this.#open) connection.destroy();
  }

  #replace(): void {
    this.#opening += 1;
    Connection.open(this.#target).then((connection) => this.#open.push(connection), () => this.#replace()).finally(() => (this.#opening -= 1));
  }
}

async function askFresh(target: Target): Promise<boolean> {
  try {
    const connection = await Connection.open(target);
    const isGood = await connection.ask(REQUEST);
    connection.destroy();
    return isGood;
  } catch {
    return false;
  }
}

/** Open loop: a stalled server makes requests wait, not the load. */
async function pace(target: Target, { seconds, connections, perSecond, fresh }: Extract<Order, { kind: 'pace' }>): Promise<Outcome> {
  const pool = new Connections(target, await openAll(target, connections));
  const tally = begin();
  const startedAt = performance.now();
  const waiting = new Set<Promise<void>>();
  for (let sent = 0; sent < seconds * perSecond; ) {
    const due = startedAt + (sent * 1000) / perSecond;
    if (performance.now() < due) {
      await new Promise((resolve) => setImmediate(resolve)); // timers are too coarse
      continue;
    }
    const isFresh = sent % 100 < fresh;
    const connection = isFresh ? undefined : pool.take();
    if (!isFresh && connection === undefined) {
      await new Promise((resolve) => setImmediate(resolve));
      continue;
    }
    sent += 1;
    const answer = (connection === undefined ? askFresh(target) : connection.ask(REQUEST)).then((isGood) => tally.add(performance.now() - due, isGood));
    waiting.add(answer.finally(() => waiting.delete(answer)));
  }
  await Promise.all(waiting);
  pool.close();
  return tally.outcome();
}

async function download(target: Target, { bytes }: Extract<Order, { kind: 'download' }>): Promise<Outcome> {
  const [connection] = await openAll(target, 1);
  if (connection === undefined) throw new Error('no connection');
  const tally = begin();
  const startedAt = performance.now();
  const isGood = await connection.ask(`GET /large HTTP/1.1\r\nHost: localhost\r\nRange: bytes=0-${bytes - 1}\r\n\r\n`);
  tally.add(performance.now() - startedAt, isGood);
  connection.destroy();
  return tally.outcome();
}

async function carryOut(order: Order, target: Target): Promise<Outcome> {
  if (order.kind === 'handshakes') return handshakes(target, order);
  if (order.kind === 'saturate') return saturate(target, order);
  if (order.kind === 'pace') return pace(target, order);
  return download(target, order);
}

process.on('message', ({ order, target }: { order: Order; target: Target }) => {
  carryOut(order, target).then(
    (outcome) => process.send?.({ kind: 'done', outcome } satisfies FromWorker),
    (error: unknown) => process.send?.({ kind: 'broken', message: String(error) } satisfies FromWorker),
  );
});
process.on('disconnect', () => process.exit());
