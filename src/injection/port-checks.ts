// Checks of the sidecar's ports against the pod's: numbers, names, and the app's own port.
import { SIDECAR } from '../api/names.ts';
import type { SidecarShape } from '../proxy-model/sidecar-shape.ts';
import { foreignContainers } from './own-parts.ts';
import type { Pod } from './pod.ts';
import { appPortCandidates, usedPorts } from './ports.ts';
import { finding, quote } from './reasons.ts';
import type { Finding, RefusalReason } from './reasons.ts';
import type { Settings } from './settings.ts';

export interface NamedPort {
  readonly name: string;
  readonly port: number;
}

/** The listeners' ports in this pod. */
export function listenerPorts(shape: SidecarShape, { port: annotated }: Settings): readonly NamedPort[] {
  return shape.listeners.map(({ name, port, portFromPod }) => ({ name, port: portFromPod ? annotated ?? port : port }));
}

/** The app's port in this pod; undefined where none is needed, or none can be told. */
export function appPort(pod: Pod, shape: SidecarShape, settings: Settings): number | undefined {
  if (!shape.usesAppPort) return undefined;
  const candidates = appPortCandidates(pod);
  return settings.appPort ?? (candidates.length === 1 ? candidates[0] : undefined);
}

export function checkPorts(pod: Pod, shape: SidecarShape, settings: Settings): readonly Finding<RefusalReason>[] {
  const ports = listenerPorts(shape, settings);
  return [
    ...annotatedPort(shape, settings),
    ...appPortFindings(pod, shape, settings),
    ...portsInUse(pod, ports),
    ...appPortIsListener(ports, appPort(pod, shape, settings)),
    ...portNamesTaken(pod, ports),
  ];
}

/** An annotation without effect is refused: its author believes that the sidecar listens there. */
function annotatedPort({ listeners, certificate }: SidecarShape, { port }: Settings) {
  return port === undefined || listeners.some(({ portFromPod }) => portFromPod)
    ? []
    : [finding('InvalidAnnotation', `the annotation tenant-mtls.dev/port has no effect: TenantCertificate ${certificate} says the ports of its listeners`)];
}

function appPortFindings(pod: Pod, shape: SidecarShape, settings: Settings) {
  if (!shape.usesAppPort || settings.appPort !== undefined) return [];
  const candidates = appPortCandidates(pod);
  if (candidates.length === 1) return [];
  return candidates.length === 0
    ? [finding('AppPortMissing', 'no container of the pod declares a TCP port')]
    : [finding('AppPortAmbiguous', `the containers of the pod declare ${candidates.length} TCP ports: ${candidates.slice(0, 8).join(', ')}`)];
}

function portsInUse(pod: Pod, ports: readonly NamedPort[]) {
  const ours = new Set([...ports.map(({ port }) => port), SIDECAR.statusPort]);
  return usedPorts(pod).filter(({ port }) => ours.has(port)).map(({ port, user }) => finding('PortInUse', `port ${port} of the sidecar is used by ${user}`));
}

/** The sidecar would send every request to itself. */
function appPortIsListener(ports: readonly NamedPort[], app: number | undefined) {
  const same = ports.find(({ port }) => port === app);
  return same === undefined && app !== SIDECAR.statusPort ? [] : [finding('PortInUse', `the app's port ${app} is a port of the sidecar itself`)];
}

function portNamesTaken(pod: Pod, ports: readonly NamedPort[]) {
  const ours = new Set(ports.map(({ name }) => name));
  return foreignContainers(pod).flatMap(({ name: container, ports: theirs }) =>
    (theirs ?? []).flatMap(({ name }) =>
      name !== undefined && ours.has(name) ? [finding('PortNameTaken', `container ${quote(container)} has a port named ${name}, as the sidecar's listener has`)] : [],
    ),
  );
}
