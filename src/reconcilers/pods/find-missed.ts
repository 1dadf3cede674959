// Finds what the webhook has missed. One rule: what is not ours is read as names and annotations only, page by page; a full object is
// asked for only where those say that something is wrong.
import { LABEL } from '../../api/names.ts';
import type { Namespace } from '../../api/object-meta.ts';
import type { Engine, TenantCertificate } from '../../api/tenant-certificate.ts';
import type { Workload } from '../../injection/carry-annotations.ts';
import { decideInjection } from '../../injection/decide-injection.ts';
import type { Pod } from '../../injection/pod.ts';
import type { ApiClient, ListOptions } from '../../kube/api-client.ts';
import { isNotFound } from '../../kube/api-error.ts';
import type { Cache } from '../../kube/cache.ts';
import type { Logger } from '../../kube/logger.ts';
import type { KubeObject, ObjectRef } from '../../kube/object.ts';
import { keyOf } from '../../kube/object.ts';
import { resources } from '../../kube/resources.ts';
import type { Resource } from '../../kube/resources.ts';
import { asksForSidecar, AUDITED_KINDS, judgeBarePod, judgeSidecar, judgeWorkload } from './audit-findings.ts';
import type { AuditedKind, Missed } from './audit-findings.ts';
import { isAlive } from './injected-pod.ts';
import type { InjectedPod } from './injected-pod.ts';

export interface AuditSources {
  readonly client: Pick<ApiClient, 'pages' | 'get'>;
  readonly caches: { readonly certificates: Cache<TenantCertificate>; readonly namespaces: Cache<Namespace>; readonly pods: Cache<InjectedPod> };
  readonly images: Readonly<Record<Engine, string>>;
  /** Empty: all. */
  readonly watchNamespaces: readonly string[];
  /** The operator's own namespace, which the webhook keeps out of. */
  readonly namespace: string;
  readonly log: Logger;
}

/** Beyond this many the log says that there are more: each is one request. */
const MOST_LOOKED_AT = 200;
const OUT_OF_REACH: ReadonlySet<string> = new Set(['kube-system', 'kube-node-lease']);

export async function findMissed(options: AuditSources, signal: AbortSignal): Promise<Missed[]> {
  const found = [...(await findOutdated(options, signal)), ...(await findBarePods(options, signal))];
  for (const kind of AUDITED_KINDS) {
    if (kind === 'Pod') continue;
    const workloads = await lookAt<Workload & KubeObject>(options, kind, (object) => !isControlled(object), signal);
    found.push(...workloads.flatMap((workload) => judgeWorkload(kind, workload) ?? []));
  }
  return found;
}

async function findBarePods(options: AuditSources, signal: AbortSignal): Promise<Missed[]> {
  const hasSidecar = (object: KubeObject) => options.caches.pods.get(keyOf(object))?.sidecar !== undefined;
  const pods = await lookAt<Pod & KubeObject>(options, 'Pod', (object) => !hasSidecar(object), signal);
  return pods.flatMap((pod) => judgeBarePod(pod) ?? []);
}

/** The pods with a sidecar, whole: what would be injected depends on all of a pod. */
async function findOutdated(sources: AuditSources, signal: AbortSignal): Promise<Missed[]> {
  const { caches, images } = sources;
  const found: Missed[] = [];
  for await (const items of listPages<Pod & KubeObject>(sources, resources.Pod, { labelSelector: LABEL.certificate, signal })) {
    for (const pod of items) {
      const { namespace = '', labels } = pod.metadata ?? {};
      const known = caches.pods.get(keyOf(pod));
      if (known === undefined || !isAlive(known)) continue;
      const certificate = caches.certificates.get(`${namespace}/${labels?.[LABEL.certificate]}`);
      const context = { namespace: { name: namespace, labels: labelsOf(caches.namespaces, namespace) }, certificate, images, kubernetesVersion: undefined, newProbeToken: () => '' };
      const missed = judgeSidecar(pod, decideInjection(pod, context));
      if (missed !== undefined) found.push(missed);
    }
  }
  return found;
}

/** Objects of a kind that ask for a sidecar and look suspicious by their names and annotations, whole. */
async function lookAt<T extends KubeObject>(sources: AuditSources, kind: AuditedKind, isSuspicious: (object: KubeObject) => boolean, signal: AbortSignal): Promise<T[]> {
  const { client, log } = sources;
  const suspects: KubeObject[] = [];
  for await (const items of listPages<KubeObject>(sources, resources[kind], { metadataOnly: true, signal })) {
    suspects.push(...items.filter((object) => isAsking(sources, object) && isSuspicious(object)));
  }
  if (suspects.length > MOST_LOOKED_AT) log.warn({ kind, suspects: suspects.length, lookedAt: MOST_LOOKED_AT }, 'audit is incomplete');
  const whole: T[] = [];
  for (const { metadata } of suspects.slice(0, MOST_LOOKED_AT)) {
    const object = await getIfThere<T>(client, resources[kind], { namespace: metadata?.namespace, name: metadata?.name ?? '' }, signal);
    if (object !== undefined) whole.push(object);
  }
  return whole;
}

async function* listPages<T>({ client, watchNamespaces }: AuditSources, resource: Resource, options: ListOptions): AsyncGenerator<readonly T[]> {
  for (const namespace of watchNamespaces.length === 0 ? [undefined] : watchNamespaces) {
    for await (const { items } of client.pages<T>(resource, { ...options, namespace })) yield items;
  }
}

function isAsking({ caches, namespace: own }: AuditSources, object: KubeObject): boolean {
  const namespace = object.metadata?.namespace ?? '';
  return namespace !== own && !OUT_OF_REACH.has(namespace) && asksForSidecar(object, labelsOf(caches.namespaces, namespace));
}

async function getIfThere<T>(client: AuditSources['client'], resource: Resource, ref: ObjectRef, signal: AbortSignal): Promise<T | undefined> {
  try {
    return await client.get<T>(resource, ref, { signal });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

function isControlled({ metadata }: KubeObject): boolean {
  return metadata?.ownerReferences?.some(({ controller }) => controller === true) ?? false;
}

function labelsOf(namespaces: AuditSources['caches']['namespaces'], name: string): Readonly<Record<string, string>> {
  return namespaces.get(name)?.metadata.labels ?? {};
}
