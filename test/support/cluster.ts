import { existsSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { KubeConfig } from '@kubernetes/client-node';
import { ApiClient } from '../../src/kube/api-client.ts';
import { resources } from '../../src/kube/resources.ts';

/**
 * The real API server that integration and e2e tests talk to: the one of KUBECONFIG, else the embedded cluster's.
 * Each test file gets a namespace of its own. Those that run an operator share its Lease, so files run one after another:
 *
 *     describe('…', { skip: missingCluster() }, () => {
 *       let cluster: Cluster;
 *       let namespace: string;
 *       before(async () => {
 *         cluster = connect();
 *         namespace = await freshNamespace(cluster, 'prefix');
 *       });
 *
 * Namespaces and connections go by themselves when nothing is left to do in the process, or with `cluster.close()`.
 */
export type Cluster = {
  readonly kubeConfig: KubeConfig;
  /** Logged in as the kubeconfig's user: cluster-admin. */
  readonly admin: ApiClient;
  /** Done by `close`, last first. */
  readonly cleanups: (() => Promise<void>)[];
  readonly close: () => Promise<void>;
};

const EMBEDDED = new URL('../../.cluster/kubeconfig', import.meta.url).pathname;

export function kubeConfigPath(): string {
  return process.env['KUBECONFIG'] ?? EMBEDDED;
}

/** For `describe(…, { skip: missingCluster() })`; CI sets KUBECONFIG, so that it cannot skip by accident. */
export function missingCluster(): string | false {
  if (process.env['KUBECONFIG'] !== undefined || existsSync(EMBEDDED)) return false;
  return 'no cluster: run `make cluster` first';
}

export function connect(): Cluster {
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromFile(kubeConfigPath());
  const admin = new ApiClient(kubeConfig, { version: 'test' });
  const cleanups = [async () => await admin.close()];
  const close = async (): Promise<void> => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  };
  process.once('beforeExit', () => {
    // An idle connection does not keep the process alive, and neither does a promise.
    const alive = setInterval(() => undefined, 1000);
    void close().finally(() => clearInterval(alive));
  });
  return { kubeConfig, admin, cleanups, close };
}

/** The same server, logged in with a token: see `tokenFor`. */
export function clientAs(cluster: Cluster, serviceAccountToken: string): ApiClient {
  const server = cluster.kubeConfig.getCurrentCluster();
  if (server === null) throw new Error(`no current cluster in ${kubeConfigPath()}`);
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromClusterAndUser(server, { name: 'service-account', token: serviceAccountToken });
  const client = new ApiClient(kubeConfig, { version: 'test' });
  cluster.cleanups.push(async () => await client.close());
  return client;
}

export async function tokenFor(cluster: Cluster, namespace: string, serviceAccount: string): Promise<string> {
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${serviceAccount}/token`;
  const request = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 3600 } };
  const answer = await cluster.admin.request<{ status: { token: string } }>('POST', path, request);
  return answer.status.token;
}

/** A namespace for one test file; its deletion is asked for by `close`, not waited for. */
export async function freshNamespace(cluster: Cluster, prefix: string, labels: Record<string, string> = {}): Promise<string> {
  const name = `${prefix}-${randomBytes(3).toString('hex')}`;
  await cluster.admin.create(resources.Namespace, { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } });
  cluster.cleanups.push(async () => await cluster.admin.delete(resources.Namespace, { name }));
  return name;
}

/** Tries until the assertion holds or the deadline has passed; then the last failure is thrown. */
export async function eventually<T>(assertion: () => T | Promise<T>, { timeoutMs = 10_000, intervalMs = 50 } = {}): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    try {
      return await assertion();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await sleep(intervalMs);
    }
  }
}
