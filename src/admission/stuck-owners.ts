// Controllers that ask for sidecars and have fewer pods than they should: after the webhook was away, or was restarted and has forgotten
// whom it refused, they sit out a back-off of up to 16 minutes. One rule: whatever is found is only nudged, so a wrong guess costs nothing.
import { ANNOTATION } from '../api/names.ts';
import { describeError } from '../errors.ts';
import { templateOf } from '../injection/carry-annotations.ts';
import { annotationsOf } from '../injection/pod.ts';
import type { ApiClient } from '../kube/api-client.ts';
import type { KubeObject } from '../kube/object.ts';
import { apiVersionOf } from '../kube/resources.ts';
import type { Resource } from '../kube/resources.ts';
import type { PodOwner } from './mutate-pod.ts';
import { NUDGEABLE, nudgeOwners } from './nudge-owners.ts';
import type { Nudging } from './nudge-owners.ts';

export type Controller = KubeObject & {
  readonly spec?: { readonly replicas?: number; readonly suspend?: boolean };
  readonly status?: {
    readonly replicas?: number;
    readonly currentNumberScheduled?: number;
    readonly desiredNumberScheduled?: number;
    readonly active?: number;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
};

export interface StuckSearch extends Nudging {
  readonly client: Nudging['client'] & Pick<ApiClient, 'pages'>;
  /** Empty: all. */
  readonly namespaces: readonly string[];
}

/** Never rejects: controllers try again by themselves. */
export async function nudgeStuckOwners(search: StuckSearch): Promise<void> {
  const namespaces = search.namespaces.length === 0 ? [undefined] : search.namespaces;
  for (const resource of NUDGEABLE) {
    for (const namespace of namespaces) await nudgeIn(search, resource, namespace);
  }
}

async function nudgeIn(search: StuckSearch, resource: Resource, namespace: string | undefined): Promise<void> {
  try {
    for await (const { items } of search.client.pages<Controller>(resource, { namespace })) {
      const stuck = items.filter((item) => isStuck(resource.kind, item));
      await nudgeOwners(search, stuck.map((item) => ownerOf(resource, item)));
    }
  } catch (error) {
    search.log.warn({ kind: resource.kind, namespace, error: describeError(error) }, 'owners without pods not looked for');
  }
}

export function isStuck(kind: string, controller: Controller): boolean {
  const template = templateOf({ ...controller, kind: kind === 'ReplicaSet' ? 'Deployment' : kind });
  const annotations = template === undefined ? {} : annotationsOf(template);
  if (annotations[ANNOTATION.certificate] === undefined || annotations[ANNOTATION.inject] === 'false' || controller.metadata?.deletionTimestamp !== undefined) return false;
  return LACKS_PODS[kind]?.(controller) ?? false;
}

const LACKS_PODS: Readonly<Record<string, (controller: Controller) => boolean>> = {
  ReplicaSet: lacksReplicas,
  StatefulSet: lacksReplicas,
  DaemonSet: ({ status }) => (status?.currentNumberScheduled ?? 0) < (status?.desiredNumberScheduled ?? 0),
  Job: ({ spec, status }) => spec?.suspend !== true && (status?.active ?? 0) === 0 && !(status?.conditions ?? []).some(({ type, status: value }) => (type === 'Complete' || type === 'Failed') && value === 'True'),
};

function lacksReplicas({ spec, status }: Controller): boolean {
  return (status?.replicas ?? 0) < (spec?.replicas ?? 1);
}

function ownerOf(resource: Resource, { metadata = {} }: Controller): PodOwner {
  const { namespace = '', name = '', uid = '' } = metadata;
  return { namespace, reference: { apiVersion: apiVersionOf(resource), kind: resource.kind, name, uid } };
}
