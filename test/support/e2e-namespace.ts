// One namespace for one e2e file: level restricted, certificates of `pods.ts` in it, and what is asked again and again.
import assert from 'node:assert/strict';
import type { KubeObject } from '../../src/kube/object.ts';
import { resources } from '../../src/kube/resources.ts';
import type { Resource } from '../../src/kube/resources.ts';
import { connect, eventually, freshNamespace } from './cluster.ts';
import type { Cluster } from './cluster.ts';
import { applyYaml, certificateReady, credentialsOf, get, kubectl, wakeOperator } from './e2e.ts';
import type { Answer } from './e2e.ts';
import { certificates } from './pods.ts';

interface ContainerState {
  readonly name: string;
  readonly ready: boolean;
  readonly restartCount: number;
  readonly state: { readonly running?: object; readonly terminated?: { readonly exitCode: number; readonly finishedAt: string }; readonly waiting?: { readonly reason?: string } };
}

export type ObservedPod = KubeObject & {
  readonly spec: { readonly containers: readonly { readonly name: string }[]; readonly initContainers?: readonly { readonly name: string }[] };
  readonly status: {
    readonly podIP?: string;
    readonly phase: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly containerStatuses?: readonly ContainerState[];
    readonly initContainerStatuses?: readonly ContainerState[];
  };
};

export interface E2eNamespace {
  readonly cluster: Cluster;
  readonly name: string;
  create(resource: Resource, object: KubeObject): Promise<void>;
  read<T = KubeObject>(resource: Resource, name: string): Promise<T>;
  patch(resource: Resource, name: string, patch: object): Promise<void>;
  pods(label: string): Promise<ObservedPod[]>;
  pod(name: string): Promise<ObservedPod>;
  readyPod(name: string): Promise<ObservedPod>;
  /** One request with the certificate of hello-client. */
  request(pod: ObservedPod, path: string, options?: { timeout?: number }): Promise<Answer>;
  /** Waits until it is answered: a pod is ready as soon as it runs where its app has no probe. */
  answers(pod: ObservedPod, path: string): Promise<void>;
  kubectl(...args: string[]): Promise<string>;
}

export async function e2eNamespace(prefix: string): Promise<E2eNamespace> {
  const cluster = connect();
  await wakeOperator(cluster);
  const name = await freshNamespace(cluster, prefix, { 'pod-security.kubernetes.io/enforce': 'restricted' });
  await applyYaml(cluster, name, certificates(name));
  for (const certificate of ['hello', 'hello-client']) await certificateReady(cluster, name, certificate);
  const { admin } = cluster;
  const pod = async (podName: string) => await admin.get<ObservedPod>(resources.Pod, { namespace: name, name: podName });
  const request: E2eNamespace['request'] = async ({ status }, path, options = {}) => {
    const servername = `hello.${name}.svc`;
    return await get({ host: status.podIP ?? '', path, servername, ...(await credentialsOf(cluster, name, 'hello-client-tls')), ...options });
  };
  return {
    cluster, name, pod,
    create: async (resource, object) => void (await admin.create(resource, { ...object, metadata: { ...object.metadata, namespace: name } })),
    read: async (resource, objectName) => await admin.get(resource, { namespace: name, name: objectName }),
    patch: async (resource, objectName, patch) => void (await admin.mergePatch(resource, { namespace: name, name: objectName }, patch)),
    pods: async (labelSelector) => (await admin.list<ObservedPod>(resources.Pod, { namespace: name, labelSelector })).items,
    readyPod: async (podName) => await eventually(async () => {
      const found = await pod(podName);
      assert.ok(isReady(found), JSON.stringify(found.status));
      return found;
    }, { timeoutMs: 60_000, intervalMs: 200 }),
    request,
    answers: async (asked, path) => await eventually(async () => assert.equal((await request(asked, path)).status, 200), { timeoutMs: 30_000, intervalMs: 100 }),
    kubectl: async (...args) => await kubectl('-n', name, ...args),
  };
}

export function isReady({ metadata, status }: ObservedPod): boolean {
  return metadata?.deletionTimestamp === undefined && (status.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') ?? false);
}

export function hasSidecar({ spec }: ObservedPod): boolean {
  return spec.initContainers?.filter(({ name }) => name === 'tls-sidecar').length === 1;
}
