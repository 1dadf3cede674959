// Which review is whose. What no rule of ours asks for is left as it is.
import { templateOf } from '../injection/carry-annotations.ts';
import { warnOfUnknown } from '../injection/unknown-annotations.ts';
import { judgeDebugging } from './judge-debugging.ts';
import { mutatePod } from './mutate-pod.ts';
import type { PodMutation } from './mutate-pod.ts';
import { mutateWorkload } from './mutate-workload.ts';
import type { AdmissionRequest, Verdict } from './review.ts';
import type { Mutate } from './review-handler.ts';

const WORKLOADS = new Set(['apps/Deployment', 'apps/StatefulSet', 'apps/DaemonSet', 'batch/CronJob', 'batch/Job']);

export function createMutate(mutation: PodMutation): Mutate {
  return async (request) => {
    const { group, kind } = request.kind;
    if (group === '' && kind === 'Pod') return request.subResource === 'ephemeralcontainers' ? judgeDebugging(request) : withAdvice(request, await mutatePod(mutation, request));
    if (WORKLOADS.has(`${group}/${kind}`)) return withAdvice(request, await mutateWorkload(mutation, request));
    return { outcome: 'unchanged', reasons: [], allowed: true };
  };
}

/** For people only: what a controller makes, it makes from what they were told about. */
function withAdvice({ object }: AdmissionRequest, verdict: Verdict): Verdict {
  if (object === undefined || object.metadata?.ownerReferences?.some(({ controller }) => controller === true)) return verdict;
  const advice = warnOfUnknown([object, templateOf(object) ?? {}]);
  return advice.length === 0 ? verdict : { ...verdict, warnings: [...(verdict.warnings ?? []), ...advice] };
}
