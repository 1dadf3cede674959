// Which review is whose. What no rule of ours asks for is left as it is.
import { judgeDebugging } from './judge-debugging.ts';
import { mutatePod } from './mutate-pod.ts';
import type { PodMutation } from './mutate-pod.ts';
import { mutateWorkload } from './mutate-workload.ts';
import type { Mutate } from './review-handler.ts';

const WORKLOADS = new Set(['apps/Deployment', 'apps/StatefulSet', 'apps/DaemonSet', 'batch/CronJob', 'batch/Job']);

export function createMutate(mutation: PodMutation): Mutate {
  return (request) => {
    const { group, kind } = request.kind;
    if (group === '' && kind === 'Pod') return request.subResource === 'ephemeralcontainers' ? judgeDebugging(request) : mutatePod(mutation, request);
    if (WORKLOADS.has(`${group}/${kind}`)) return mutateWorkload(mutation, request);
    return { outcome: 'unchanged', reasons: [], allowed: true };
  };
}
