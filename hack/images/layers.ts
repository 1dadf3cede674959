// Image layers: uncompressed tars in the cache, found again by a key made of what goes into them.
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync, renameSync, statSync, writeFileSync, writeSync, openSync, closeSync } from 'node:fs';
import { cacheFolder } from './paths.ts';
import { tar, type TarEntry } from './tar.ts';

export interface Layer {
  readonly file: string;
  readonly digest: string;
  readonly size: number;
}

/** A layer that is made once per `key` by `produce`, which writes the tar to the path it is given. */
export async function cachedLayer(key: string, produce: (file: string) => Promise<void> | void): Promise<Layer> {
  const file = `${cacheFolder('layers')}/${sha256(key).slice(0, 32)}.tar`;
  if (!existsSync(`${file}.digest`)) {
    const making = temporaryName(file);
    await produce(making);
    renameSync(making, file);
    writeFileSync(temporaryName(file, '.digest'), sha256(readFileSync(file)));
    renameSync(temporaryName(file, '.digest'), `${file}.digest`);
  }
  return { file, digest: `sha256:${readFileSync(`${file}.digest`, 'utf8')}`, size: statSync(file).size };
}

/** A layer of small files, whose key is their content. */
export function fileLayer(entries: readonly TarEntry[]): Promise<Layer> {
  const chunks = tar(entries);
  return cachedLayer(sha256(...chunks), (file) => writeChunks(file, chunks));
}

export function writeChunks(file: string, chunks: Iterable<Uint8Array>): void {
  const descriptor = openSync(file, 'w');
  try {
    for (const chunk of chunks) writeAll(descriptor, chunk);
  } finally {
    closeSync(descriptor);
  }
}

export function sha256(...parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}

const unique = randomBytes(4).toString('hex');

/** Beside `file`, and of this process alone: two checkouts may build at once. */
export function temporaryName(file: string, suffix = ''): string {
  return `${file}${suffix}.${unique}.new`;
}

function writeAll(descriptor: number, chunk: Uint8Array): void {
  for (let offset = 0; offset < chunk.length; ) offset += writeSync(descriptor, chunk, offset);
}
