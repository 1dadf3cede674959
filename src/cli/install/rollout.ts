// How far the operator's Deployment has got, told as it goes.
import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiClient } from '../../kube/api-client.ts';
import type { KubeObject } from '../../kube/object.ts';
import { resources } from '../../kube/resources.ts';
import { OPERATOR, SYSTEM_NAMESPACE } from './customize-manifests.ts';

export type Deployment = KubeObject & {
  readonly spec: { readonly replicas?: number };
  readonly status?: { readonly observedGeneration?: number; readonly replicas?: number; readonly updatedReplicas?: number; readonly readyReplicas?: number };
};

export type Pod = KubeObject & {
  readonly status?: {
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly reason?: string; readonly message?: string }[];
    readonly containerStatuses?: readonly { readonly state?: { readonly waiting?: { readonly reason?: string; readonly message?: string } } }[];
  };
};

export interface Rollout {
  readonly state: 'done' | 'going';
  readonly text: string;
}

/** Pure. Done when every replica is ready and of the current template, and no other is left. */
export function describeRollout({ metadata, spec: { replicas: wanted = 1 }, status = {} }: Deployment, pods: readonly Pod[]): Rollout {
  if ((status.observedGeneration ?? 0) < (metadata?.generation ?? 0)) return { state: 'going', text: 'waiting for the Deployment to be noticed' };
  const [all, updated, ready] = [status.replicas, status.updatedReplicas, status.readyReplicas].map((count = 0) => count);
  if ([all, updated, ready].every((count) => count === wanted)) return { state: 'done', text: `${wanted} of ${wanted} replicas ready` };
  const stuck = [...new Set(pods.flatMap(whyPending))].sort();
  const text = [`${ready} of ${wanted} replicas ready, ${updated} of the new version`, ...stuck].join('; ');
  return { state: 'going', text: text.replaceAll(/\p{C}+/gu, ' ') };
}

const MESSAGE_LENGTH = 200;
/** Every pod passes through these. */
const ORDINARY: ReadonlySet<string> = new Set(['ContainerCreating', 'PodInitializing']);

function whyPending({ status = {} }: Pod): string[] {
  const unscheduled = (status.conditions ?? []).filter(({ type, status: value }) => type === 'PodScheduled' && value === 'False');
  const waiting = (status.containerStatuses ?? []).flatMap(({ state }) => (state?.waiting === undefined ? [] : [state.waiting]));
  return [...unscheduled, ...waiting]
    .filter(({ reason = '' }) => reason !== '' && !ORDINARY.has(reason))
    .map(({ reason, message }) => (message === undefined ? `${reason}` : `${reason}: ${message.slice(0, MESSAGE_LENGTH)}`));
}

const INTERVAL_MS = 1000;

/** Resolves when it is done; throws with the last state when the time is over. */
export async function waitForRollout(client: Pick<ApiClient, 'get' | 'list'>, { timeoutMs, say }: { readonly timeoutMs: number; readonly say: (line: string) => void }): Promise<void> {
  const signal = AbortSignal.timeout(timeoutMs);
  let told = '';
  for (;;) {
    const deployment = await client.get<Deployment>(resources.Deployment, { namespace: SYSTEM_NAMESPACE, name: OPERATOR });
    const { items } = await client.list<Pod>(resources.Pod, { namespace: SYSTEM_NAMESPACE, labelSelector: `app.kubernetes.io/name=${OPERATOR}` });
    const { state, text } = describeRollout(deployment, items);
    if (text !== told) say(`operator: ${text}\n`);
    told = text;
    if (state === 'done') return;
    if (signal.aborted) throw new Error(`the operator did not become ready within ${timeoutMs / 1000} s (${text}); see kubectl -n ${SYSTEM_NAMESPACE} describe pods`);
    await sleep(INTERVAL_MS);
  }
}
