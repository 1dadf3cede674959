// A JSON patch (RFC 6902) from two values: what changes and nothing else. Parts that are the same object are not looked into,
// so the cost follows what injection changed, not the size of the pod.

export type PatchOperation =
  | { readonly op: 'add' | 'replace'; readonly path: string; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: string };

/** Applied to `before`, the operations give `after`. Key order does not count. */
export function createJsonPatch(before: unknown, after: unknown, path = ''): PatchOperation[] {
  if (before === after) return [];
  if (Array.isArray(before) && Array.isArray(after)) return patchArray(before, after, path);
  if (isObject(before) && isObject(after)) return patchObject(before, after, path);
  return [{ op: 'replace', path, value: after }];
}

/** The patch as JSON; `writeValue` says how values are written. */
export function writeJsonPatch(patch: readonly PatchOperation[], writeValue: (value: unknown) => string): string {
  const written = patch.map((operation) => {
    const { op, path } = operation;
    const value = operation.op === 'remove' ? '' : `,"value":${writeValue(operation.value)}`;
    return `{"op":"${op}","path":${JSON.stringify(path)}${value}}`;
  });
  return `[${written.join(',')}]`;
}

type JsonObject = Readonly<Record<string, unknown>>;

function patchObject(before: JsonObject, after: JsonObject, path: string): PatchOperation[] {
  const removed = Object.keys(before).filter((key) => own(before, key) !== undefined && own(after, key) === undefined);
  const kept = Object.keys(after).filter((key) => own(after, key) !== undefined);
  return [
    ...removed.map((key): PatchOperation => ({ op: 'remove', path: join(path, key) })),
    ...kept.flatMap((key) =>
      own(before, key) === undefined ? [{ op: 'add' as const, path: join(path, key), value: after[key] }] : createJsonPatch(before[key], after[key], join(path, key)),
    ),
  ];
}

/** Not what objects inherit: a label may be called `constructor`. */
function own(object: JsonObject, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

/** Equal ends are kept; between them, elements are compared in order, then the surplus is added or removed. */
function patchArray(before: readonly unknown[], after: readonly unknown[], path: string): PatchOperation[] {
  const shorter = Math.min(before.length, after.length);
  let start = 0;
  while (start < shorter && isEqual(before[start], after[start])) start += 1;
  let end = 0;
  while (end < shorter - start && isEqual(before[before.length - 1 - end], after[after.length - 1 - end])) end += 1;
  const middle = Math.min(before.length, after.length) - start - end;
  const changed = Array.from({ length: middle }, (_, offset) => createJsonPatch(before[start + offset], after[start + offset], join(path, start + offset)));
  const surplus = start + middle;
  const removed = before.slice(surplus, before.length - end).map((): PatchOperation => ({ op: 'remove', path: join(path, surplus) }));
  const added = after.slice(surplus, after.length - end).map((value, offset): PatchOperation => ({ op: 'add', path: join(path, surplus + offset), value }));
  return [...changed.flat(), ...removed, ...added];
}

function isEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a) || Array.isArray(b)) {
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((value, index) => isEqual(value, b[index]));
  }
  if (!isObject(a) || !isObject(b)) return false;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => isEqual(a[key], own(b, key)));
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function join(path: string, key: string | number): string {
  const text = String(key);
  return `${path}/${/[~/]/.test(text) ? text.replaceAll('~', '~0').replaceAll('/', '~1') : text}`;
}
