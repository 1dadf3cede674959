// deploy/ and crds/ of this package, as `kubectl apply -k deploy` would read them. One rule: of kustomize only `resources` is understood
// (a `namespace` stands in every object already), and any other field is refused rather than skipped.
import { access, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { splitDocuments } from '../manifest-files.ts';
import { parseStrictly } from '../manifest-yaml.ts';
import type { InstalledObject } from './installed-object.ts';

interface Kustomization {
  readonly resources?: readonly string[];
}

const KUSTOMIZATION = 'kustomization.yaml';
const UNDERSTOOD: ReadonlySet<string> = new Set(['resources', 'namespace']);

/** From src/cli/install it is three folders up, from the bundles in dist/ one or two. */
const LEVELS = 3;

export async function readManifests(): Promise<InstalledObject[]> {
  return await readKustomization(join(await packageFolder(), 'deploy'));
}

async function packageFolder(): Promise<string> {
  let folder = dirname(fileURLToPath(import.meta.url));
  for (let level = 0; level <= LEVELS; level += 1, folder = dirname(folder)) {
    if (await holdsManifests(folder)) return folder;
  }
  throw new Error('deploy/ and crds/ are not beside this program: run it from a checkout or its package, or say kubectl apply --server-side -k deploy there');
}

async function holdsManifests(folder: string): Promise<boolean> {
  const files = ['deploy', 'crds'].map((name) => join(folder, name, KUSTOMIZATION));
  const found = await Promise.allSettled(files.map(async (file) => await access(file)));
  return found.every(({ status }) => status === 'fulfilled');
}

async function readKustomization(folder: string): Promise<InstalledObject[]> {
  const kustomization = parseStrictly(await readFile(join(folder, KUSTOMIZATION), 'utf8')) as Kustomization;
  const other = Object.keys(kustomization).filter((field) => !UNDERSTOOD.has(field));
  if (other.length > 0) throw new Error(`${join(folder, KUSTOMIZATION)} has ${other.join(', ')}: only kubectl understands that`);
  const objects: InstalledObject[] = [];
  for (const resource of kustomization.resources ?? []) {
    const path = join(folder, resource);
    objects.push(...(/\.ya?ml$/.test(resource) ? await readObjects(path) : await readKustomization(path)));
  }
  return objects;
}

async function readObjects(path: string): Promise<InstalledObject[]> {
  const documents = splitDocuments(await readFile(path, 'utf8')).map((text) => parseStrictly(text) as InstalledObject | null | undefined);
  return documents.filter((object) => object !== null && object !== undefined);
}
