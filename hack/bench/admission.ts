// The admission webhook alone, beside a bare node:https server that parses the same reviews and answers a constant patch, and one that
// does not even look at them; then what it costs through the API server (admission-stages.ts). Blocks alternate within one run: only
// ratios are compared.
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cpus } from 'node:os';
import { connect as connectTls } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import type { ServingCertificate } from '../../src/admission/admission-server.ts';
import { aReview, makeEnds, startServer } from './admission-servers.ts';
import { benchThroughApiServer } from './admission-stages.ts';
import { median, printTable, quantile, residentMiB, startMeasuring } from './machine-load.ts';

const BLOCKS = Number(process.env['BLOCKS'] ?? 5);
const BLOCK_MS = Number(process.env['BLOCK_MS'] ?? 3000);
const REVIEWS = Number(process.env['REVIEWS'] ?? 100_000);
const CONNECTIONS = 8;
const PACE_PER_SECOND = 1000;
const NAMES = ['webhook', 'bare', 'blind'] as const;
type Name = (typeof NAMES)[number];

interface Target {
  readonly child: ChildProcess;
  readonly connections: Connection[];
}

async function start(name: Name, { ca, serving }: { ca: string; serving: ServingCertificate }): Promise<Target> {
  const { child, port } = await startServer(name, serving);
  const connections = await Promise.all(Array.from({ length: CONNECTIONS }, async () => await Connection.open(port, ca)));
  return { child, connections };
}

/** One keep-alive connection, one request at a time; the thinnest client there is, so that the server is what is measured. */
class Connection {
  readonly #socket: TLSSocket;
  #answered: (() => void) | undefined;
  #missing = -1;
  isBusy = false;

  constructor(socket: TLSSocket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('close', () => { throw new Error('the server closed a connection'); });
  }

  static async open(port: number, ca: string): Promise<Connection> {
    const socket = connectTls({ host: '127.0.0.1', port, ca, servername: 'localhost' });
    await once(socket, 'secureConnect');
    return new Connection(socket);
  }

  async ask(request: Buffer): Promise<void> {
    this.isBusy = true;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#answered = resolve;
    this.#socket.write(request);
    await promise;
    this.isBusy = false;
  }

  #read(chunk: Buffer): void {
    if (this.#missing === -1) {
      const head = chunk.indexOf('\r\n\r\n');
      const text = chunk.toString('latin1', 0, head);
      if (!text.startsWith('HTTP/1.1 200')) throw new Error(`answered ${text.slice(0, 60)}`);
      this.#missing = Number(/content-length: (\d+)/i.exec(text)?.[1]) - (chunk.length - head - 4);
    } else this.#missing -= chunk.length;
    if (this.#missing > 0) return;
    this.#missing = -1;
    this.#answered?.();
  }

  close(): void {
    this.#socket.removeAllListeners('close').destroy();
  }
}

/** As many as the server can answer. */
async function saturate({ connections }: Target, request: Buffer, isOver: (count: number) => boolean): Promise<{ count: number; latencies: number[] }> {
  const latencies: number[] = [];
  let count = 0;
  await Promise.all(connections.map(async (connection) => {
    while (!isOver(count)) {
      count += 1;
      const startedAt = performance.now();
      await connection.ask(request);
      latencies.push(performance.now() - startedAt);
    }
  }));
  return { count, latencies };
}

/** So many a second, whatever the answers do; latency counts from when a request was due. */
async function pace({ connections }: Target, request: Buffer, forMs: number): Promise<number[]> {
  const latencies: number[] = [];
  const startedAt = performance.now();
  const waiting: Promise<void>[] = [];
  for (let sent = 0; sent < (forMs * PACE_PER_SECOND) / 1000; ) {
    const due = startedAt + (sent * 1000) / PACE_PER_SECOND;
    const free = performance.now() >= due ? connections.find(({ isBusy }) => !isBusy) : undefined;
    if (free === undefined) {
      await new Promise((resolve) => setImmediate(resolve));
      continue;
    }
    sent += 1;
    waiting.push(free.ask(request).then(() => void latencies.push(performance.now() - due)));
  }
  await Promise.all(waiting);
  return latencies;
}

const format = (value: number, digits = 2): string => value.toFixed(digits);

async function benchAlone(): Promise<void> {
  const ends = await makeEnds();
  const targets = { webhook: await start('webhook', ends), bare: await start('bare', ends), blind: await start('blind', ends) };
  const body = aReview();
  const request = Buffer.from(`POST /mutate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  const results: Record<Name, { perCpuSecond: number; perSecond: number; latencies: number[]; paced: number[] }[]> = { webhook: [], bare: [], blind: [] };
  for (const name of NAMES) await saturate(targets[name], request, (count) => count >= 5000);
  const ended = startMeasuring([process.pid, ...NAMES.map((name) => targets[name].child.pid ?? 0)], cpus().length);
  for (let block = 0; block < BLOCKS; block += 1) {
    for (const name of NAMES) {
      const measured = startMeasuring([targets[name].child.pid ?? 0], cpus().length);
      const deadline = performance.now() + BLOCK_MS;
      const { count, latencies } = await saturate(targets[name], request, () => performance.now() >= deadline);
      const { seconds, measured: [cpu = 0] } = measured();
      results[name].push({ perCpuSecond: count / cpu, perSecond: count / seconds, latencies, paced: await pace(targets[name], request, BLOCK_MS) });
    }
  }
  const { others } = ended();
  const row = (name: Name): string[] => {
    const blocks = results[name];
    const of = (pick: (block: (typeof blocks)[number]) => number): number => median(blocks.map(pick));
    return [
      name, format(of(({ perSecond }) => perSecond), 0), format(of(({ perCpuSecond }) => perCpuSecond), 0), format(of(({ latencies }) => quantile(latencies, 0.5))), format(of(({ latencies }) => quantile(latencies, 0.99))),
      format(of(({ paced }) => quantile(paced, 0.5))), format(of(({ paced }) => quantile(paced, 0.99))), format(residentMiB(targets[name].child.pid ?? 0), 0),
    ];
  };
  console.log(`webhook alone: reviews of ${(body.length / 1024).toFixed(1)} KiB that are injected, ${CONNECTIONS} connections, ${BLOCKS} alternating blocks; others used ${format(others * 100, 0)} % of the machine`);
  printTable(['server', 'req/s', 'req per CPU second', 'p50 ms', 'p99 ms', `p50 ms at ${PACE_PER_SECOND}/s`, `p99 ms at ${PACE_PER_SECOND}/s`, 'MiB'], NAMES.map(row));
  const shareOf = (other: Name, pick: (block: (typeof results)[Name][number]) => number): string =>
    format(100 * median(results.webhook.map((block, index) => pick(block) / pick(results[other][index] ?? block))), 0);
  for (const other of ['bare', 'blind'] as const) console.log(`webhook / ${other}: ${shareOf(other, ({ perSecond }) => perSecond)} % of the rate, ${shareOf(other, ({ perCpuSecond }) => perCpuSecond)} % of the rate per CPU second`);
  console.log(`goals: 70 % of the bare server's rate; p99 under 5 ms at ${PACE_PER_SECOND}/s`);
  await benchMemory(targets.webhook, request);
  for (const { child, connections } of Object.values(targets)) {
    for (const connection of connections) connection.close();
    child.kill('SIGTERM');
  }
}

async function benchMemory(target: Target, request: Buffer): Promise<void> {
  const sizes: string[] = [];
  for (let part = 0; part < 5; part += 1) {
    await saturate(target, request, (count) => count >= REVIEWS / 5);
    sizes.push(format(residentMiB(target.child.pid ?? 0), 0));
  }
  console.log(`memory of the webhook over ${REVIEWS} more reviews, MiB: ${sizes.join(', ')}`);
}

await benchAlone();
await benchThroughApiServer(BLOCKS);
