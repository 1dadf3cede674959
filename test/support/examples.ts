// An arrangement of deploy/examples as it stands, in a namespace of its own that enforces the Pod Security level "restricted".
import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { promisify } from 'node:util';
import { connect, freshNamespace } from './cluster.ts';
import type { Cluster } from './cluster.ts';
import { applyExample, kubectl, wakeOperator } from './e2e.ts';

const ROOT = new URL('../../', import.meta.url).pathname;
const run = promisify(execFile);

export interface Example {
  readonly cluster: Cluster;
  readonly namespace: string;
  /** Runs a command in the first pod of a Deployment or StatefulSet; what it writes to standard output. */
  readonly exec: (workload: string, ...command: string[]) => Promise<string>;
}

/** Applies every manifest of the folder, certificates.yaml first, after those it is `basedOn`. The image of other people's servers is built on demand. */
export async function startExample(name: string, ...basedOn: readonly string[]): Promise<Example> {
  if (process.env['CONTEXT'] === undefined) await run(`${ROOT}hack/images/build`, ['examples']);
  const cluster = connect();
  await wakeOperator(cluster);
  const namespace = await freshNamespace(cluster, name, { 'pod-security.kubernetes.io/enforce': 'restricted' });
  const manifests = (await readdir(`${ROOT}deploy/examples/${name}`)).filter((file) => file.endsWith('.yaml'));
  for (const path of [...basedOn, ...manifests.sort(certificatesFirst).map((file) => `${name}/${file}`)]) await applyExample(cluster, namespace, path);
  return { cluster, namespace, exec: async (workload, ...command) => await kubectl('-n', namespace, 'exec', workload, '-c', 'client', '--', ...command) };
}

function certificatesFirst(a: string, b: string): number {
  return Number(b === 'certificates.yaml') - Number(a === 'certificates.yaml') || (a < b ? -1 : 1);
}
