// Changes containers of a pod in place; a pod of which nothing changes stays the same object.
import type { Container, Pod } from './pod.ts';

export function mapContainers(pod: Pod, change: (container: Container) => Container): Pod {
  if (pod.spec === undefined || pod.spec === null) return pod;
  const { initContainers, containers } = pod.spec;
  const spec = { ...pod.spec };
  const changedInit = mapIfChanged(initContainers ?? [], change);
  const changedApp = mapIfChanged(containers ?? [], change);
  if (changedInit !== undefined) spec.initContainers = changedInit;
  if (changedApp !== undefined) spec.containers = changedApp;
  return changedInit === undefined && changedApp === undefined ? pod : { ...pod, spec };
}

function mapIfChanged(containers: readonly Container[], change: (container: Container) => Container): Container[] | undefined {
  const changed = containers.map(change);
  return changed.some((container, index) => container !== containers[index]) ? changed : undefined;
}
