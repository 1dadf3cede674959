// Command: builds the named images and loads them into the cluster. Each image is an OCI archive in the cache, named by
// its digest, so what has not changed is neither written nor loaded again.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { performance } from 'node:perf_hooks';
import { bundle } from './bundles.ts';
import { buildWithEngine, findEngine } from './engine.ts';
import { writeArchive } from './oci-archive.ts';
import { checkout } from './paths.ts';
import { recipes, type ImageName } from './recipes.ts';

const context = process.env['CONTEXT'] ?? '';

const groups: Record<string, readonly ImageName[]> = {
  // A cluster with a registry in reach takes the official nginx.
  all: [...(context === '' ? (['nginx'] as const) : []), 'hello', 'toolbox', 'operator'],
  examples: ['servers', 'kes-stand-in'],
  cluster: ['pause', 'coredns'],
};

function say(message: string): void {
  console.log(`${(performance.now() / 1000).toFixed(1).padStart(5)}s  ${message}`);
}

function namesFrom(argv: readonly string[]): ImageName[] {
  const wanted = argv.length === 0 ? ['all'] : argv;
  return wanted.flatMap((word) => {
    const names = groups[word] ?? [word];
    for (const name of names) {
      if (!Object.hasOwn(recipes, name)) throw new Error(`no image is called ${name}; there are ${Object.keys(recipes).join(', ')}`);
    }
    return names as ImageName[];
  });
}

async function archiveOf(name: ImageName): Promise<string> {
  if (name === 'operator') {
    // Also with an engine, which bundles for itself: the digest of dist/ tells `make deploy` that there is something new.
    await bundle();
    const engine = findEngine();
    if (engine !== undefined) return buildWithEngine(engine, 'tenant-mtls.dev/operator:dev');
  }
  return writeArchive(await recipes[name]());
}

function load(archive: string): void {
  execFileSync(`${checkout}/hack/images/load`, [archive], { stdio: 'inherit' });
}

async function main(): Promise<void> {
  const clusterRuns = context !== '' || existsSync(`${checkout}/.cluster/run/containerd.pid`);
  for (const name of namesFrom(process.argv.slice(2))) {
    const archive = await archiveOf(name);
    say(`image ${name}: ${basename(archive, '.tar')}`);
    if (clusterRuns) load(archive);
  }
  if (!clusterRuns) say('no cluster is running, so nothing is loaded');
}

try {
  await main();
} catch (error) {
  console.error(`error: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
