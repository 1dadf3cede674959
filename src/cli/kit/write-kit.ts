// A kit onto the disk. One rule: a directory that holds anything else than an earlier edition of this kit is left alone, unless forced.
// Files are written aside and renamed into place, so that links are replaced instead of followed and a failure leaves the old kit as it was.
import { mkdir, mkdtemp, readFile, readdir, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { API_VERSION } from '../../api/names.ts';
import { KIT_FILE } from './kit-parts.ts';
import type { Kit, KitRecord } from './kit-parts.ts';
import { KitRefused } from './kit-refused.ts';
import { makeKeyStores } from './make-key-stores.ts';

export interface KitTarget {
  readonly directory: string;
  readonly overwrite: 'own' | 'anything';
  /** Of the programs that make key stores. */
  readonly env: NodeJS.ProcessEnv;
}

/** Throws KitRefused. */
export async function writeKit(kit: Kit, { directory, overwrite, env }: KitTarget): Promise<void> {
  const before = await readdir(directory).catch(absent);
  const old = before === undefined ? [] : await earlierFiles(directory, before, kit.record, overwrite);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const draft = await mkdtemp(join(directory, '.draft-'));
  try {
    for (const { path, content, secrecy } of kit.files) await writeFile(join(draft, path), content, { mode: secrecy === 'secret' ? 0o600 : 0o644, flag: 'wx' });
    if (kit.keyStores !== undefined) await makeKeyStores(draft, kit.keyStores, env);
    for (const path of [...kit.record.files, KIT_FILE.record]) await rename(join(draft, path), join(directory, path));
    for (const path of old.filter((each) => !kit.record.files.includes(each))) await rm(join(directory, path), { force: true });
  } finally {
    await rm(draft, { recursive: true, force: true });
    // Leaves it where it holds anything.
    if (before === undefined) await rmdir(directory).catch(() => undefined);
  }
}

function absent(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
  if (error instanceof Error && 'code' in error && error.code === 'ENOTDIR') throw new KitRefused('the kit\'s directory is a file');
  throw new Error('reading the kit\'s directory', { cause: error });
}

/** What an earlier edition has left; throws where something else is there. */
async function earlierFiles(directory: string, entries: readonly string[], { namespace, name, tool }: KitRecord, overwrite: KitTarget['overwrite']): Promise<readonly string[]> {
  const record = entries.includes(KIT_FILE.record) ? await readRecord(join(directory, KIT_FILE.record)) : undefined;
  if (record?.namespace === namespace && record.name === name && record.tool === tool) return record.files;
  if (overwrite === 'anything' || entries.length === 0) return [];
  const what = record === undefined ? 'is not empty and holds no kit' : `holds the ${record.tool} kit of TenantCertificate ${record.namespace}/${record.name}`;
  throw new KitRefused(`${directory} ${what}: choose another with --out, or overwrite files of the same names with --force`);
}

/** Other people's text: names of files in other folders are not taken over, for they would be deleted there. */
async function readRecord(path: string): Promise<KitRecord | undefined> {
  const known: readonly string[] = Object.values(KIT_FILE);
  try {
    const { kit, namespace, name, tool, files } = JSON.parse(await readFile(path, 'utf8')) as KitRecord;
    const isRecord = kit === API_VERSION && [namespace, name, tool].every((each) => /^[a-z0-9.-]{1,253}$/.test(each));
    return isRecord ? { kit, namespace, name, tool, files: files.filter((file) => known.includes(file) || /^(haproxy|nginx|stunnel)-(edge|client)\.(cfg|conf)$/.test(file)) } : undefined;
  } catch {
    return undefined;
  }
}
