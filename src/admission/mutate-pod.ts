// A pod's review: look up, decide, inject. One rule: a pod that asked for a sidecar is answered with one or refused with every
// reason; where the cluster cannot be asked the review fails, and the pod's controller tries again.
import type { Engine } from '../api/tenant-certificate.ts';
import { decideInjection, requestedCertificate } from '../injection/decide-injection.ts';
import type { Injection, InjectionContext } from '../injection/decide-injection.ts';
import { injectSidecar } from '../injection/inject-sidecar.ts';
import { createJsonPatch } from '../injection/json-patch.ts';
import type { Pod } from '../injection/pod.ts';
import { readSettings } from '../injection/settings.ts';
import type { EventNote } from '../kube/event-series.ts';
import type { OwnerReference } from '../kube/object.ts';
import { describeFinding, describeFindings, reasonsOf } from './describe-findings.ts';
import type { Lookups } from './lookup.ts';
import type { AdmissionRequest, Verdict } from './review.ts';

/** How every refusal begins; the self-test knows its own webhook by it. */
export const REFUSED = 'no TLS sidecar can be injected';

/** Who made a pod, and will make it again. */
export interface PodOwner {
  readonly namespace: string;
  readonly reference: OwnerReference;
}

/** What a decision about a pod depends on, besides the pod. */
export interface InjectionKnowledge extends Lookups {
  readonly images: Readonly<Record<Engine, string>>;
  /** As the API server gives it (`v1.35.4`); undefined while not known. */
  readonly kubernetesVersion: () => string | undefined;
}

export interface PodMutation extends InjectionKnowledge {
  readonly recordEvent: (owner: PodOwner, note: EventNote) => void;
  /** A certificate that does not exist yet has kept this owner from making a pod. */
  readonly rememberOwner: (certificate: { readonly namespace: string; readonly name: string }, owner: PodOwner) => void;
}

export async function mutatePod(mutation: PodMutation, request: AdmissionRequest): Promise<Verdict> {
  if (request.operation !== 'CREATE' || request.object === undefined) return { outcome: 'unchanged', reasons: [], allowed: true };
  const pod = request.object as Pod;
  const injection = await decideFor(mutation, pod, request.namespace);
  switch (injection.outcome) {
    case 'inject':
      return { outcome: 'mutated', reasons: [], allowed: true, patch: createJsonPatch(pod, injectSidecar(pod, injection.sidecar)) };
    case 'skip':
      return leaveAlone(injection.reasons);
    case 'refuse':
      if (!request.dryRun) tellOwner(mutation, request, injection.reasons);
      return refuse(injection.reasons);
  }
}

/** Looks up what the decision needs: nothing for a pod that has not opted in. */
export async function decideFor(knowledge: InjectionKnowledge, pod: Pod, namespace: string): Promise<Injection> {
  const { images } = knowledge;
  const context: InjectionContext = { namespace: { name: namespace }, certificate: undefined, images, kubernetesVersion: knowledge.kubernetesVersion() };
  if (requestedCertificate(pod) === undefined) return decideInjection(pod, context);
  const labels = (await knowledge.namespace(namespace))?.metadata.labels ?? {};
  const { certificate: name } = readSettings(pod).settings;
  const certificate = name === undefined ? undefined : await knowledge.certificate(namespace, name);
  return decideInjection(pod, { ...context, namespace: { name: namespace, labels }, certificate });
}

/** Who asked for a sidecar and does not get one is told so, even if it is what somebody else wanted. */
function leaveAlone(findings: (Injection & { outcome: 'skip' })['reasons']): Verdict {
  const surprising = findings.filter(({ reason }) => reason === 'NamespaceOptedOut');
  const warnings = surprising.map((finding) => `tenant-mtls: no sidecar: ${describeFinding(finding)}`);
  return { outcome: 'unchanged', reasons: reasonsOf(findings), allowed: true, warnings };
}

function refuse(findings: Refusals): Verdict {
  return { outcome: 'refused', reasons: reasonsOf(findings), allowed: false, code: 403, message: `${REFUSED}: ${describeFindings(findings)}` };
}

type Refusals = (Injection & { outcome: 'refuse' })['reasons'];

function tellOwner(mutation: PodMutation, { namespace, object }: AdmissionRequest, findings: Refusals): void {
  const reference = object?.metadata?.ownerReferences?.find(({ controller }) => controller === true);
  const [first] = findings;
  if (reference === undefined || first === undefined) return;
  const owner = { namespace, reference };
  mutation.recordEvent(owner, { type: 'Warning', reason: first.reason, message: `${REFUSED}: ${describeFindings(findings)}` });
  const name = requestedCertificate(object as Pod);
  if (name !== undefined && findings.some(({ reason }) => reason === 'CertificateNotFound')) mutation.rememberOwner({ namespace, name }, owner);
}
