// The data plane: our two sidecars beside a hand-tuned nginx, a bare Node pipe and Debian's TLS proxies, in one run, with the same certificates and
// the same client, interleaved. PAIRS=2 is a quick look; RELOADS counts per engine. Ratios are taken within a round, the spread over the rounds.
import { mkdtempSync, rmSync, writeFileSync, chmodSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Fleet } from '../../test/conformance/fleet.ts';
import { nginxRoot } from '../../test/support/nginx-root.ts';
import { startNginxSidecar, startNodeSidecar } from './data-plane/our-sidecars.ts';
import { startBackend, startPlainNginx } from './data-plane/plain-nginx.ts';
import { treeSeconds } from './data-plane/process-tree.ts';
import { reloadUnderLoad } from './data-plane/reloads.ts';
import { printGoals, printReloads, printRounds } from './data-plane/report.ts';
import { playRound, type Contestant, type Result } from './data-plane/rounds.ts';
import type { Bench, Competitor, Server } from './data-plane/server.ts';
import { startHaproxy, startHitch, startNodePipe, startStunnel } from './data-plane/terminators.ts';
import { Load } from './data-plane/load.ts';
import { startMeasuring } from './machine-load.ts';

const PAIRS = Number(process.env['PAIRS'] ?? 10);
const RELOADS = Number(process.env['RELOADS'] ?? PAIRS * 5);

const COMPETITORS: readonly Competitor[] = [
  { name: 'nginx sidecar', every: 1, start: startNginxSidecar },
  { name: 'nginx, same headers', every: 1, start: (bench) => startPlainNginx(bench, 'with identity') },
  { name: 'nginx, no headers', every: 1, start: (bench) => startPlainNginx(bench, 'without identity') },
  { name: 'node sidecar', every: 1, start: startNodeSidecar },
  { name: 'node pipe', every: 1, start: startNodePipe },
  { name: 'haproxy', every: 2, start: startHaproxy },
  { name: 'hitch', every: 2, start: startHitch },
  { name: 'stunnel', every: 2, start: startStunnel },
];

function writeCertificates({ server, customer }: Fleet): string {
  const directory = mkdtempSync(join(tmpdir(), 'tenant-mtls-bench-certs-'));
  chmodSync(directory, 0o755);
  const files = { 'server.crt': server.cert, 'server.key': server.key, 'server.pem': server.cert + server.key, 'ca.crt': customer.pem };
  for (const [name, content] of Object.entries(files)) writeFileSync(join(directory, name), content);
  return directory;
}

async function startAll(bench: Bench, stack: AsyncDisposableStack): Promise<Contestant[]> {
  const contestants: Contestant[] = [];
  const tls = { ca: bench.fleet.customer.pem, cert: bench.fleet.alice.cert, key: bench.fleet.alice.key };
  for (const { name, every, start } of COMPETITORS) {
    const server = await start(bench);
    if (typeof server === 'string') console.log(`SKIPPED ${name}: ${server}`);
    else contestants.push({ name, every, server: stack.use(server), target: { port: server.port, tls } });
  }
  return contestants;
}

async function measure(bench: Bench, backend: Server): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const contestants = await startAll(bench, stack);
  const load = stack.use(new Load());
  const measured = startMeasuring([], cpus().length);
  const ownBefore = treeSeconds(process.pid);
  const results: Result[] = [];
  for (let round = 0; round < PAIRS; round += 1) results.push(...(await playRound(round, contestants, { load, backend, rounds: PAIRS })));
  const { seconds, others } = measured();
  const ours = (treeSeconds(process.pid) - ownBefore) / seconds / cpus().length;
  console.log(`${PAIRS} interleaved rounds; others used ${(Math.max(0, others - ours) * 100).toFixed(0)} % of the machine. Cells: median [least..most]\n`);
  printRounds(results);
  const reloads = await reloadUnderLoad(contestants.filter(({ server }) => server.rotate !== undefined), RELOADS);
  printReloads(reloads);
  printGoals(results, reloads);
}

const found = nginxRoot();
if ('missing' in found) console.log(`SKIPPED: ${found.missing}`);
else {
  const fleet = await Fleet.create();
  const certificates = writeCertificates(fleet);
  try {
    await using backend = await startBackend({ root: found.directory, certificates });
    await measure({ fleet, root: found.directory, backendPort: backend.port, certificates }, backend);
  } finally {
    rmSync(certificates, { recursive: true });
  }
}
