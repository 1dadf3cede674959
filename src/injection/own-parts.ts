// Which parts of a pod are ours. Told by the containers and volumes themselves, never by an annotation that says so:
// annotations are copied and edited freely.
import { SIDECAR } from '../api/names.ts';
import type { Container, Pod, Volume } from './pod.ts';

/** A native sidecar of our name that mounts our volume at our place. A container of `containers` is never ours. */
export function isOurContainer(container: Container): boolean {
  return (
    container.name === SIDECAR.container &&
    container.restartPolicy === 'Always' &&
    (container.volumeMounts ?? []).some(({ name, mountPath }) => name === SIDECAR.volume && mountPath === SIDECAR.directory)
  );
}

export function findOurContainer(pod: Pod): Container | undefined {
  return pod.spec?.initContainers?.find(isOurContainer);
}

export function isOurVolume({ name }: Volume): boolean {
  return name === SIDECAR.volume || name === SIDECAR.runVolume;
}

/** The containers of others: init containers first. */
export function foreignContainers(pod: Pod): readonly Container[] {
  return [...(pod.spec?.initContainers ?? []).filter((container) => !isOurContainer(container)), ...(pod.spec?.containers ?? [])];
}
