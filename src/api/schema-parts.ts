// Building blocks of the schemas: bounded strings and lists, closed sets, CEL rules.
// Every string and list is bounded, or the API server refuses the CRD for the cost of its CEL rules.
import { Type } from 'typebox';
import type { TSchema, TUnsafe } from 'typebox';

/** A CEL rule of the CRD (KEP-2876): `self` is the value that carries it. */
export interface CelRule {
  rule: string;
  message: string;
  fieldPath?: string;
}

interface Described {
  description: string;
  default?: unknown;
  rules?: readonly CelRule[];
}

type Rest = Record<string, unknown>;

function options({ description, default: fallback, rules }: Described): Rest {
  return {
    description,
    ...(fallback === undefined ? {} : { default: fallback }),
    ...(rules === undefined ? {} : { 'x-kubernetes-validations': rules }),
  };
}

/** One of a closed set of strings. */
export function oneOf<const V extends readonly string[]>(values: V, described: Described): TUnsafe<V[number]> {
  return Type.Unsafe<V[number]>({ type: 'string', enum: [...values], ...options(described) });
}

/** A string of at most `maxLength` characters; `pattern` is RE2 as the API server reads it. */
export function text(maxLength: number, described: Described & { pattern?: string; minLength?: number }) {
  const { pattern, minLength = 1 } = described;
  return Type.String({ minLength, maxLength, ...(pattern === undefined ? {} : { pattern }), ...options(described) });
}

export function integer(minimum: number, maximum: number, described: Described) {
  return Type.Integer({ minimum, maximum, format: 'int32', ...options(described) });
}

export function flag(described: Described) {
  return Type.Boolean(options(described));
}

export function listOf<T extends TSchema>(item: T, maxItems: number, described: Described & Rest & { minItems?: number }) {
  const { minItems, mapKey, unique, ...rest } = described as Described & { minItems?: number; mapKey?: string; unique?: true };
  return Type.Array(item, {
    maxItems,
    ...(minItems === undefined ? {} : { minItems }),
    ...(mapKey === undefined ? {} : { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': [mapKey] }),
    ...(unique === undefined ? {} : { 'x-kubernetes-list-type': 'set' }),
    ...options(rest),
  });
}

export function record<T extends Record<string, TSchema>>(properties: T, described: Described & { minProperties?: number }) {
  const { minProperties } = described;
  return Type.Object(properties, { ...(minProperties === undefined ? {} : { minProperties }), ...options(described) });
}

export function mapOfStrings(maxProperties: number, described: Described & { values?: { readonly maxLength: number; readonly pattern: string } }): TUnsafe<Record<string, string>> {
  return Type.Unsafe<Record<string, string>>({
    type: 'object',
    maxProperties,
    additionalProperties: { type: 'string', ...(described.values ?? { maxLength: 4096 }) },
    ...options(described),
  });
}

const GO_DURATION = '^([0-9]{1,7}(h|m|s))+$';

/** A span of time as Go prints it (`168h`, `90m`); bounds are CEL duration literals. */
export function duration(described: Described & { minimum: string }) {
  return text(32, {
    ...described,
    pattern: GO_DURATION,
    rules: [{ rule: `duration(self) >= duration('${described.minimum}')`, message: `must be at least ${described.minimum}` }],
  });
}

export const DNS_LABEL = '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$';
export const DNS_SUBDOMAIN = '^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$';

/** The name of another object. */
export function objectName(described: Described) {
  return text(253, { ...described, pattern: DNS_SUBDOMAIN });
}
