// The objects of an installation, and where the API server keeps their kinds.
import type { KubeObject, ObjectMeta } from '../../kube/object.ts';
import { resources } from '../../kube/resources.ts';
import type { Resource } from '../../kube/resources.ts';

export interface InstalledObject extends KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta & { readonly name: string };
}

/** Kinds that the operator itself has nothing to do with. */
const MORE: Readonly<Record<string, Resource>> = {
  PodDisruptionBudget: { kind: 'PodDisruptionBudget', group: 'policy', version: 'v1', plural: 'poddisruptionbudgets', namespaced: true },
  PriorityClass: { kind: 'PriorityClass', group: 'scheduling.k8s.io', version: 'v1', plural: 'priorityclasses', namespaced: false },
};

const ALL: Readonly<Record<string, Resource>> = { ...resources, ...MORE };

export function resourceOf({ kind }: InstalledObject): Resource {
  const resource = ALL[kind];
  if (resource === undefined) throw new Error(`a manifest has kind ${kind}, which is not known how to install`);
  return resource;
}

/** For people: `deployment/tenant-mtls`, as kubectl says it. */
export function displayName({ kind, metadata: { name } }: InstalledObject): string {
  return `${kind.toLowerCase()}/${name}`;
}
