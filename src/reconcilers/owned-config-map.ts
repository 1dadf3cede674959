// What the cache keeps of a ConfigMap that we wrote: hashes of its data, so that ten thousand of them fit into memory.
import { createHash } from 'node:crypto';
import type { ConfigMap, ObjectMeta } from '../api/object-meta.ts';

export interface OwnedConfigMap {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: ObjectMeta;
  readonly dataHash: string;
  /** SHA-256 of every anchor in its trust bundles: what the replacement of an authority waits for. */
  readonly trusts: readonly string[];
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
  return { ...rest, dataHash: hashData(data), trusts: trustedAnchors(data) };
}

function trustedAnchors(data: Readonly<Record<string, string>>): string[] {
  const bundles = Object.entries(data).flatMap(([key, text]) => (/^trust-\d+\.crt$/.test(key) ? [text] : [])).join('\n');
  const blocks = [...bundles.matchAll(/-----BEGIN CERTIFICATE-----([^-]+)-----END CERTIFICATE-----/g)];
  return [...new Set(blocks.map(([, base64 = '']) => createHash('sha256').update(Buffer.from(base64, 'base64')).digest('hex')))].map(shared);
}

/** The same few anchors stand in thousands of ConfigMaps: each hash is kept once. */
const known = new Map<string, string>();
const MOST_KNOWN = 10_000;

function shared(hash: string): string {
  const before = known.get(hash);
  if (before !== undefined) return before;
  if (known.size >= MOST_KNOWN) known.clear();
  known.set(hash, hash);
  return hash;
}
