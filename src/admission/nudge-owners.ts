// Makes controllers try again now, rather than after their back-off. A changed annotation makes each of them look at its object at
// once. One rule: it is written through the status subresource, so that the operator needs no right to change a workload.
import { OWN_ANNOTATION } from '../api/names.ts';
import { describeError } from '../errors.ts';
import type { ApiClient } from '../kube/api-client.ts';
import { isNotFound } from '../kube/api-error.ts';
import type { Logger } from '../kube/logger.ts';
import { apiVersionOf, resources } from '../kube/resources.ts';
import type { Resource } from '../kube/resources.ts';
import type { PodOwner } from './mutate-pod.ts';

export const NUDGED_ANNOTATION = OWN_ANNOTATION.nudged;

/** Controllers that back off. Anything else that makes pods is left to itself. */
export const NUDGEABLE: readonly Resource[] = [resources.ReplicaSet, resources.StatefulSet, resources.DaemonSet, resources.Job];

export interface Nudging {
  readonly client: Pick<ApiClient, 'mergePatch'>;
  readonly log: Logger;
  readonly now: () => number;
}

/** Never rejects: an owner that cannot be nudged tries again by itself. */
export async function nudgeOwners(nudging: Nudging, owners: readonly PodOwner[]): Promise<void> {
  await Promise.all(owners.map(async (owner) => await nudge(nudging, owner)));
}

async function nudge({ client, log, now }: Nudging, { namespace, reference }: PodOwner): Promise<void> {
  const { apiVersion, kind, name, uid } = reference;
  const resource = NUDGEABLE.find((each) => each.kind === kind && apiVersionOf(each) === apiVersion);
  if (resource === undefined) return;
  // With its uid the patch fails for a successor of the same name, which needs no nudge.
  const patch = { metadata: { uid, annotations: { [NUDGED_ANNOTATION]: new Date(now()).toISOString() } } };
  try {
    await client.mergePatch(resource, { namespace, name }, patch, { subresource: 'status' });
    log.info({ namespace, kind, name }, 'owner nudged');
  } catch (error) {
    if (!isNotFound(error)) log.warn({ namespace, kind, name, error: describeError(error) }, 'owner not nudged');
  }
}
