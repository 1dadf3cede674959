// Creating pods with dryRun through the API server, stage by stage, so that what the API server itself charges for a webhook and for a
// patch can be told from what ours costs. Blocks of all stages alternate within one run.
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cpus } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { KubeConfig } from '@kubernetes/client-node';
import { applyPatch } from 'rfc6902';
import type { Operation } from 'rfc6902';
import { buildRegistration } from '../../src/admission/webhook-configuration.ts';
import { ANNOTATION } from '../../src/api/names.ts';
import { ApiClient } from '../../src/kube/api-client.ts';
import type { KubeObject } from '../../src/kube/object.ts';
import { resources } from '../../src/kube/resources.ts';
import { kubeConfigPath, missingCluster } from '../../test/support/cluster.ts';
import { aPod, makeEnds, ourPatch, startServer } from './admission-servers.ts';
import type { Role } from './admission-servers.ts';
import { median, printTable, quantile, startMeasuring } from './machine-load.ts';

const PODS_IN_A_BLOCK = 300;

interface Stage {
  readonly name: string;
  /** Absent: the API server asks nobody. */
  readonly askedServer?: Role;
  readonly isMatched?: false;
  readonly hasSidecarAlready?: true;
}

const PLAIN: Stage = { name: 'no webhook' };
const STAGES: readonly Stage[] = [
  PLAIN,
  { name: 'no webhook, a sidecar from the start', hasSidecarAlready: true },
  { name: 'match conditions that say no', askedServer: 'allowing', isMatched: false },
  { name: 'a bare server that allows', askedServer: 'allowing' },
  { name: 'a bare server that adds one label', askedServer: 'labelling' },
  { name: 'a bare server with our patch', askedServer: 'patching' },
  { name: 'our webhook', askedServer: 'webhook' },
];

interface Place {
  readonly stage: Stage;
  readonly namespace: string;
  readonly pod: KubeObject;
}

export async function benchThroughApiServer(blocks: number): Promise<void> {
  if (missingCluster() !== false) return console.log('through the API server: skipped, no cluster');
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromFile(kubeConfigPath());
  const admin = new ApiClient(kubeConfig, { version: 'bench' });
  const servers: ChildProcess[] = [];
  const undo: (() => Promise<unknown>)[] = [];
  try {
    const places = await prepare(admin, servers, undo);
    await compare(admin, { places, blocks, pids: servers.map(({ pid }) => pid ?? 0) });
  } finally {
    for (const step of undo.toReversed()) await step();
    for (const child of servers) child.kill('SIGTERM');
    await admin.close();
  }
}

/** A namespace for each stage, and where it asks a webhook, a server and a registration for that namespace alone. */
async function prepare(admin: ApiClient, servers: ChildProcess[], undo: (() => Promise<unknown>)[]): Promise<Place[]> {
  const id = randomBytes(3).toString('hex');
  const { ca, serving } = await makeEnds();
  const places: Place[] = [];
  for (const [index, stage] of STAGES.entries()) {
    const namespace = `bench-${index}-${id}`;
    await admin.create(resources.Namespace, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace, labels: { [ANNOTATION.inject]: 'false' } } });
    undo.push(async () => await admin.delete(resources.Namespace, { name: namespace }));
    places.push({ stage, namespace, pod: await podOf(stage, namespace) });
    if (stage.askedServer === undefined) continue;
    const { child, port } = await startServer(stage.askedServer, serving);
    servers.push(child);
    const name = `a-tenant-mtls-bench-${index}-${id}`;
    await admin.create(resources.MutatingWebhookConfiguration, registration(stage, { name, namespace, url: `https://127.0.0.1:${port}/mutate`, ca }));
    undo.push(async () => await admin.delete(resources.MutatingWebhookConfiguration, { name }));
  }
  for (const place of places.filter(({ stage }) => stage.askedServer !== undefined && stage.askedServer !== 'allowing')) await waitUntilChanged(admin, place);
  return places;
}

async function podOf({ hasSidecarAlready }: Stage, namespace: string): Promise<KubeObject> {
  const pod = aPod({ namespace, generateName: 'bench-', labels: { app: 'bench' } });
  if (hasSidecarAlready) applyPatch(pod, JSON.parse(Buffer.from((await ourPatch()).patch, 'base64').toString()) as Operation[]);
  return pod;
}

/** Of our registration, the webhook for pods, asking another server and for one namespace. */
function registration({ isMatched }: Stage, { name, namespace, url, ca }: { name: string; namespace: string; url: string; ca: string }): KubeObject {
  const { webhooks: [pods], ...rest } = buildRegistration({ name, service: 'webhook', namespace: 'elsewhere' });
  const matchConditions = [...(pods?.matchConditions ?? []), ...(isMatched === false ? [{ name: 'never', expression: 'false' }] : [])];
  const namespaceSelector = { matchExpressions: [{ key: 'kubernetes.io/metadata.name', operator: 'In', values: [namespace] }] };
  return { ...rest, webhooks: [{ ...pods, clientConfig: { url, caBundle: Buffer.from(ca).toString('base64') }, namespaceSelector, matchConditions }] } as KubeObject;
}

const createPod = async (admin: ApiClient, { pod }: Place): Promise<KubeObject> => await admin.create(resources.Pod, pod, { query: { dryRun: 'All' } });

async function waitUntilChanged(admin: ApiClient, place: Place): Promise<void> {
  for (const end = Date.now() + 10_000; Date.now() < end; await sleep(100)) {
    const { metadata, spec } = (await createPod(admin, place)) as KubeObject & { spec?: { initContainers?: unknown } };
    if (spec?.initContainers !== undefined || metadata?.labels?.['bench'] !== undefined) return;
  }
  throw new Error(`the API server does not ask: ${place.stage.name}`);
}

async function compare(admin: ApiClient, { places, blocks, pids }: { places: readonly Place[]; blocks: number; pids: readonly number[] }): Promise<void> {
  const rows: string[][] = [];
  const ended = startMeasuring([process.pid, ...pids], cpus().length);
  for (const inFlight of [1, 16]) {
    const measured = new Map<Stage, number[][]>(STAGES.map((stage) => [stage, []]));
    for (let block = 0; block <= blocks; block += 1) {
      for (const place of places) measured.get(place.stage)?.push(await createPods(admin, place, inFlight));
    }
    // The first block of each warmed up.
    const at = (stage: Stage, q: number): number => median((measured.get(stage) ?? []).slice(1).map((latencies) => quantile(latencies, q)));
    const columns = (stage: Stage): string[] => [0.5, 0.99].flatMap((q) => [at(stage, q).toFixed(2), (at(stage, q) - at(PLAIN, q)).toFixed(2)]);
    for (const stage of STAGES) rows.push([String(inFlight), stage.name, ...columns(stage)]);
  }
  const { others } = ended();
  console.log(`\nthrough the API server: creating pods of ${(JSON.stringify(aPod({})).length / 1024).toFixed(1)} KiB with dryRun=All, median of ${blocks} alternating blocks of ${PODS_IN_A_BLOCK}; all but this process and the webhooks used ${(others * 100).toFixed(0)} % of the machine (the API server included)`);
  printTable(['in flight', 'pods with', 'p50 ms', 'added', 'p99 ms', 'added'], rows);
  console.log('goal: at most 5 ms added to p99 at 1 in flight');
}

async function createPods(admin: ApiClient, place: Place, inFlight: number): Promise<number[]> {
  const latencies: number[] = [];
  let left = PODS_IN_A_BLOCK;
  await Promise.all(Array.from({ length: inFlight }, async () => {
    while (left > 0) {
      left -= 1;
      const startedAt = performance.now();
      await createPod(admin, place);
      latencies.push(performance.now() - startedAt);
    }
  }));
  return latencies;
}
