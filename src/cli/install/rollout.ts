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
  /** Why pods do not start, by its reason. */
  readonly stuck: ReadonlyMap<string, string>;
}

/** Pure. Done when every replica is ready and of the current template, and no other is left. */
export function describeRollout({ metadata, spec: { replicas: wanted = 1 }, status = {} }: Deployment, pods: readonly Pod[]): Rollout {
  const stuck = new Map(pods.flatMap(whyPending));
  if ((status.observedGeneration ?? 0) < (metadata?.generation ?? 0)) return { state: 'going', text: 'waiting for the Deployment to be noticed', stuck };
  const [all, updated, ready] = [status.replicas, status.updatedReplicas, status.readyReplicas].map((count = 0) => count);
  if ([all, updated, ready].every((count) => count === wanted)) return { state: 'done', text: `${wanted} of ${wanted} replicas ready`, stuck };
  return { state: 'going', text: [`${ready} of ${wanted} replicas ready, ${updated} of the new version`, ...[...stuck.keys()].sort()].join('; '), stuck };
}

const MESSAGE_LENGTH = 200;
/** Every pod passes through these. */
const ORDINARY: ReadonlySet<string> = new Set(['ContainerCreating', 'PodInitializing']);

/** Messages come from the cluster: what could steer a terminal is taken out. */
function whyPending({ status = {} }: Pod): [reason: string, message: string][] {
  const unscheduled = (status.conditions ?? []).filter(({ type, status: value }) => type === 'PodScheduled' && value === 'False');
  const waiting = (status.containerStatuses ?? []).flatMap(({ state }) => (state?.waiting === undefined ? [] : [state.waiting]));
  return [...unscheduled, ...waiting]
    .filter(({ reason = '' }) => /^\w+$/.test(reason) && !ORDINARY.has(reason))
    .map(({ reason = '', message = '' }) => [reason, message.slice(0, MESSAGE_LENGTH).replaceAll(/\p{C}+/gu, ' ')]);
}

const INTERVAL_MS = 1000;

export interface Wait {
  readonly timeoutMs: number;
  readonly say: (line: string) => void;
}

/** Resolves when it is done; throws with the last state when the time is over. Says each state when it begins, and each reason once. */
export async function waitForRollout(client: Pick<ApiClient, 'get' | 'list'>, { timeoutMs, say }: Wait): Promise<void> {
  const signal = AbortSignal.timeout(timeoutMs);
  const told = new Set<string>();
  let last = '';
  for (;;) {
    const { state, text, stuck } = await readRollout(client);
    if (text !== last) say(`operator: ${text}\n`);
    for (const [reason, message] of stuck) if (!told.has(reason)) say(`  ${reason}: ${message}\n`);
    for (const reason of stuck.keys()) told.add(reason);
    last = text;
    if (state === 'done') return;
    if (signal.aborted) throw new Error(`the operator did not become ready within ${timeoutMs / 1000} s (${text}); see kubectl -n ${SYSTEM_NAMESPACE} describe pods`);
    await sleep(INTERVAL_MS);
  }
}

async function readRollout(client: Pick<ApiClient, 'get' | 'list'>): Promise<Rollout> {
  const deployment = await client.get<Deployment>(resources.Deployment, { namespace: SYSTEM_NAMESPACE, name: OPERATOR });
  const { items } = await client.list<Pod>(resources.Pod, { namespace: SYSTEM_NAMESPACE, labelSelector: `app.kubernetes.io/name=${OPERATOR}` });
  return describeRollout(deployment, items);
}
