// Checks of the containers that `kubectl debug` adds to a pod that has a sidecar: the same walls around the private key that the pod's own
// containers were held to. Containers that were there before cannot be changed and are not judged again.
import { SIDECAR } from '../api/names.ts';
import type { Container, Pod } from './pod.ts';
import { couldReachInto, mountsOfOurVolumes, runsAsOurUser, sharesProcesses } from './pod-checks.ts';
import { finding, quote } from './reasons.ts';
import type { Finding, RefusalReason } from './reasons.ts';

export function checkEphemeralContainers(pod: Pod, before: Pod): readonly Finding<RefusalReason>[] {
  const known = new Set(before.spec?.ephemeralContainers?.map(({ name }) => name));
  return (pod.spec?.ephemeralContainers ?? []).filter(({ name }) => !known.has(name)).flatMap((container) => checkOne(pod, container));
}

function checkOne(pod: Pod, container: Container): Finding<RefusalReason>[] {
  const name = `ephemeral container ${quote(container.name)}`;
  const joins = sharesProcesses(pod) || container.targetContainerName === SIDECAR.container;
  return [
    ...mountsOfOurVolumes(container).map((volume) => finding('VolumeMountedElsewhere', `${name} mounts the sidecar's volume ${volume}`)),
    ...(runsAsOurUser(pod, container) ? [finding('UidInUse', `${name} runs as user ${SIDECAR.uid}, the sidecar's`)] : []),
    ...(joins && couldReachInto(pod, container) ? [finding('ProcessNamespaceShared', `${name} shares the sidecar's process namespace, and could read its private key`)] : []),
  ];
}
