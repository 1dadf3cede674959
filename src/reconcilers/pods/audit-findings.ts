// What the webhook has missed (it was away, or the object is older than it), and the sentences for it. Pure. Told by the containers of
// a pod, never by an annotation that says it has been injected.
import { CONDITION } from '../../api/conditions.ts';
import { ANNOTATION, OWN_ANNOTATION } from '../../api/names.ts';
import { carryAnnotations } from '../../injection/carry-annotations.ts';
import type { Workload } from '../../injection/carry-annotations.ts';
import type { Injection } from '../../injection/decide-injection.ts';
import { sidecarTemplateHash } from '../../injection/inject-sidecar.ts';
import { findOurContainer } from '../../injection/own-parts.ts';
import { annotationsOf } from '../../injection/pod.ts';
import type { Pod } from '../../injection/pod.ts';
import type { EventNote } from '../../kube/event-series.ts';
import type { KubeObject } from '../../kube/object.ts';
import type { Said } from './pod-conditions.ts';

/** The gravest first. */
export const MISSED_REASONS = ['NotInjected', 'NotCarried', 'SidecarOutdated'] as const;
export const AUDITED_KINDS = ['Pod', 'Deployment', 'StatefulSet', 'DaemonSet', 'CronJob'] as const;

export type MissedReason = (typeof MISSED_REASONS)[number];
export type AuditedKind = (typeof AUDITED_KINDS)[number];

export interface Missed {
  readonly kind: AuditedKind;
  readonly reason: MissedReason;
  readonly object: KubeObject;
  /** As the annotation says it: a key to look up, nothing more. */
  readonly certificate: string;
}

type LivePod = Pod & KubeObject & { readonly status?: { readonly phase?: string } };

/** The webhook is asked about this object at all: it has opted in, and nobody has opted out. */
export function asksForSidecar(object: KubeObject, namespaceLabels: Readonly<Record<string, string>>): boolean {
  const { annotations = {}, deletionTimestamp } = object.metadata ?? {};
  return (
    deletionTimestamp === undefined &&
    annotations[ANNOTATION.certificate] !== undefined &&
    annotations[ANNOTATION.inject] !== 'false' &&
    namespaceLabels[ANNOTATION.inject] !== 'false'
  );
}

/** A pod that runs without the sidecar it asks for. */
export function judgeBarePod(pod: LivePod): Missed | undefined {
  const isRunning = pod.status?.phase === 'Running' || pod.status?.phase === 'Pending';
  return isRunning && findOurContainer(pod) === undefined ? missed('Pod', 'NotInjected', pod) : undefined;
}

/** A workload whose annotations are not in its template. */
export function judgeWorkload(kind: AuditedKind, workload: Workload & KubeObject): Missed | undefined {
  // An object of a list does not say its kind.
  const named = { ...workload, kind };
  return carryAnnotations(named) === named ? undefined : missed(kind, 'NotCarried', workload);
}

/** A sidecar that is not what would be injected today. One that could not be injected any more is left to its certificate's status. */
export function judgeSidecar(pod: LivePod, injection: Injection): Missed | undefined {
  if (injection.outcome !== 'inject' || findOurContainer(pod) === undefined) return undefined;
  const isCurrent = annotationsOf(pod)[OWN_ANNOTATION.templateHash] === sidecarTemplateHash(injection.sidecar);
  return isCurrent ? undefined : missed('Pod', 'SidecarOutdated', pod);
}

function missed(kind: AuditedKind, reason: MissedReason, object: KubeObject): Missed {
  const { name = '', namespace = '', uid = '' } = object.metadata ?? {};
  const apiVersion = kind === 'Pod' ? 'v1' : kind === 'CronJob' ? 'batch/v1' : 'apps/v1';
  return { kind, reason, object: { apiVersion, kind, metadata: { name, namespace, uid } }, certificate: object.metadata?.annotations?.[ANNOTATION.certificate] ?? '' };
}

const FOUND: Readonly<Record<MissedReason, string>> = {
  NotInjected: 'without the TLS sidecar that was asked for, because the webhook was not there: to be restarted',
  NotCarried: 'with annotations of tenant-mtls.dev that are not in the pod template, because the webhook was not there: to be applied again',
  SidecarOutdated: 'not with the sidecar that would be injected now: to be restarted when convenient',
};

export function missedNote({ reason }: Missed): EventNote {
  return { type: reason === 'SidecarOutdated' ? 'Normal' : 'Warning', reason, message: FOUND[reason] };
}

const MOST_NAMED = 3;

/** What is said of the certificate that they name; undefined when nothing was missed. */
export function missedCondition(found: readonly Missed[]): Said | undefined {
  const reasons = MISSED_REASONS.filter((wanted) => found.some(({ reason }) => reason === wanted));
  const [gravest] = reasons;
  if (gravest === undefined) return undefined;
  const message = reasons.map((reason) => sentence(reason, found.filter((each) => each.reason === reason))).join('. ');
  return { type: CONDITION.podsMissed, status: 'True', reason: gravest, message };
}

function sentence(reason: MissedReason, found: readonly Missed[]): string {
  const names = found.map(({ kind, object }) => `${kind} ${object.metadata?.name ?? ''}`).sort();
  const others = names.length > MOST_NAMED ? ` and ${names.length - MOST_NAMED} more` : '';
  return `${names.slice(0, MOST_NAMED).join(', ')}${others} ${FOUND[reason]}`;
}
