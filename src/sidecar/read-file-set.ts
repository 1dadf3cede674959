// Reads the files of one set through the resolved `..data` directory, so that all come from the same swap, and checks every hash of the manifest
// (a Secret and a ConfigMap are two writes: the kubelet may show one without the other).
import { createHash } from 'node:crypto';
import { lstat, readFile, readlink } from 'node:fs/promises';
import { isAbsolute, join, normalize } from 'node:path';
import { CONFIG_FILES } from '../api/names.ts';
import type { Manifest } from '../api/manifest.ts';
import type { KeyPairFiles, ProxyModel, TrustModel } from '../proxy-model/model.ts';

export interface FileSet {
  readonly manifest: Manifest;
  readonly manifestSHA256: string;
  readonly model: ProxyModel;
  /** By path relative to the directory. */
  readonly files: ReadonlyMap<string, Buffer>;
}

export type ManifestPolicy = 'required' | 'ignored';

/** Changes whenever the set may have changed: the target of `..data`, or the stamps of plain files. */
export async function fingerprint(directory: string, paths: Iterable<string>): Promise<string> {
  const target = await readlink(join(directory, '..data')).catch(() => undefined);
  if (target !== undefined) return target;
  const stamps = [...new Set([CONFIG_FILES.manifest, CONFIG_FILES['proxy.json'], ...paths])].sort().map(async (path) => {
    const stat = await lstat(join(directory, path)).catch(() => undefined);
    return stat === undefined ? `${path} absent` : `${path} ${stat.mtimeMs} ${stat.size} ${stat.ino}`;
  });
  return (await Promise.all(stamps)).join('\n');
}

/** Throws with the first file that is missing or does not match. */
export async function readFileSet(directory: string, policy: ManifestPolicy): Promise<FileSet> {
  const target = await readlink(join(directory, '..data')).catch(() => undefined);
  const root = target === undefined ? directory : join(directory, target);
  return policy === 'required' ? readWithManifest(root) : readWithoutManifest(root);
}

async function readWithManifest(root: string): Promise<FileSet> {
  const bytes = await readOne(root, CONFIG_FILES.manifest);
  const manifest = parseJson<Manifest>(bytes, CONFIG_FILES.manifest);
  const files = await readAll(root, Object.keys(manifest.files ?? {}));
  for (const [path, content] of files) {
    if (sha256(content) !== manifest.files[path]) throw new Error(`${path} does not match the manifest: the other half of the update has not arrived yet`);
  }
  const model = readModel(files);
  const missing = referencedFiles(model).find((path) => !files.has(path));
  if (missing !== undefined) throw new Error(`${missing} is used by ${CONFIG_FILES['proxy.json']} but not listed in the manifest`);
  return { manifest, manifestSHA256: sha256(bytes), model, files };
}

async function readWithoutManifest(root: string): Promise<FileSet> {
  const model = parseJson<ProxyModel>(await readOne(root, CONFIG_FILES['proxy.json']), CONFIG_FILES['proxy.json']);
  const files = await readAll(root, [CONFIG_FILES['proxy.json'], ...referencedFiles(model)]);
  const hashes = Object.fromEntries([...files].map(([path, content]) => [path, sha256(content)]));
  const manifest: Manifest = { revision: 0, serialNumber: '', certificateNotAfter: 0, crlNumbers: {}, files: hashes };
  return { manifest, manifestSHA256: sha256(Buffer.from(JSON.stringify(hashes))), model: readModel(files), files };
}

/** Every file that the model names. */
export function referencedFiles({ listeners, upstreams }: ProxyModel): string[] {
  const pairs = (pair: KeyPairFiles | undefined) => (pair === undefined ? [] : [pair.certificate, pair.key]);
  const trust = (trust: TrustModel | undefined) => [trust?.certificates, trust?.crls].filter((path) => path !== undefined);
  const all = [
    ...listeners.flatMap(({ tls }) => [...pairs(tls), ...trust(tls?.trust)]),
    ...upstreams.flatMap(({ tls }) => [...pairs(tls?.present), ...trust(tls?.trust)]),
  ];
  return [...new Set(all)];
}

function readModel(files: ReadonlyMap<string, Buffer>): ProxyModel {
  const bytes = files.get(CONFIG_FILES['proxy.json']);
  if (bytes === undefined) throw new Error(`${CONFIG_FILES['proxy.json']} is not listed in the manifest`);
  return parseJson<ProxyModel>(bytes, CONFIG_FILES['proxy.json']);
}

async function readAll(root: string, paths: readonly string[]): Promise<ReadonlyMap<string, Buffer>> {
  return new Map(await Promise.all(paths.map(async (path) => [path, await readOne(root, path)] as const)));
}

async function readOne(root: string, path: string): Promise<Buffer> {
  if (isAbsolute(path) || normalize(path).startsWith('..')) throw new Error(`the path ${JSON.stringify(path)} leaves the directory`);
  try {
    return await readFile(join(root, path));
  } catch (error) {
    throw new Error(`reading ${path}: ${(error as NodeJS.ErrnoException).code ?? 'failed'}`, { cause: error });
  }
}

function parseJson<T>(bytes: Buffer, path: string): T {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    if (typeof value === 'object' && value !== null) return value as T;
  } catch {
    // falls through: the parser's message would quote the file
  }
  throw new Error(`${path} is not a JSON object`);
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
