// A pod's review: look up, decide, inject. One rule: a pod that asked for a sidecar is answered with one or refused with every
// reason; where the cluster cannot be asked the review fails, and the pod's controller tries again.
import type { Engine } from '../api/tenant-certificate.ts';
import { decideInjection, requestedCertificate } from '../injection/decide-injection.ts';
import type { Injection, InjectionContext } from '../injection/decide-injection.ts';
import { describeReport, reasonsOf, warningsOf } from '../injection/describe-report.ts';
import { injectSidecar } from '../injection/inject-sidecar.ts';
import { createJsonPatch } from '../injection/json-patch.ts';
import type { Pod } from '../injection/pod.ts';
import { reportInjection } from '../injection/report.ts';
import type { ObjectReference, Report } from '../injection/report.ts';
import { readSettings } from '../injection/settings.ts';
import type { EventNote } from '../kube/event-series.ts';
import type { Lookups } from './lookup.ts';
import type { AdmissionRequest, Verdict } from './review.ts';

/** How every refusal begins; the self-test knows its own webhook by it. */
export const REFUSED = 'no TLS sidecar can be injected';

/** Who made a pod, and will make it again. */
export interface PodOwner {
  readonly namespace: string;
  readonly reference: ObjectReference;
}

/** What a decision about a pod depends on, besides the pod. */
export interface InjectionKnowledge extends Lookups {
  readonly images: Readonly<Record<Engine, string>>;
  /** As the API server gives it (`v1.35.4`); undefined while not known. */
  readonly kubernetesVersion: () => string | undefined;
  /** Random. */
  readonly newProbeToken: () => string;
}

export interface PodMutation extends InjectionKnowledge {
  /** Where the API server never calls the webhook: who sends a review about a pod there is somebody else, and leaves nothing behind. */
  readonly excludedNamespaces: readonly string[];
  readonly recordEvent: (owner: PodOwner, note: EventNote) => void;
  /** A certificate that does not exist yet has kept this owner from making a pod. */
  readonly rememberOwner: (certificate: { readonly namespace: string; readonly name: string }, owner: PodOwner) => void;
}

export async function mutatePod(mutation: PodMutation, request: AdmissionRequest): Promise<Verdict> {
  if (request.operation !== 'CREATE' || request.object === undefined) return { outcome: 'unchanged', reasons: [], allowed: true };
  const pod = request.object as Pod;
  const injection = await decideFor(mutation, pod, request.namespace);
  const report = reportInjection(pod, request.namespace, injection);
  switch (injection.outcome) {
    case 'inject':
      return { outcome: 'mutated', reasons: [], report, allowed: true, patch: createJsonPatch(pod, injectSidecar(pod, injection.sidecar)) };
    case 'skip':
      return leaveAlone(report);
    case 'refuse':
      if (!request.dryRun && !mutation.excludedNamespaces.includes(request.namespace)) tellOwner(mutation, pod, report);
      return { outcome: 'refused', reasons: reasonsOf(report), report, allowed: false, code: 403, message: refusal(report) };
  }
}

/** Looks up what the decision needs: nothing for a pod that has not opted in. */
export async function decideFor(knowledge: InjectionKnowledge, pod: Pod, namespace: string): Promise<Injection> {
  const { images, newProbeToken } = knowledge;
  const context: InjectionContext = { namespace: { name: namespace }, certificate: undefined, images, kubernetesVersion: knowledge.kubernetesVersion(), newProbeToken };
  if (requestedCertificate(pod) === undefined) return decideInjection(pod, context);
  const labels = (await knowledge.namespace(namespace))?.metadata.labels ?? {};
  // Nothing there may be asked for.
  if (knowledge.isServed?.(namespace) === false) return decideInjection(pod, { ...context, namespace: { name: namespace, labels, isUnserved: true } });
  const { certificate: name } = readSettings(pod).settings;
  const certificate = name === undefined ? undefined : await knowledge.certificate(namespace, name);
  return decideInjection(pod, { ...context, namespace: { name: namespace, labels }, certificate });
}

/** Who asked for a sidecar and does not get one is told so, even if it is what somebody else wanted. */
function leaveAlone(report: Report): Verdict {
  const isSurprising = report.reasons.some(({ reason }) => reason === 'NamespaceOptedOut');
  return { outcome: 'unchanged', reasons: reasonsOf(report), report, allowed: true, warnings: isSurprising ? warningsOf(report, 'no sidecar') : [] };
}

function refusal(report: Report): string {
  return `${REFUSED}: ${describeReport(report)}`;
}

function tellOwner(mutation: PodMutation, pod: Pod, report: Report): void {
  const { namespace, owner: reference, reasons: [first] } = report;
  if (reference === undefined || first === undefined) return;
  const owner = { namespace, reference };
  mutation.recordEvent(owner, { type: 'Warning', reason: first.reason, message: refusal(report) });
  const name = requestedCertificate(pod);
  if (name !== undefined && reasonsOf(report).includes('CertificateNotFound')) mutation.rememberOwner({ namespace, name }, owner);
}
