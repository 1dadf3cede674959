// Carries our annotations from a workload into its pod template, and takes out again what was carried. The template's annotation `carried`
// names the keys that came from the workload: only those are ever changed. The template's own win.
//
//   workload   template   in `carried`   the template then
//   --------------------------------------------------------------
//   has it     absent     any            has it; listed
//   has it     has it     yes            has the workload's value; listed
//   has it     has it     no             keeps its own; not listed
//   absent     has it     yes            loses it; not listed
//   absent     has it     no             keeps its own; not listed
//   absent     absent     any            has none; not listed
//
// Nothing is carried while neither names a certificate: a workload that has not opted in is not rolled out.
import { ANNOTATION, OWN_ANNOTATION } from '../api/names.ts';
import { annotationsOf } from './pod.ts';
import type { Pod, PodMeta } from './pod.ts';

export const CARRIED_KEYS: readonly string[] = Object.values(ANNOTATION).sort();

/** A Deployment, StatefulSet, DaemonSet, CronJob or Job; other kinds are returned as they are. */
export interface Workload {
  readonly kind?: string;
  readonly metadata?: PodMeta | null;
  readonly spec?: object | null;
}

/**
 * The workload with its annotations carried; the same object if there is nothing to do.
 * `oldWorkload` is given on updates: a Job's template cannot be changed then.
 * An object with a controller is never touched: a Deployment copies its annotations to its ReplicaSets, and a template changed there would make ReplicaSets without end.
 */
export function carryAnnotations<W extends Workload>(workload: W, oldWorkload?: Workload): W {
  const isControlled = workload.metadata?.ownerReferences?.some(({ controller }) => controller === true) ?? false;
  if (isControlled || (workload.kind === 'Job' && oldWorkload !== undefined)) return workload;
  const template = templateOf(workload);
  if (template === undefined) return workload;
  const carried = carryInto(template, annotationsOf(workload));
  return carried === template ? workload : withTemplate(workload, carried);
}

/** Takes out what was carried, whatever the workload says now. */
export function takeOutAnnotations<W extends Workload>(workload: W): W {
  const template = templateOf(workload);
  const bare = template === undefined ? undefined : carryInto(template, {});
  return bare === undefined || bare === template ? workload : withTemplate(workload, bare);
}

/** The pod template of a workload; undefined for other kinds. */
export function templateOf(workload: Workload): Pod | undefined {
  const path = TEMPLATE_PATH[workload.kind ?? ''];
  const template = path?.reduce<unknown>((value, key) => (value as Record<string, unknown> | null | undefined)?.[key], workload);
  return typeof template === 'object' && template !== null ? template : undefined;
}

export function withTemplate<W extends Workload>(workload: W, template: Pod): W {
  return replaceAt(workload, TEMPLATE_PATH[workload.kind ?? ''] ?? [], template) as W;
}

const TEMPLATE_PATH: Readonly<Record<string, readonly string[]>> = {
  Deployment: ['spec', 'template'],
  StatefulSet: ['spec', 'template'],
  DaemonSet: ['spec', 'template'],
  Job: ['spec', 'template'],
  CronJob: ['spec', 'jobTemplate', 'spec', 'template'],
};

function replaceAt(value: unknown, [key, ...rest]: readonly string[], leaf: unknown): unknown {
  if (key === undefined) return leaf;
  const object = value as Record<string, unknown>;
  return { ...object, [key]: replaceAt(object[key], rest, leaf) };
}

function carryInto(template: Pod, workload: Readonly<Record<string, string>>): Pod {
  const before = annotationsOf(template);
  const listed = before[OWN_ANNOTATION.carried]?.split(',') ?? [];
  const isOwn = (key: string) => before[key] !== undefined && !listed.includes(key);
  const isOptedIn = workload[ANNOTATION.certificate] !== undefined || isOwn(ANNOTATION.certificate);
  const keys = isOptedIn ? CARRIED_KEYS.filter((key) => workload[key] !== undefined && !isOwn(key)) : [];
  const kept = Object.entries(before).filter(([key]) => key !== OWN_ANNOTATION.carried && !(CARRIED_KEYS.includes(key) && listed.includes(key)));
  const after = { ...Object.fromEntries(kept), ...pick(workload, keys), ...(keys.length === 0 ? {} : { [OWN_ANNOTATION.carried]: keys.join(',') }) };
  return isSame(before, after) ? template : withAnnotations(template, after);
}

/** An empty map, and then empty metadata, are left out, as they are in a template that never had any. */
function withAnnotations(template: Pod, annotations: Readonly<Record<string, string>>): Pod {
  const { metadata, ...bare } = template;
  const { annotations: _, ...rest } = metadata ?? {};
  if (Object.keys(annotations).length > 0) return { ...template, metadata: { ...rest, annotations } };
  return Object.keys(rest).length > 0 ? { ...template, metadata: rest } : bare;
}

function pick(map: Readonly<Record<string, string>>, keys: readonly string[]): Record<string, string> {
  return Object.fromEntries(keys.map((key) => [key, map[key] ?? '']));
}

function isSame(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}
