// Checks of the pod alone: what would break it, or would let somebody else reach the private key.
import { SIDECAR } from '../api/names.ts';
import { foreignContainers, isOurVolume } from './own-parts.ts';
import { annotationsOf } from './pod.ts';
import type { Container, Pod } from './pod.ts';
import { finding, quote } from './reasons.ts';
import type { Finding, RefusalReason } from './reasons.ts';

/** Of a pod without our own parts. */
export type PodCheck = (pod: Pod) => readonly Finding<RefusalReason>[];

export const POD_CHECKS: readonly PodCheck[] = [
  staticPod, windows, hostNetwork, hostPorts, sidecarNameTaken, volumeNameTaken, volumeMountedElsewhere, uidInUse, processNamespaceShared,
];

function staticPod(pod: Pod) {
  return annotationsOf(pod)['kubernetes.io/config.mirror'] === undefined ? [] : [finding('StaticPod', 'the pod is the mirror of a static pod')];
}

function windows({ spec }: Pod) {
  const system = spec?.os?.name ?? spec?.nodeSelector?.['kubernetes.io/os'];
  return system?.toLowerCase() === 'windows' ? [finding('Windows', 'the pod runs on Windows')] : [];
}

function hostNetwork({ spec }: Pod) {
  return spec?.hostNetwork === true ? [finding('HostNetwork', 'the pod uses the network of its node')] : [];
}

/** With hostNetwork the API server fills in a hostPort for each port; one reason is enough then. */
function hostPorts(pod: Pod) {
  if (pod.spec?.hostNetwork === true) return [];
  return foreignContainers(pod).flatMap(({ name, ports }) =>
    (ports ?? [])
      .filter(({ hostPort }) => hostPort !== undefined && hostPort !== 0)
      .map(({ hostPort }) => finding('HostPort', `container ${quote(name)} publishes port ${hostPort} on the node, past the sidecar`)),
  );
}

function sidecarNameTaken(pod: Pod) {
  return foreignContainers(pod).some(({ name }) => name === SIDECAR.container)
    ? [finding('SidecarNameTaken', `the pod has a container named ${SIDECAR.container} that is not the injected one`)]
    : [];
}

function volumeNameTaken({ spec }: Pod) {
  return (spec?.volumes ?? []).filter(isOurVolume).map(({ name }) => finding('VolumeNameTaken', `the pod has a volume named ${name} of its own`));
}

function volumeMountedElsewhere(pod: Pod) {
  return foreignContainers(pod).flatMap((container) =>
    mountsOfOurVolumes(container).map((volume) => finding('VolumeMountedElsewhere', `container ${quote(container.name)} mounts the sidecar's volume ${volume}`)),
  );
}

export function mountsOfOurVolumes({ volumeMounts }: Container): string[] {
  return (volumeMounts ?? []).filter(isOurVolume).map(({ name }) => name);
}

function uidInUse(pod: Pod) {
  return foreignContainers(pod)
    .filter((container) => runsAsOurUser(pod, container))
    .map(({ name }) => finding('UidInUse', `container ${quote(name)} runs as user ${SIDECAR.uid}, the sidecar's`));
}

function processNamespaceShared(pod: Pod) {
  if (!sharesProcesses(pod)) return [];
  return foreignContainers(pod)
    .filter((container) => couldReachInto(pod, container))
    .map(({ name }) => finding('ProcessNamespaceShared', `the pod shares its process namespace, and container ${quote(name)} could read the sidecar's private key`));
}

export function sharesProcesses({ spec }: Pod): boolean {
  return spec?.shareProcessNamespace === true || spec?.hostPID === true;
}

/**
 * In a shared process namespace /proc/<pid>/root shows the files of another container to whoever may trace it (ptrace(2), PTRACE_MODE_READ_FSCREDS):
 * a process of the same user, or one with CAP_SYS_PTRACE. So nobody else may be, or become, either of them.
 */
export function couldReachInto(pod: Pod, container: Container): boolean {
  return mayTrace(container) || mayBecomeAnybody(pod, container) || runsAsOurUser(pod, container);
}

export function runsAsOurUser(pod: Pod, { securityContext }: Container): boolean {
  return (securityContext?.runAsUser ?? pod.spec?.securityContext?.runAsUser) === SIDECAR.uid;
}

/** These let a process trace others, or read files without a look at their owner. */
const POWERFUL = /^(CAP_)?(ALL|SYS_PTRACE|SETUID|SYS_ADMIN|SYS_MODULE|SYS_RAWIO|DAC_READ_SEARCH)$/i;
const SETUID = /^(CAP_)?(ALL|SETUID)$/i;

function mayTrace({ securityContext }: Container): boolean {
  return securityContext?.privileged === true || (securityContext?.capabilities?.add ?? []).some((name) => POWERFUL.test(name));
}

/**
 * Root has CAP_SETUID unless it is dropped, and an image's own user may be root. What is left is setuid programs: root can make one for any user,
 * without CAP_SETUID too, so that gaining privileges by them must be switched off (no_new_privs).
 */
function mayBecomeAnybody(pod: Pod, { securityContext }: Container): boolean {
  const dropsSetuid = (securityContext?.capabilities?.drop ?? []).some((name) => SETUID.test(name));
  return securityContext?.allowPrivilegeEscalation !== false || (!dropsSetuid && !isNonRoot(pod, securityContext));
}

function isNonRoot({ spec }: Pod, own: Container['securityContext']): boolean {
  const user = own?.runAsUser ?? spec?.securityContext?.runAsUser;
  return user === undefined ? (own?.runAsNonRoot ?? spec?.securityContext?.runAsNonRoot) === true : user !== 0;
}
