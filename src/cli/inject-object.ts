// Injects into one object of a manifest as the webhook would: a Pod itself, the template of a workload after its annotations were carried,
// the items of a List. Objects of other kinds are not looked at.
import { auditPod } from '../injection/audit-pod.ts';
import type { SidecarState } from '../injection/audit-pod.ts';
import { carryAnnotations, takeOutAnnotations, templateOf, withTemplate } from '../injection/carry-annotations.ts';
import type { Injection } from '../injection/decide-injection.ts';
import { injectSidecar } from '../injection/inject-sidecar.ts';
import type { Pod } from '../injection/pod.ts';
import { reportInjection } from '../injection/report.ts';
import type { Report } from '../injection/report.ts';
import { uninject } from '../injection/uninject.ts';
import type { ManifestObject } from './manifest-files.ts';

/** What is decided about a pod or template that would run in `namespace`. */
export type Decide = (pod: Pod, namespace: string) => Promise<Injection>;

export interface ObjectReport extends Report {
  readonly kind: string;
  readonly name: string;
  /** What the object has now. */
  readonly sidecar: SidecarState;
}

export interface InjectedObject {
  /** The same object if nothing is to be changed. */
  readonly object: ManifestObject;
  readonly reports: readonly ObjectReport[];
}

export async function injectObject(object: ManifestObject, decide: Decide, defaultNamespace: string): Promise<InjectedObject> {
  const { items } = object;
  if (items !== undefined) return await injectList(object, items, (item) => injectObject(item, decide, defaultNamespace));
  const carrier = podCarrier(object.kind === 'Pod' ? object : carryAnnotations(object));
  if (carrier === undefined) return { object, reports: [] };
  const { kind = '', metadata: { name = '', namespace = defaultNamespace } = {} } = object;
  const injection = await decide(carrier.pod, namespace);
  const report = { ...reportInjection(carrier.pod, namespace, injection), kind, name, sidecar: auditObject(kind, carrier.pod, injection) };
  return { object: injection.outcome === 'inject' ? carrier.withPod(injectSidecar(carrier.pod, injection.sidecar)) : object, reports: [report] };
}

/** A template without a sidecar misses none: its pods get theirs from the webhook. */
function auditObject(kind: string, pod: Pod, injection: Injection): SidecarState {
  const state = auditPod(pod, injection);
  return kind !== 'Pod' && state === 'Missing' ? 'None' : state;
}

/** The inverse; the same object if nothing is to be changed. */
export function uninjectObject(object: ManifestObject): ManifestObject {
  if (object.items !== undefined) return withItems(object, object.items.map(uninjectObject));
  const carrier = podCarrier(object);
  if (carrier === undefined) return object;
  const bare = uninject(carrier.pod);
  const uninjected = bare === carrier.pod ? object : carrier.withPod(bare);
  return object.kind === 'Pod' ? uninjected : takeOutAnnotations(uninjected);
}

interface PodCarrier {
  readonly pod: Pod;
  readonly withPod: (pod: Pod) => ManifestObject;
}

/** A pod itself, or the workload around a template; undefined for what has no pods. */
function podCarrier(object: ManifestObject): PodCarrier | undefined {
  if (object.kind === 'Pod') return { pod: object, withPod: (pod) => pod as ManifestObject };
  const template = templateOf(object);
  return template === undefined ? undefined : { pod: template, withPod: (pod) => withTemplate(object, pod) };
}

async function injectList(list: ManifestObject, items: readonly ManifestObject[], inject: (item: ManifestObject) => Promise<InjectedObject>): Promise<InjectedObject> {
  const injected: InjectedObject[] = [];
  for (const item of items) injected.push(await inject(item));
  return { object: withItems(list, injected.map(({ object }) => object)), reports: injected.flatMap(({ reports }) => reports) };
}

function withItems(list: ManifestObject, items: readonly ManifestObject[]): ManifestObject {
  return items.every((item, index) => item === list.items?.[index]) ? list : { ...list, items };
}
