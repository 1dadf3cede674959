// What the cache keeps of a pod with our label: where its sidecar answers, and what it was told about its app. One rule: nothing else,
// so that a hundred thousand pods fit into memory.
import { isDeepStrictEqual } from 'node:util';
import { GROUP, LABEL, SIDECAR, SIDECAR_ENV } from '../../api/names.ts';
import { findOurContainer } from '../../injection/own-parts.ts';
import type { Container, PodSpec } from '../../injection/pod.ts';
import type { KubeObject, ObjectMeta } from '../../kube/object.ts';

export interface SidecarOfPod {
  /** The app's port as the sidecar was told it; absent where no upstream uses it. */
  readonly appPort?: number;
}

export interface InjectedPod extends KubeObject {
  readonly metadata: ObjectMeta;
  readonly status: { readonly podIP?: string; readonly phase?: string };
  /** Absent: the label was put there by somebody else, and no sidecar of ours is in the pod. */
  readonly sidecar?: SidecarOfPod;
}

/** As the API server gives it. */
type LivePod = KubeObject & { readonly spec?: PodSpec; readonly status?: { readonly podIP?: string; readonly phase?: string } };

const ENDED: ReadonlySet<string | undefined> = new Set(['Succeeded', 'Failed']);

/** Idempotent: what was pruned before comes back as it is. */
export function pruneInjectedPod(pod: LivePod | InjectedPod): InjectedPod {
  const { metadata = {}, status: { podIP, phase } = {} } = pod;
  const sidecar = 'sidecar' in pod ? pod.sidecar : 'spec' in pod ? describeContainer(findOurContainer(pod)) : undefined;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: pruneMetadata(metadata),
    status: { ...(podIP === undefined ? {} : { podIP }), ...(phase === undefined ? {} : { phase }) },
    ...(sidecar === undefined ? {} : { sidecar }),
  };
}

/** `namespace/name` of the TenantCertificate a pod was injected for; undefined without a sidecar of ours. */
export function certificateKeyOf({ metadata, sidecar }: InjectedPod): string | undefined {
  const name = metadata.labels?.[LABEL.certificate];
  return sidecar === undefined || name === undefined ? undefined : `${metadata.namespace ?? ''}/${name}`;
}

/** May still serve connections. What has ended, or has been told to, no longer counts. */
export function isAlive({ metadata, status }: InjectedPod): boolean {
  return metadata.deletionTimestamp === undefined && !ENDED.has(status.phase);
}

/** Nothing that matters here has changed: a kubelet reports on a pod much more often than that. */
export function isSamePod(a: InjectedPod, b: InjectedPod): boolean {
  const gist = ({ metadata: { uid, labels, deletionTimestamp }, status, sidecar }: InjectedPod) => ({ uid, labels, isDeleted: deletionTimestamp !== undefined, status, sidecar });
  return isDeepStrictEqual(gist(a), gist(b));
}

function describeContainer(container: Container | undefined): SidecarOfPod | undefined {
  if (container?.name !== SIDECAR.container) return undefined;
  const appPort = Number(container.env?.find(({ name }) => name === SIDECAR_ENV.appPort)?.value);
  return Number.isInteger(appPort) && appPort > 0 && appPort < 65_536 ? { appPort } : {};
}

function pruneMetadata({ name, namespace, uid, resourceVersion, creationTimestamp, deletionTimestamp, labels = {}, annotations = {} }: ObjectMeta): ObjectMeta {
  const given = { name, namespace, uid, resourceVersion, creationTimestamp, deletionTimestamp, labels: onlyOurs(labels), annotations: onlyOurs(annotations) };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

function onlyOurs(map: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(map).filter(([key]) => key.startsWith(`${GROUP}/`)));
}
