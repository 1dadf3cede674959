// The real operator as a process of this machine, with the rights of its own ServiceAccount, against the cluster of the tests.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { loadAll } from 'js-yaml';
import { readFile } from 'node:fs/promises';
import { isNotFound } from '../../src/kube/api-error.ts';
import type { KubeObject } from '../../src/kube/object.ts';
import { resources } from '../../src/kube/resources.ts';
import type { Cluster } from './cluster.ts';
import { eventually, tokenFor } from './cluster.ts';

const ROOT = new URL('../../', import.meta.url).pathname;
export const SYSTEM_NAMESPACE = 'tenant-mtls-system';

const INSTALLED = ['crds/tenantcertificates.yaml', 'crds/tenants.yaml', 'deploy/base/namespace.yaml', 'deploy/base/service-account.yaml', 'deploy/base/cluster-role.yaml', 'deploy/base/role.yaml'];

/** CRDs, namespace, ServiceAccount and RBAC, as `kubectl apply -k deploy` gives them; an operator that runs there is put to sleep. */
export async function installPrerequisites({ admin }: Cluster): Promise<void> {
  for (const file of INSTALLED) {
    for (const object of loadAll(await readFile(ROOT + file, 'utf8')) as (KubeObject & { kind: keyof typeof resources })[]) {
      await admin.applyServerSide(resources[object.kind], object);
    }
  }
  try {
    await admin.mergePatch(resources.Deployment, { namespace: SYSTEM_NAMESPACE, name: 'tenant-mtls' }, { spec: { replicas: 0 } });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
  await eventually(async () => {
    const { items } = await admin.list(resources.Pod, { namespace: SYSTEM_NAMESPACE, labelSelector: 'app.kubernetes.io/name=tenant-mtls' });
    if (items.length > 0) throw new Error('the deployed operator still runs');
  }, { timeoutMs: 60_000 });
  await eventually(async () => await admin.list(resources.TenantCertificate), { timeoutMs: 30_000 });
}

export interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

export interface OperatorProcess extends AsyncDisposable {
  readonly log: readonly LogLine[];
  /** Everything it printed. */
  readonly output: () => string;
  readonly pid: number;
  /** Ends it and gives its exit code (or the signal's name). */
  stop(signal?: NodeJS.Signals): Promise<number | string>;
}

export interface OperatorOptions {
  readonly args?: readonly string[];
  /** Another API server address than the cluster's, such as a proxy that plays faults. */
  readonly server?: string;
  readonly identity?: string;
  /** What is run instead of the sources, such as the bundle of the image. */
  readonly entry?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts `tenant-mtls operator` and waits until it leads (or stands by, when `args` say so). */
export async function startOperator(cluster: Cluster, options: OperatorOptions = {}): Promise<OperatorProcess> {
  const folder = await mkdtemp(join(tmpdir(), 'tenant-mtls-'));
  const kubeconfig = join(folder, 'kubeconfig');
  const { server, caData } = cluster.kubeConfig.getCurrentCluster() ?? {};
  const token = await tokenFor(cluster, SYSTEM_NAMESPACE, 'tenant-mtls');
  // A proxy that plays faults speaks plain HTTP, which client-node takes only when asked to verify nothing.
  const target = options.server === undefined ? { server, 'certificate-authority-data': caData } : { server: options.server, 'insecure-skip-tls-verify': true };
  await writeFile(kubeconfig, JSON.stringify({
    apiVersion: 'v1', kind: 'Config', 'current-context': 'test',
    clusters: [{ name: 'test', cluster: target }],
    users: [{ name: 'test', user: { token } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
  }));
  const args = [options.entry ?? 'src/main.ts', 'operator', '--kubeconfig', kubeconfig, '--identity', options.identity ?? 'test', ...(options.args ?? ['--webhook', 'off', '--metrics-port', '0'])];
  const child = spawn(process.execPath, args, { cwd: ROOT, env: { ...process.env, ...options.env }, stdio: ['ignore', 'pipe', 'pipe'] });
  return collect(child, folder);
}

function collect(child: ChildProcess, folder: string): OperatorProcess {
  const log: LogLine[] = [];
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    if (stream === null) continue;
    createInterface({ input: stream }).on('line', (line) => {
      output += `${line}\n`;
      if (line.startsWith('{')) log.push(JSON.parse(line) as LogLine);
    });
  }
  const ended = once(child, 'exit').then(([code, signal]) => (code ?? signal) as number | string);
  const stop = async (signal: NodeJS.Signals = 'SIGTERM') => {
    child.kill(signal);
    const result = await ended;
    await rm(folder, { recursive: true, force: true });
    return result;
  };
  return { log, output: () => output, pid: child.pid ?? 0, stop, [Symbol.asyncDispose]: async () => void (await stop()) };
}

export async function becomesLeader(operator: OperatorProcess, timeoutMs = 30_000): Promise<void> {
  await eventually(() => {
    if (!operator.log.some(({ msg, isLeader }) => msg === 'leadership changed' && isLeader === true)) throw new Error(`not leading:\n${operator.output().slice(-2000)}`);
  }, { timeoutMs });
}

