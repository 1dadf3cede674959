// Ports of a pod's containers: numbers, names, and which of them is the app's.
import { foreignContainers } from './own-parts.ts';
import type { Container, ContainerPort, Pod, Probe } from './pod.ts';
import { PROBE_ROLES } from '../api/probes.ts';
import { probeOf } from './probe-handlers.ts';

/** The number of a port that a probe names by number, by digits or by the name of a port of its container. */
export function portNumber(container: Container, port: number | string): number | undefined {
  if (typeof port === 'number') return port;
  if (/^\d{1,5}$/.test(port)) return Number(port);
  return container.ports?.find(({ name }) => name === port)?.containerPort;
}

/** The port of a probe or hook as it is written; undefined for exec and for none. */
export function askedPort(probe: Probe | undefined): number | string | undefined {
  return (probe?.httpGet ?? probe?.tcpSocket ?? probe?.grpc)?.port;
}

function isTcp({ protocol }: ContainerPort): boolean {
  return protocol === undefined || protocol === 'TCP';
}

export interface PortUse {
  readonly port: number;
  /** For people: which container, and how it uses the port. */
  readonly user: string;
}

/** Every TCP port that the pod's own containers declare or probe; several for one port if several use it. */
export function usedPorts(pod: Pod): readonly PortUse[] {
  const containers = foreignContainers(pod);
  return [...containers.flatMap(declaredPorts), ...containers.flatMap(probedPorts)];
}

function declaredPorts(container: Container): PortUse[] {
  return (container.ports ?? []).filter(isTcp).map(({ containerPort }) => ({ port: containerPort, user: `container ${container.name}` }));
}

function probedPorts(container: Container): PortUse[] {
  return PROBE_ROLES.flatMap((role) => {
    const asked = askedPort(probeOf(container, role));
    const port = asked === undefined ? undefined : portNumber(container, asked);
    return port === undefined ? [] : [{ port, user: `the ${role} of container ${container.name}` }];
  });
}

/** The TCP ports that the app's containers declare, each once. */
export function appPortCandidates(pod: Pod): readonly number[] {
  const ports = (pod.spec?.containers ?? []).flatMap((container) => (container.ports ?? []).filter(isTcp).map(({ containerPort }) => containerPort));
  return [...new Set(ports)];
}
