// What was decided about one pod, and why, as one value: the warnings of the AdmissionReview, the log line, the metric's label,
// the Event on the owner and `explain` are all made from it, so that they cannot disagree.
import type { Injection } from './decide-injection.ts';
import type { Pod } from './pod.ts';
import type { Finding, InjectionReason } from './reasons.ts';

export const DECISIONS = ['injected', 'skipped', 'refused'] as const;

export interface ObjectReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid?: string;
}

export interface Report {
  readonly namespace: string;
  /** The pod's name, or what it will begin with. */
  readonly pod: string;
  /** The controller, if the pod has one: where an Event reaches the people who look after it. */
  readonly owner?: ObjectReference;
  readonly decision: (typeof DECISIONS)[number];
  readonly certificate?: string;
  readonly engine?: string;
  readonly reasons: readonly Finding[];
}

const DECISION: Readonly<Record<Injection['outcome'], Report['decision']>> = { inject: 'injected', skip: 'skipped', refuse: 'refused' };

export function reportInjection(pod: Pod, namespace: string, injection: Injection): Report {
  const { name, generateName } = pod.metadata ?? {};
  const owner = pod.metadata?.ownerReferences?.find(({ controller }) => controller === true);
  return {
    namespace,
    pod: name ?? generateName ?? '',
    ...(owner === undefined ? {} : { owner: { apiVersion: owner.apiVersion, kind: owner.kind, name: owner.name, uid: owner.uid } }),
    decision: DECISION[injection.outcome],
    ...(injection.outcome === 'inject' ? { certificate: injection.sidecar.certificate, engine: injection.sidecar.engine, reasons: [] } : { reasons: injection.reasons }),
  };
}

/** Warnings of an AdmissionReview: one for each reason, at most 256 characters, which is as much as the API server passes on in any case. */
export function reportWarnings({ decision, reasons }: Report): string[] {
  return decision === 'skipped' && reasons.every(({ reason }) => reason === 'NotOptedIn') ? [] : reasons.map((each) => shorten(`tenant-mtls: ${sentence(each)}`, 256));
}

/** Why a pod is refused, for `status.message` of the response. */
export function refusalMessage({ reasons }: Report): string {
  return shorten(`no TLS sidecar can be injected: ${reasons.map(sentence).join('; ')}`, 2048);
}

/** Fields of the log line; the message is constant. */
export function reportLogFields({ namespace, pod, owner, decision, certificate, engine, reasons }: Report) {
  return {
    namespace, pod, decision, certificate, engine,
    ...(owner === undefined ? {} : { owner: `${owner.kind}/${owner.name}` }),
    ...(reasons.length === 0 ? {} : { reasons: reasons.map(({ reason }) => reason), messages: reasons.map(({ message }) => message) }),
  };
}

/** Labels of the metric, one set for each reason; `None` for an injected pod. */
export function reportMetricLabels({ decision, reasons }: Report): { decision: Report['decision']; reason: InjectionReason | 'None' }[] {
  const named = [...new Set(reasons.map(({ reason }) => reason))];
  return named.length === 0 ? [{ decision, reason: 'None' }] : named.map((reason) => ({ decision, reason }));
}

/** The Event on the owner; none for pods that are injected or did not ask. */
export function reportEvent(report: Report): { type: 'Warning'; reason: 'InjectionRefused'; message: string } | undefined {
  return report.decision === 'refused' ? { type: 'Warning', reason: 'InjectionRefused', message: shorten(refusalMessage(report), 1024) } : undefined;
}

/** Nothing but the TenantCertificate is missing: once it exists, the owner's next attempt succeeds. */
export function isWaitingForCertificate({ decision, reasons }: Report): boolean {
  return decision === 'refused' && reasons.every(({ reason }) => reason === 'CertificateNotFound');
}

function sentence({ reason, message, remedy }: Finding): string {
  return `${reason}: ${message} (${remedy})`;
}

function shorten(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length - 3)}...` : text;
}
