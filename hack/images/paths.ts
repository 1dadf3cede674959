// Where things are: the checkout, and the cache outside of it that all checkouts share.
import { mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { resolve } from 'node:path';

export const checkout = resolve(import.meta.dirname, '../..');

/** A folder of the cache, made if it is missing. */
export function cacheFolder(name: string): string {
  const folder = `${process.env['XDG_CACHE_HOME'] ?? `${homedir()}/.cache`}/tenant-mtls/images/${name}`;
  mkdirSync(folder, { recursive: true });
  return folder;
}
