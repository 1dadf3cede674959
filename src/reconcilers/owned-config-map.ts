// What the cache keeps of a ConfigMap that we wrote: the hash of its data, so that ten thousand of them fit into memory.
import { createHash } from 'node:crypto';
import type { ConfigMap, ObjectMeta } from '../api/object-meta.ts';

export interface OwnedConfigMap {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: ObjectMeta;
  readonly dataHash: string;
}

/** SHA-256 over the sorted entries. */
export function hashData(data: Readonly<Record<string, string>>): string {
  const hash = createHash('sha256');
  for (const [key, value] of Object.entries(data).sort(([a], [b]) => (a < b ? -1 : 1))) hash.update(`${key}\0${value.length}\0${value}\0`);
  return hash.digest('hex');
}

/** Idempotent: what was pruned before comes back as it is. */
export function pruneConfigMap(configMap: ConfigMap | OwnedConfigMap): OwnedConfigMap {
  if ('dataHash' in configMap) return configMap;
  const { data = {}, ...rest } = configMap;
  return { ...rest, dataHash: hashData(data) };
}
