// CEL conditions under which the API server calls the webhook at all. One rule: what has not opted in never matches, because what
// matches is blocked while the webhook is away. Null-safe throughout: a condition that fails blocks the request too.
import { ANNOTATION, OWN_ANNOTATION, SIDECAR } from '../api/names.ts';
import { CARRIED_KEYS } from '../injection/carry-annotations.ts';

export interface MatchCondition {
  readonly name: string;
  readonly expression: string;
}

/** The pod asks for a sidecar. */
export function podConditions(): MatchCondition[] {
  const opted = `[${annotations('object')}].exists(a, '${ANNOTATION.certificate}' in a && !('${ANNOTATION.inject}' in a && a['${ANNOTATION.inject}'] == 'false'))`;
  return [{ name: 'opted-in', expression: opted }];
}

/** The pod has a sidecar. Its label may be taken away; its containers may not. */
export function debuggingConditions(): MatchCondition[] {
  return [{ name: 'has-sidecar', expression: `has(object.spec.initContainers) && object.spec.initContainers.exists(c, c.name == '${SIDECAR.container}')` }];
}

/** The pod of the self-test, which nobody but a dry run creates. */
export function selfTestConditions(podName: string): MatchCondition[] {
  return [{ name: 'self-test', expression: `has(request.dryRun) && request.dryRun && has(object.metadata.name) && object.metadata.name == '${podName}'` }];
}

/**
 * Carrying would change the workload. `template` is the path of its pod template, whose parents are required by the API.
 * Controlled objects get their template from above; objects that go away are let go.
 */
export function workloadConditions(template: string): MatchCondition[] {
  return [
    { name: 'not-controlled', expression: '!has(object.metadata.ownerReferences) || !object.metadata.ownerReferences.exists(o, has(o.controller) && o.controller)' },
    { name: 'not-deleting', expression: '!has(object.metadata.deletionTimestamp)' },
    { name: 'not-carried', expression: notCarried(template) },
  ];
}

function annotations(path: string, checks: readonly string[] = []): string {
  const present = [...checks, `has(${path}.metadata.annotations)`].join(' && ');
  return `${present} ? ${path}.metadata.annotations : {}`;
}

/**
 * The truth table of `carryAnnotations` again: w and t are the annotations of workload and template, listed is what `carried`
 * names, wanted is what should be carried. (Lists of one element stand in for variables, which CEL lacks.)
 */
function notCarried(template: string): string {
  const keys = `[${CARRIED_KEYS.map((key) => `'${key}'`).join(', ')}]`;
  const carried = `'${OWN_ANNOTATION.carried}'`;
  const certificate = `'${ANNOTATION.certificate}'`;
  return [
    `[${annotations('object')}].exists(w,`,
    `[${annotations(template, [`has(${template}.metadata)`])}].exists(t,`,
    `[${carried} in t ? t[${carried}].split(',') : []].exists(listed,`,
    `[${certificate} in w || (${certificate} in t && !(${certificate} in listed))`,
    `? ${keys}.filter(k, k in w && (!(k in t) || k in listed)) : []].exists(wanted,`,
    `wanted.exists(k, !(k in t) || t[k] != w[k])`,
    // What is listed but no longer wanted shows here as well.
    `|| (size(wanted) == 0 ? ${carried} in t : !(${carried} in t) || t[${carried}] != wanted.join(','))`,
    '))))',
  ].join(' ');
}
