// Fields of an object that we created, made to count as applied by us. Why: an apply that leaves a field out removes it only where it was
// applied before; what a create has set (a label, an owner reference, a trust bundle) would stay for ever.
import { FIELD_MANAGER } from '../api/names.ts';
import type { ApiClient } from '../kube/api-client.ts';
import type { KubeObject } from '../kube/object.ts';
import type { Resource } from '../kube/resources.ts';

/** One entry of metadata.managedFields. */
interface FieldsEntry {
  readonly manager?: string;
  readonly operation?: string;
  readonly subresource?: string;
  readonly fieldsV1?: FieldSet;
}

interface FieldSet {
  readonly [field: string]: FieldSet;
}

const isOurs = (entry: FieldsEntry, operation: 'Apply' | 'Update') => entry.manager === FIELD_MANAGER && entry.operation === operation && (entry.subresource ?? '') === '';

/** The entries as they should be; undefined when nothing is left over from a create. */
export function appliedFields(entries: readonly FieldsEntry[]): FieldsEntry[] | undefined {
  const created = entries.find((entry) => isOurs(entry, 'Update'));
  if (created === undefined) return undefined;
  return entries.flatMap((entry) => {
    if (entry === created) return [];
    return isOurs(entry, 'Apply') ? [{ ...entry, fieldsV1: union(entry.fieldsV1 ?? {}, created.fieldsV1 ?? {}) }] : [entry];
  });
}

function union(a: FieldSet, b: FieldSet): FieldSet {
  return Object.fromEntries([...new Set([...Object.keys(a), ...Object.keys(b)])].map((key) => [key, union(a[key] ?? {}, b[key] ?? {})]));
}

/** Given the answer to an apply. True: fields were taken over, and the apply is worth repeating. */
export async function takeOverFields({ client, resource, signal }: { client: ApiClient; resource: Resource; signal: AbortSignal }, { metadata = {} }: KubeObject): Promise<boolean> {
  const { name = '', namespace, resourceVersion } = metadata;
  const value = appliedFields((metadata as { readonly managedFields?: readonly FieldsEntry[] }).managedFields ?? []);
  if (value === undefined) return false;
  const patch = [{ op: 'test', path: '/metadata/resourceVersion', value: resourceVersion }, { op: 'replace', path: '/metadata/managedFields', value }];
  await client.jsonPatch(resource, { namespace, name }, patch, { signal });
  return true;
}
