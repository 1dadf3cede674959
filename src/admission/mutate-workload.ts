// A workload's review: carry our annotations into its pod template, or take them out again. One rule: a workload is never
// refused; what would keep its pods from being injected is a warning, shown to whoever applies it.
import { carryAnnotations, templateOf } from '../injection/carry-annotations.ts';
import type { Workload } from '../injection/carry-annotations.ts';
import { reasonsOf, warningsOf } from '../injection/describe-report.ts';
import { createJsonPatch } from '../injection/json-patch.ts';
import { reportInjection } from '../injection/report.ts';
import { decideFor } from './mutate-pod.ts';
import type { InjectionKnowledge } from './mutate-pod.ts';
import type { AdmissionRequest, Verdict } from './review.ts';

const UNCHANGED: Verdict = { outcome: 'unchanged', reasons: [], allowed: true };

export async function mutateWorkload(knowledge: InjectionKnowledge, request: AdmissionRequest): Promise<Verdict> {
  const { operation, object, oldObject } = request;
  if (object === undefined || (operation !== 'CREATE' && operation !== 'UPDATE') || object.metadata?.deletionTimestamp !== undefined) return UNCHANGED;
  // The object's own kind, not the request's: they differ where a rule matched by equivalence.
  const workload = object as Workload;
  const carried = carryAnnotations(workload, oldObject as Workload | undefined);
  if (carried === workload) return UNCHANGED;
  const { warnings, reasons } = await foresee(knowledge, carried, request.namespace);
  return { outcome: 'mutated', reasons, allowed: true, patch: createJsonPatch(workload, carried), warnings };
}

/** What will become of the pods. Only a forecast: where the cluster cannot be asked there is none. */
async function foresee(knowledge: InjectionKnowledge, workload: Workload, namespace: string): Promise<{ warnings: string[]; reasons: string[] }> {
  const template = templateOf(workload);
  if (template === undefined) return { warnings: [], reasons: [] };
  try {
    const report = reportInjection(template, namespace, await decideFor(knowledge, template, namespace));
    const isWanted = report.reasons.some(({ reason }) => reason === 'NotOptedIn' || reason === 'OptedOut');
    return isWanted ? { warnings: [], reasons: [] } : { warnings: warningsOf(report, 'its pods will get no sidecar'), reasons: reasonsOf(report) };
  } catch {
    return { warnings: [], reasons: [] };
  }
}
