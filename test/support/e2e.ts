// Real pods and real requests: manifests applied as users do, and mTLS clients that dial pods and Services from this machine.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { request } from 'node:https';
import type { RequestOptions } from 'node:https';
import type { TLSSocket } from 'node:tls';
import { promisify } from 'node:util';
import { loadAll } from 'js-yaml';
import type { Secret } from '../../src/api/object-meta.ts';
import type { TenantCertificate } from '../../src/api/tenant-certificate.ts';
import type { KubeObject } from '../../src/kube/object.ts';
import { resources } from '../../src/kube/resources.ts';
import { eventually, kubeConfigPath, missingCluster } from './cluster.ts';
import type { Cluster } from './cluster.ts';

const ROOT = new URL('../../', import.meta.url).pathname;
const run = promisify(execFile);

/** For `describe(…, { skip: cannotRunPods() })`: a cluster with a node and an operator in it. */
export function cannotRunPods(): string | false {
  if (process.getuid?.() !== 0 && (process.env['CONTEXT'] ?? '') === '') return 'containers need root';
  if (process.env['KUBECONFIG'] === undefined && !existsSync(`${ROOT}.cluster/run/kubelet.pid`)) return 'no node: run `make cluster images deploy` first';
  return missingCluster();
}

export async function kubectl(...args: string[]): Promise<string> {
  return (await kubectlOutput(...args)).stdout;
}

/** Warnings of the API server stand on stderr. */
export async function kubectlOutput(...args: string[]): Promise<{ stdout: string; stderr: string }> {
  const binary = existsSync(`${ROOT}.cluster/bin/kubectl`) ? `${ROOT}.cluster/bin/kubectl` : 'kubectl';
  return await run(binary, ['--kubeconfig', kubeConfigPath(), ...args], { maxBuffer: 16 * 1024 * 1024 });
}

/** Wakes the deployed operator that integration tests may have put to sleep, and waits until its webhook answers. */
export async function wakeOperator({ admin }: Cluster): Promise<void> {
  const ref = { namespace: 'tenant-mtls-system', name: 'tenant-mtls' };
  await admin.mergePatch(resources.Deployment, ref, { spec: { replicas: 2 } });
  await eventually(async () => {
    const { status } = await admin.get<KubeObject & { status?: { readyReplicas?: number; updatedReplicas?: number; replicas?: number } }>(resources.Deployment, ref);
    assert.deepEqual([status?.readyReplicas, status?.updatedReplicas, status?.replicas], [2, 2, 2]);
  }, { timeoutMs: 90_000, intervalMs: 300 });
}

/** Everything into `namespace`, which stands for the manifests' own. */
export async function applyYaml({ admin }: Cluster, namespace: string, yaml: string): Promise<void> {
  for (const object of loadAll(yaml) as (KubeObject & { kind: keyof typeof resources })[]) {
    if (object.kind === 'Namespace') continue;
    const resource = resources[object.kind];
    const metadata = resource.namespaced ? { ...object.metadata, namespace } : object.metadata;
    await admin.applyServerSide(resource, { ...object, metadata } as KubeObject, { query: { fieldManager: 'e2e' } });
  }
}

export async function applyExample(cluster: Cluster, namespace: string, path: string): Promise<void> {
  await applyYaml(cluster, namespace, (await readFile(`${ROOT}deploy/examples/${path}`, 'utf8')).replaceAll(/\bshop\.svc/g, `${namespace}.svc`));
}

export async function certificateReady({ admin }: Cluster, namespace: string, name: string): Promise<TenantCertificate> {
  return await eventually(async () => {
    const certificate = await admin.get<TenantCertificate>(resources.TenantCertificate, { namespace, name });
    const ready = certificate.status?.conditions?.find(({ type }) => type === 'Ready');
    assert.equal(ready?.status, 'True', `${name}: ${ready?.reason} ${ready?.message}`);
    assert.equal(ready.observedGeneration, certificate.metadata.generation);
    return certificate;
  }, { timeoutMs: 30_000 });
}

export interface RunningPod extends KubeObject {
  readonly metadata: KubeObject['metadata'] & object;
  readonly spec: { readonly containers: { readonly name: string }[]; readonly initContainers?: { readonly name: string }[] };
  readonly status: { readonly podIP: string; readonly phase: string; readonly conditions?: { readonly type: string; readonly status: string }[] };
}

export async function podsOf({ admin }: Cluster, namespace: string, labelSelector: string): Promise<RunningPod[]> {
  const { items } = await admin.list<RunningPod>(resources.Pod, { namespace, labelSelector });
  return items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
}

/** The one ready pod of the selector that has (or has not) a sidecar. */
export async function readyPod(cluster: Cluster, namespace: string, labelSelector: string, sidecar: 'with sidecar' | 'plain' = 'with sidecar'): Promise<RunningPod> {
  return await eventually(async () => {
    const pods = await podsOf(cluster, namespace, labelSelector);
    const ready = pods.filter(({ status }) => status.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True'));
    const [pod, ...others] = ready.filter(({ spec }) => (spec.initContainers?.some(({ name }) => name === 'tls-sidecar') ?? false) === (sidecar === 'with sidecar'));
    assert.ok(pod !== undefined && others.length === 0 && pods.length === 1, `pods: ${JSON.stringify(pods.map(({ metadata, status }) => [metadata.name, status.phase, status.conditions]))}`);
    return pod;
  }, { timeoutMs: 90_000, intervalMs: 200 });
}

export interface Credentials {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

export async function credentialsOf({ admin }: Cluster, namespace: string, secretName: string): Promise<Credentials> {
  const { data = {} } = await admin.get<Secret>(resources.Secret, { namespace, name: secretName });
  const text = (key: string) => Buffer.from(data[key] ?? '', 'base64').toString();
  return { cert: text('tls.crt'), key: text('tls.key'), ca: text('ca.crt') };
}

export interface Answer {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly body: string;
  /** Serial number of the server's certificate. */
  readonly serverSerial: string;
}

/** One HTTPS request on a connection of its own. */
export async function get(options: RequestOptions & { readonly host: string; readonly path: string }): Promise<Answer> {
  return await new Promise((resolve, reject) => {
    const outgoing = request({ port: 8443, agent: false, timeout: 5000, ...options }, (response) => {
      const serverSerial = (response.socket as TLSSocket).getPeerCertificate().serialNumber;
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk)).on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body, serverSerial }));
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error('timeout'))).on('error', reject).end();
  });
}

/** What the sidecar of a pod says at /status. */
export async function sidecarStatus(pod: RunningPod): Promise<{ state: string; message?: string; manifestSHA256: string; manifest: { serialNumber: string }; plaintextReachable: number[] }> {
  const host = pod.status.podIP.includes(':') ? `[${pod.status.podIP}]` : pod.status.podIP;
  return await (await fetch(`http://${host}:15643/status`)).json() as never;
}
