// The data plane: our two sidecars beside a hand-tuned nginx, a bare Node pipe and Debian's TLS proxies, in one run, with the same certificates and
// the same client, interleaved. PAIRS=2 is a quick look; RELOADS counts per engine. Ratios are taken within a round, the spread over the rounds.
import { cpus } from 'node:os';
import { openBench, type OpenBench } from './data-plane/open-bench.ts';
import { startNginxSidecar, startNodeSidecar } from './data-plane/our-sidecars.ts';
import { startPlainNginx } from './data-plane/plain-nginx.ts';
import { treeSeconds } from './data-plane/process-tree.ts';
import { reloadUnderLoad } from './data-plane/reloads.ts';
import { printGoals, printReloads, printRounds } from './data-plane/report.ts';
import { playRound, type Contestant, type Result } from './data-plane/rounds.ts';
import type { Competitor } from './data-plane/server.ts';
import { startHaproxy, startHitch, startNodePipe, startStunnel } from './data-plane/terminators.ts';
import { Load } from './data-plane/load.ts';
import { startMeasuring } from './machine-load.ts';

const PAIRS = Number(process.env['PAIRS'] ?? 10);
const RELOADS = Number(process.env['RELOADS'] ?? PAIRS * 5);

const COMPETITORS: readonly Competitor[] = [
  { name: 'nginx sidecar', every: 1, start: (bench) => startNginxSidecar(bench) },
  { name: 'nginx, same headers', every: 1, start: (bench) => startPlainNginx(bench, 'with identity') },
  { name: 'nginx, no headers', every: 1, start: (bench) => startPlainNginx(bench, 'without identity') },
  { name: 'node sidecar', every: 1, start: startNodeSidecar },
  { name: 'node pipe', every: 1, start: startNodePipe },
  { name: 'haproxy', every: 2, start: startHaproxy },
  { name: 'hitch', every: 2, start: startHitch },
  { name: 'stunnel', every: 2, start: startStunnel },
];

async function startAll({ bench, tls }: OpenBench, stack: AsyncDisposableStack): Promise<Contestant[]> {
  const contestants: Contestant[] = [];
  for (const { name, every, start } of COMPETITORS) {
    const server = await start(bench);
    if (typeof server === 'string') console.log(`SKIPPED ${name}: ${server}`);
    else contestants.push({ name, every, server: stack.use(server), target: { port: server.port, tls } });
  }
  return contestants;
}

async function measure(open: OpenBench, stack: AsyncDisposableStack): Promise<void> {
  const contestants = await startAll(open, stack);
  const load = stack.use(new Load());
  const measured = startMeasuring([], cpus().length);
  const ownBefore = treeSeconds(process.pid);
  const results: Result[] = [];
  for (let round = 0; round < PAIRS; round += 1) results.push(...(await playRound(round, contestants, { load, backend: open.backend, rounds: PAIRS })));
  const { seconds, others } = measured();
  const ours = (treeSeconds(process.pid) - ownBefore) / seconds / cpus().length;
  console.log(`${PAIRS} interleaved rounds; others used ${(Math.max(0, others - ours) * 100).toFixed(0)} % of the machine. Cells: median [least..most]\n`);
  printRounds(results);
  const reloads = await reloadUnderLoad(contestants.filter(({ server }) => server.rotate !== undefined), RELOADS);
  printReloads(reloads);
  printGoals(results, reloads);
}

await using stack = new AsyncDisposableStack();
const open = await openBench(stack);
if (typeof open === 'string') console.log(`SKIPPED: ${open}`);
else await measure(open, stack);
