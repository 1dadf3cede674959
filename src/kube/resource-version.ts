/**
 * Compares resourceVersions of one kind: decimal integers of any length that only grow (promised since Kubernetes 1.35,
 * true of every API server on etcd before). Others, of an aggregated API for example, are not comparable.
 */
const DECIMAL = /^[1-9]\d*$/;

/** Below zero: `a` is older; undefined: nobody can tell. */
export function compareResourceVersions(a: string | undefined, b: string | undefined): number | undefined {
  if (a === b) return 0;
  if (a === undefined || b === undefined || !DECIMAL.test(a) || !DECIMAL.test(b)) return undefined;
  if (a.length !== b.length) return a.length - b.length;
  return a < b ? -1 : 1;
}

/** True if `candidate` may take the place of `current`: it is newer, or different and nobody can tell. */
export function isNewer(candidate: string | undefined, current: string | undefined): boolean {
  return (compareResourceVersions(candidate, current) ?? 1) > 0;
}
