// One round: every server gets the same loads one after another, in an order that turns from round to round.
import type { Target } from './connection.ts';
import type { Load } from './load.ts';
import { GIBIBYTE } from './plain-nginx.ts';
import { treeMiB } from './process-tree.ts';
import type { Server } from './server.ts';

export interface Contestant {
  readonly name: string;
  readonly every: 1 | 2;
  readonly server: Server;
  readonly target: Target;
}

export const FIGURES = {
  handshakeMs: 'CPU ms per full handshake',
  perSecond: 'requests/s',
  requestMicros: 'CPU µs per request',
  secondsPerGiB: 'CPU s per GiB',
  addedP50: 'added p50 ms at 1000/s',
  addedP99: 'added p99 ms at 1000/s',
  idleMiB: 'MiB idle',
  loadedMiB: 'MiB under requests',
  bulkMiB: 'MiB after a download',
} as const;

export type Figure = keyof typeof FIGURES;

export interface Result {
  readonly name: string;
  readonly round: number;
  readonly figures: Readonly<Record<Figure, number>>;
}

interface RoundContext {
  readonly load: Load;
  readonly backend: Server;
  readonly rounds: number;
}

const CONNECTIONS = 32;
const PACE = { kind: 'pace', seconds: 0.6, connections: CONNECTIONS, perSecond: 1000, fresh: 0 } as const;

/** What a server took when it had just started; RSS never comes back to it. */
const idleMiB = new Map<string, number>();

export async function playRound(round: number, contestants: readonly Contestant[], { load, backend, rounds }: RoundContext): Promise<Result[]> {
  for (const { name, server } of contestants) if (!idleMiB.has(name)) idleMiB.set(name, treeMiB(server.pid));
  const direct = await load.run(PACE, { port: backend.port }, backend.pid);
  const turn = round % contestants.length;
  const results: Result[] = [];
  for (const { name, server, target, every } of [...contestants.slice(turn), ...contestants.slice(0, turn)]) {
    if (round % every !== 0) continue;
    const handshakes = await load.run({ kind: 'handshakes', seconds: 0.4, connections: 8 }, target, server.pid);
    const saturated = await load.run({ kind: 'saturate', seconds: 0.8, connections: CONNECTIONS }, target, server.pid);
    const paced = await load.run(PACE, target, server.pid);
    const loadedMiB = treeMiB(server.pid);
    const bytes = Math.ceil(GIBIBYTE / rounds);
    const download = await load.run({ kind: 'download', bytes }, target, server.pid);
    const failed = saturated.failed + paced.failed + download.failed;
    if (failed > 0) throw new Error(`${name} failed ${failed} requests`);
    results.push({
      name, round,
      figures: {
        handshakeMs: (handshakes.cpu / handshakes.count) * 1e3,
        perSecond: saturated.count / saturated.seconds,
        requestMicros: (saturated.cpu / saturated.count) * 1e6,
        secondsPerGiB: download.cpu / (bytes / GIBIBYTE),
        addedP50: paced.p50 - direct.p50,
        addedP99: paced.p99 - direct.p99,
        idleMiB: idleMiB.get(name) ?? 0,
        loadedMiB,
        bulkMiB: treeMiB(server.pid),
      },
    });
  }
  return results;
}
