// The parts of a sidecar as they are written into pods, with their hash. The pods of a workload ask for the same ones again and
// again, and building and hashing them costs more than all the rest of an injection: so they are remembered, by what they are made from.
import { hash } from 'node:crypto';
import type { Container, Volume } from './pod.ts';
import { buildContainer } from './sidecar-container.ts';
import { buildVolumes } from './sidecar-volumes.ts';
import type { Sidecar } from './sidecar.ts';

/** Shared between pods: never changed in place. */
export interface BuiltSidecar {
  readonly container: Container;
  readonly volumes: readonly Volume[];
  /** SHA-256 of both. */
  readonly templateHash: string;
}

/** The parts as JSON, which patches are made of. */
const texts = new WeakMap<object, string>();

const MOST_REMEMBERED = 512;
const remembered = new Map<string, BuiltSidecar>();

export function buildSidecar(sidecar: Sidecar): BuiltSidecar {
  // Rewritten probes have a token of the pod's own: no other pod is like it.
  if (sidecar.probes.length > 0) return build(sidecar);
  const key = JSON.stringify(sidecar);
  const known = remembered.get(key);
  if (known !== undefined) return known;
  const built = build(sidecar);
  for (const part of [built.container, ...built.volumes]) texts.set(part, JSON.stringify(part));
  if (remembered.size >= MOST_REMEMBERED) remembered.clear();
  remembered.set(key, built);
  return built;
}

function build(sidecar: Sidecar): BuiltSidecar {
  const [container, volumes] = [buildContainer(sidecar), buildVolumes(sidecar)];
  return { container, volumes, templateHash: hash('sha256', JSON.stringify([container, volumes])) };
}

/** Like JSON.stringify, but parts of remembered sidecars, alone or in a list, are not written out again. */
export function writeJson(value: unknown): string {
  if (Array.isArray(value)) return value.length > 8 ? JSON.stringify(value) : `[${value.map(writeJson).join(',')}]`;
  return (typeof value === 'object' && value !== null ? texts.get(value) : undefined) ?? JSON.stringify(value);
}
