// Reads and replaces what a probe or hook does (its handler), leaving its timing and the order of its fields as they are.
import type { ProbeRole } from '../api/probes.ts';
import type { Container, Hook, Probe } from './pod.ts';

export type Handler = Pick<Probe, 'httpGet' | 'tcpSocket' | 'grpc'>;

const HANDLERS = ['httpGet', 'tcpSocket', 'grpc'] as const;

export function probeOf(container: Container, role: ProbeRole): Probe | undefined {
  return role === 'postStart' || role === 'preStop' ? container.lifecycle?.[role] : container[role];
}

export function replaceHandler(container: Container, role: ProbeRole, handler: Handler): Container {
  const probe = probeOf(container, role);
  if (probe === undefined) return container;
  const replaced = withHandler(probe, handler);
  return role === 'postStart' || role === 'preStop'
    ? { ...container, lifecycle: { ...container.lifecycle, [role]: replaced satisfies Hook } }
    : { ...container, [role]: replaced };
}

/** The handler alone; undefined for exec and for none. */
export function handlerOf(probe: Probe | undefined): Handler | undefined {
  const key = HANDLERS.find((name) => probe?.[name] !== undefined && probe[name] !== null);
  return key === undefined ? undefined : { [key]: probe?.[key] };
}

function withHandler(probe: Probe, handler: Handler): Probe {
  const isHandler = (key: string) => HANDLERS.some((name) => name === key);
  const entries = Object.entries(probe);
  const place = entries.findIndex(([key]) => isHandler(key));
  return Object.fromEntries(entries.flatMap((entry, index) => {
    if (index === place) return Object.entries(handler);
    return isHandler(entry[0]) ? [] : [entry];
  }));
}
