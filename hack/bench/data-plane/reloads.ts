// Both sidecars under a steady load while their certificate is replaced once a second, until each has reloaded as often as asked.
import { setTimeout as sleep } from 'node:timers/promises';
import { Load, type Measured } from './load.ts';
import type { Contestant } from './rounds.ts';

export interface ReloadResult extends Measured {
  readonly name: string;
  readonly reloads: number;
}

const PER_SECOND = 200;
const FRESH_PER_HUNDRED = 5;

export function reloadUnderLoad(contestants: readonly Contestant[], reloads: number): Promise<ReloadResult[]> {
  return Promise.all(contestants.map((contestant) => reloadOne(contestant, reloads)));
}

async function reloadOne({ name, server, target }: Contestant, wanted: number): Promise<ReloadResult> {
  await using load = new Load();
  const successes = async () => (await server.reloads?.()) ?? 0;
  const before = await successes();
  let reloads = 0;
  const parts: Measured[] = [];
  // The load goes on until the reloads are done, or have had three times their time.
  const stop = new AbortController();
  const rotating = rotate();
  while (!stop.signal.aborted) parts.push(await load.run({ kind: 'pace', seconds: 5, connections: 16, perSecond: PER_SECOND, fresh: FRESH_PER_HUNDRED }, target, server.pid));
  await rotating;
  return { name, reloads, ...together(parts) };

  async function rotate(): Promise<void> {
    for (let second = 0; second < wanted * 3 && reloads < wanted; second += 1) {
      server.rotate?.();
      await sleep(1000);
      reloads = (await successes()) - before;
    }
    stop.abort();
  }
}

/** Percentiles: the median of the parts' p50, the worst of their p99. */
function together(parts: readonly Measured[]): Measured {
  const sum = (pick: (part: Measured) => number) => parts.reduce((total, part) => total + pick(part), 0);
  const most = (pick: (part: Measured) => number) => Math.max(...parts.map(pick));
  return {
    count: sum(({ count }) => count), failed: sum(({ failed }) => failed), seconds: sum(({ seconds }) => seconds), cpu: sum(({ cpu }) => cpu),
    p50: most(({ p50 }) => p50), p99: most(({ p99 }) => p99), worst: most(({ worst }) => worst),
  };
}
