// What was decided about one pod, and why, as one value that is printed in many places, so that they cannot disagree.
import type { Injection } from './decide-injection.ts';
import type { Pod } from './pod.ts';
import type { Finding } from './reasons.ts';

export const DECISIONS = ['injected', 'skipped', 'refused'] as const;

export interface ObjectReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
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
