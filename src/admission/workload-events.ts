// Events about a pod's owner, where people look for them: on the Deployment rather than on the ReplicaSet it has made. Whoever reaches
// the port can send a review. So one rule: an Event is written only about an owner that was found in the cluster with the uid that the
// review names, and only so many are written whatever is sent. Nothing waits for it and nothing fails by it.
import type { ApiClient } from '../kube/api-client.ts';
import type { EventNote } from '../kube/event-series.ts';
import type { KubeObject } from '../kube/object.ts';
import { apiVersionOf, resources } from '../kube/resources.ts';
import type { Resource } from '../kube/resources.ts';
import type { PodOwner } from './mutate-pod.ts';
import { RateLimit } from './rate-limit.ts';

/** What can be looked up. Owners of other kinds learn it from the log of whatever made the pod: the API server tells that, too. */
const OWNERS: readonly Resource[] = [resources.ReplicaSet, resources.StatefulSet, resources.DaemonSet, resources.Job];
const MOST_REMEMBERED = 1024;
/** Far more than a cluster of well-meant workloads needs, and no burden for an API server. */
const RATE = { burst: 200, perSecond: 10 };

export interface WorkloadEventsOptions {
  readonly client: Pick<ApiClient, 'get'>;
  readonly record: (object: KubeObject, note: EventNote) => void;
  readonly monotonic: () => number;
}

export class WorkloadEvents {
  readonly #options: WorkloadEventsOptions;
  readonly #limit: RateLimit;
  /** By uid; what is asked for at this moment too, so that a burst asks once. */
  readonly #workloads = new Map<string, Promise<KubeObject | undefined>>();

  constructor(options: WorkloadEventsOptions) {
    this.#options = options;
    this.#limit = new RateLimit(RATE, options.monotonic);
  }

  record(owner: PodOwner, note: EventNote): void {
    if (this.#limit.take()) void this.#recordIfReal(owner, note);
  }

  async #recordIfReal(owner: PodOwner, note: EventNote): Promise<void> {
    const workload = await this.#findWorkload(owner);
    if (workload !== undefined) this.#options.record(workload, note);
  }

  async #findWorkload(owner: PodOwner): Promise<KubeObject | undefined> {
    const key = JSON.stringify(owner);
    const known = this.#workloads.get(key);
    if (known !== undefined) return await known;
    const found = this.#askForWorkload(owner);
    this.#workloads.set(key, found);
    if (this.#workloads.size > MOST_REMEMBERED) this.#workloads.delete(this.#workloads.keys().next().value ?? '');
    const workload = await found;
    // Ask again the next time.
    if (workload === undefined) this.#workloads.delete(key);
    return workload;
  }

  async #askForWorkload({ namespace, reference: { apiVersion, kind, name, uid } }: PodOwner): Promise<KubeObject | undefined> {
    const resource = OWNERS.find((each) => each.kind === kind && apiVersionOf(each) === apiVersion);
    if (resource === undefined) return undefined;
    try {
      const { metadata } = await this.#options.client.get(resource, { namespace, name });
      if (metadata?.uid !== uid) return undefined;
      const above = metadata.ownerReferences?.find(({ controller }) => controller === true);
      return above === undefined ? asObject(namespace, { apiVersion, kind, name, uid }) : asObject(namespace, above);
    } catch {
      return undefined;
    }
  }
}

function asObject(namespace: string, { apiVersion, kind, name, uid }: PodOwner['reference']): KubeObject {
  return { apiVersion, kind, metadata: { namespace, name, uid } };
}
