// Issuance, restart and memory of the operator on the embedded control plane, against the raw limit of the API server: a bare client
// that makes the same writes in the same run. Admission through the API server is in admission.ts.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import type { Secret } from '../../src/api/object-meta.ts';
import type { TenantCertificate } from '../../src/api/tenant-certificate.ts';
import { ApiClient } from '../../src/kube/api-client.ts';
import type { KubeObject } from '../../src/kube/object.ts';
import { resources } from '../../src/kube/resources.ts';
import { bundle, bundledPath } from '../images/bundles.ts';
import { newAuthority } from '../../test/support/authority.ts';
import { connect, eventually } from '../../test/support/cluster.ts';
import { becomesLeader, installPrerequisites, startOperator } from '../../test/support/operator.ts';
import { median, printTable, residentMiB, startMeasuring } from './machine-load.ts';

const COUNT = Number(process.env['COUNT'] ?? 2000);
const ROUNDS = Number(process.env['ROUNDS'] ?? 3);
const IN_FLIGHT = 32;
const MEMORY_COUNT = Number(process.env['MEMORY_COUNT'] ?? 10_000);
/** As in the image, where Node takes half of the container's 512 MiB for its heap. (There the operator does not load client-node, which takes another 30 MB here.) */
const AS_IN_THE_IMAGE = { entry: bundledPath('tenant-mtls.js'), env: { NODE_ENV: 'production', NODE_OPTIONS: '--max-semi-space-size=2 --max-old-space-size=256', MALLOC_ARENA_MAX: '2' } };
const cluster = connect();
const { admin } = cluster;
const apiServer = Number(readFileSync('.cluster/run/kube-apiserver.pid', 'utf8').trim());
const etcd = Number(readFileSync('.cluster/run/etcd.pid', 'utf8').trim());

async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  const left = [...items];
  await Promise.all(Array.from({ length: IN_FLIGHT }, async () => {
    for (let item = left.pop(); item !== undefined; item = left.pop()) await work(item);
  }));
}

async function newNamespace(prefix: string): Promise<string> {
  const name = `${prefix}-${randomBytes(3).toString('hex')}`;
  await admin.create(resources.Namespace, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  return name;
}

const names = Array.from({ length: COUNT }, (_, index) => `bench-${index}`);

const certificate = (namespace: string, name: string, issuer: string) =>
  ({ apiVersion: 'tenant-mtls.dev/v1alpha1', kind: 'TenantCertificate', metadata: { name, namespace }, spec: { issuer: { kind: 'Secret', name: issuer }, commonName: `${name}.example`, dnsNames: [`${name}.svc`] } }) as KubeObject;

/** The objects as the operator writes them, taken from one that it wrote. */
interface Sample {
  readonly secret: KubeObject;
  readonly configMap: KubeObject;
  readonly status: object;
}

async function takeSample(namespace: string, name: string): Promise<Sample> {
  const bare = ({ metadata, ...rest }: KubeObject) => ({ ...rest, metadata: { labels: { bench: 'raw' }, annotations: metadata?.annotations ?? {} } });
  const { status = {} } = await admin.get<TenantCertificate>(resources.TenantCertificate, { namespace, name });
  return {
    secret: bare(await admin.get(resources.Secret, { namespace, name: `${name}-tls` })),
    configMap: bare(await admin.get(resources.ConfigMap, { namespace, name: `${name}-proxy` })),
    status,
  };
}

async function rawRound(sample: Sample): Promise<number> {
  const namespace = await newNamespace('raw');
  const client = new ApiClient(cluster.kubeConfig, { version: 'bench' });
  const begin = performance.now();
  await inParallel(names, async (name) => {
    await client.create(resources.TenantCertificate, certificate(namespace, name, 'absent'));
    const named = (object: KubeObject, suffix: string): KubeObject => ({ ...object, metadata: { ...object.metadata, name: name + suffix, namespace } });
    await client.create(resources.Secret, named(sample.secret, '-tls'));
    await client.create(resources.ConfigMap, named(sample.configMap, '-proxy'));
    await client.patchStatus(resources.TenantCertificate, { namespace, name }, sample.status);
    await client.create(resources.Event, {
      apiVersion: 'v1', kind: 'Event', metadata: { namespace, name: `${name}.${randomBytes(8).toString('hex')}` }, type: 'Normal', reason: 'Issued', message: 'issued certificate into Secret',
      involvedObject: { apiVersion: 'tenant-mtls.dev/v1alpha1', kind: 'TenantCertificate', namespace, name }, source: { component: 'bench' },
    } as KubeObject);
  });
  const perSecond = COUNT / ((performance.now() - begin) / 1000);
  await client.close();
  await admin.delete(resources.Namespace, { name: namespace });
  return perSecond;
}

async function isReady(namespace: string): Promise<number> {
  const { items } = await admin.list<TenantCertificate>(resources.TenantCertificate, { namespace });
  return items.filter(({ status }) => status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True')).length;
}

interface Round {
  readonly perSecond: number;
  readonly operatorCpuMs: number;
  readonly rss: number;
  readonly others: number;
}

async function operatorRound(pid: number, wanted: readonly string[] = names): Promise<Round & { namespace: string }> {
  const namespace = await newNamespace('bench');
  await admin.create<Secret>(resources.Secret, (await newAuthority('bench-ca')).secret(namespace, 'bench-ca'));
  const stop = startMeasuring([pid, apiServer, etcd, process.pid], cpus().length);
  const begin = performance.now();
  await inParallel(wanted, async (name) => await admin.create(resources.TenantCertificate, certificate(namespace, name, 'bench-ca')));
  await eventually(async () => {
    const ready = await isReady(namespace);
    if (ready < wanted.length) throw new Error(`${ready} of ${wanted.length} are ready`);
  }, { timeoutMs: 600_000, intervalMs: wanted.length / 8 });
  const perSecond = wanted.length / ((performance.now() - begin) / 1000);
  const { measured, others } = stop();
  return { namespace, perSecond, operatorCpuMs: ((measured[0] ?? 0) / wanted.length) * 1000, rss: residentMiB(pid), others };
}

await bundle();
await installPrerequisites(cluster);
let operator = await startOperator(cluster, AS_IN_THE_IMAGE);
await becomesLeader(operator);
const idleRss = residentMiB(operator.pid);

const warm = await newNamespace('warm');
await admin.create<Secret>(resources.Secret, (await newAuthority('bench-ca')).secret(warm, 'bench-ca'));
await admin.create(resources.TenantCertificate, certificate(warm, 'sample', 'bench-ca'));
await eventually(async () => { if ((await isReady(warm)) !== 1) throw new Error('the sample is not ready'); });
const sample = await takeSample(warm, 'sample');

const rows: string[][] = [];
const ratios: number[] = [];
let last = '';
for (let round = 1; round <= ROUNDS; round += 1) {
  const raw = await rawRound(sample);
  if (last !== '') await admin.delete(resources.Namespace, { name: last });
  const ours = await operatorRound(operator.pid);
  last = ours.namespace;
  ratios.push(ours.perSecond / raw);
  rows.push([String(round), raw.toFixed(0), ours.perSecond.toFixed(0), `${((100 * ours.perSecond) / raw).toFixed(0)} %`, ours.operatorCpuMs.toFixed(2), ours.rss.toFixed(0), `${(100 * ours.others).toFixed(0)} %`]);
}
console.log(`issuance of ${COUNT} certificates (ECDSA P-256), first create to all Ready; raw: the same writes by a bare client, ${IN_FLIGHT} in flight`);
printTable(['round', 'raw /s', 'operator /s', 'ratio', 'operator CPU ms each', 'RSS MiB', 'others'], rows);
console.log(`median ratio ${(100 * median(ratios)).toFixed(0)} % (goal: 60 %); idle RSS ${idleRss.toFixed(0)} MiB (goal: 120)\n`);

await operator.stop();
await eventually(async () => {
  const { items } = await admin.list(resources.Namespace);
  const going = items.filter(({ metadata }) => metadata?.deletionTimestamp !== undefined).length;
  if (going > 0) throw new Error(`${going} namespaces of earlier rounds are still being deleted`);
}, { timeoutMs: 300_000, intervalMs: 1000 });
const before = await admin.list<TenantCertificate>(resources.TenantCertificate, { namespace: last });
const METRICS_PORT = 18_080;
const QUIET_MS = 1500;

/** Runs of the certificates' loop so far; -1 while nothing answers. */
async function reconcileCount(): Promise<number> {
  try {
    const text = await (await fetch(`http://127.0.0.1:${METRICS_PORT}/metrics`)).text();
    const counts = [...text.matchAll(/^tenant_mtls_reconciles_total\{loop="certificates",outcome="\w+"\} (\d+)/gm)];
    return counts.reduce((sum, [, count]) => sum + Number(count), 0);
  } catch {
    return -1;
  }
}

/** Seconds from `begin` until the last run after which nothing ran for a while. */
async function secondsToSteady(begin: number): Promise<number> {
  let [count, changedAt] = [0, begin];
  for (;;) {
    const next = await reconcileCount();
    if (next > count) [count, changedAt] = [next, performance.now()];
    if (count >= COUNT && performance.now() - changedAt > QUIET_MS) return (changedAt - begin) / 1000;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

const begin = performance.now();
operator = await startOperator(cluster, { ...AS_IN_THE_IMAGE, args: ['--webhook', 'off', '--metrics-port', String(METRICS_PORT)] });
const reconciled = await secondsToSteady(begin);
const after = await admin.list<TenantCertificate>(resources.TenantCertificate, { namespace: last });
const written = after.items.filter(({ metadata }, index) => metadata.resourceVersion !== before.items[index]?.metadata.resourceVersion).length;
console.log(`restart with ${COUNT} valid certificates`);
printTable(['seconds to steady', 'objects written', 'RSS MiB'], [[reconciled.toFixed(2), String(written), residentMiB(operator.pid).toFixed(0)]]);
console.log('goals: under 2.5 s, no write but the Lease\n');

const many = await operatorRound(operator.pid, Array.from({ length: MEMORY_COUNT }, (_, index) => `many-${index}`));
console.log(`${MEMORY_COUNT} more certificates`);
printTable(['operator /s', 'RSS MiB'], [[many.perSecond.toFixed(0), many.rss.toFixed(0)]]);
console.log('goal: under 300 MiB');
await operator.stop();
for (const name of [last, warm, many.namespace]) await admin.delete(resources.Namespace, { name });
await cluster.close();
