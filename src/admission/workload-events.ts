// Events about a pod's owner, where people look for them: on the Deployment rather than on the ReplicaSet it has made.
// One rule: nothing waits for it and nothing fails by it.
import type { ApiClient } from '../kube/api-client.ts';
import type { EventNote } from '../kube/event-series.ts';
import type { KubeObject } from '../kube/object.ts';
import { apiVersionOf, resources } from '../kube/resources.ts';
import type { Resource } from '../kube/resources.ts';
import type { PodOwner } from './mutate-pod.ts';

/** What is made by another object that people know better. */
const INTERMEDIATE: readonly Resource[] = [resources.ReplicaSet, resources.Job];
const MOST_REMEMBERED = 1024;

export interface WorkloadEventsOptions {
  readonly client: Pick<ApiClient, 'get'>;
  readonly record: (object: KubeObject, note: EventNote) => void;
}

export class WorkloadEvents {
  readonly #options: WorkloadEventsOptions;
  /** By uid; what is asked for at this moment too, so that a burst asks once. */
  readonly #workloads = new Map<string, Promise<KubeObject>>();

  constructor(options: WorkloadEventsOptions) {
    this.#options = options;
  }

  record(owner: PodOwner, note: EventNote): void {
    void this.#findWorkload(owner).then((workload) => this.#options.record(workload, note));
  }

  async #findWorkload(owner: PodOwner): Promise<KubeObject> {
    const { uid } = owner.reference;
    const known = this.#workloads.get(uid);
    if (known !== undefined) return await known;
    const found = this.#askForWorkload(owner);
    this.#workloads.set(uid, found);
    if (this.#workloads.size > MOST_REMEMBERED) this.#workloads.delete(this.#workloads.keys().next().value ?? '');
    return await found;
  }

  async #askForWorkload({ namespace, reference }: PodOwner): Promise<KubeObject> {
    const resource = INTERMEDIATE.find(({ kind }) => kind === reference.kind);
    const self = asObject({ namespace, reference });
    if (resource === undefined || apiVersionOf(resource) !== reference.apiVersion) return self;
    try {
      const { metadata } = await this.#options.client.get(resource, { namespace, name: reference.name });
      const above = metadata?.ownerReferences?.find(({ controller }) => controller === true);
      return above === undefined ? self : asObject({ namespace, reference: above });
    } catch {
      // Ask again the next time.
      this.#workloads.delete(reference.uid);
      return self;
    }
  }
}

function asObject({ namespace, reference: { apiVersion, kind, name, uid } }: PodOwner): KubeObject {
  return { apiVersion, kind, metadata: { namespace, name, uid } };
}
