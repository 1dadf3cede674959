// An arrangement of deploy/examples as it stands, in a namespace of its own that enforces the Pod Security level "restricted".
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { promisify } from 'node:util';
import { resources } from '../../src/kube/resources.ts';
import { connect, eventually, freshNamespace } from './cluster.ts';
import type { Cluster } from './cluster.ts';
import { applyExample, kubectl, podsOf, wakeOperator } from './e2e.ts';
import type { RunningPod } from './e2e.ts';

const ROOT = new URL('../../', import.meta.url).pathname;
const ENGINE = 'tenant-mtls.dev/engine';
const run = promisify(execFile);

export interface Example {
  readonly cluster: Cluster;
  readonly namespace: string;
  /** Runs a command in the first pod of a Deployment or StatefulSet; what it writes to standard output. */
  readonly exec: (workload: string, ...command: string[]) => Promise<string>;
}

/** Applies every manifest of the folder, certificates.yaml first, after those it is `basedOn`. The image of other people's servers is built on demand. */
export async function startExample(name: string, ...basedOn: readonly string[]): Promise<Example> {
  if ((process.env['CONTEXT'] ?? '') === '') await run(`${ROOT}hack/images/build`, ['examples']);
  const cluster = connect();
  await wakeOperator(cluster);
  const namespace = await freshNamespace(cluster, name, { 'pod-security.kubernetes.io/enforce': 'restricted' });
  const manifests = (await readdir(`${ROOT}deploy/examples/${name}`)).filter((file) => file.endsWith('.yaml'));
  for (const path of [...basedOn, ...manifests.sort(certificatesFirst).map((file) => `${name}/${file}`)]) await applyExample(cluster, namespace, path);
  return { cluster, namespace, exec: async (workload, ...command) => await kubectl('-n', namespace, 'exec', workload, '-c', 'client', '--', ...command) };
}

/** Gives the sidecars of these Deployments another engine, by the annotation a developer would use, and waits for the new pods. */
export async function switchEngine({ cluster, namespace }: Example, engine: string, deployments: readonly string[]): Promise<void> {
  for (const name of deployments) await cluster.admin.mergePatch(resources.Deployment, { namespace, name }, { metadata: { annotations: { [ENGINE]: engine } } });
  for (const name of deployments) {
    await eventually(async () => {
      const pods = await podsOf(cluster, namespace, `app=${name}`);
      assert.ok(pods.length > 0 && pods.every((pod) => pod.metadata.annotations?.[ENGINE] === engine && isReady(pod)), `${name} has no pods with engine ${engine} yet`);
    }, { timeoutMs: 90_000, intervalMs: 300 });
  }
}

export function isReady({ status }: RunningPod): boolean {
  return status.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') ?? false;
}

function certificatesFirst(a: string, b: string): number {
  return Number(b === 'certificates.yaml') - Number(a === 'certificates.yaml') || (a < b ? -1 : 1);
}
