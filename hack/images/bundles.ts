// The two bundles that go into the operator's image: the operator with its CLI, and the Node proxy engine.
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { build } from 'esbuild';
import type { BuildOptions } from 'esbuild';
import { checkout } from './paths.ts';

const dist = `${checkout}/dist`;

/** Some dependencies are CommonJS and call require, which an ES module does not have. */
const banner = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";

const common: BuildOptions = {
  outdir: dist, bundle: true, minify: true, platform: 'node', format: 'esm', target: 'node24',
  banner: { js: banner }, legalComments: 'eof', sourcemap: false, logLevel: 'warning', absWorkingDir: checkout,
};

/** In chunks: what a process does not use, such as client-node in a pod, then takes no memory (30 MB). */
export const operatorBundle = { ...common, entryPoints: { 'tenant-mtls': `${checkout}/src/main.ts` }, splitting: true, chunkNames: 'chunks/[name]-[hash]' } satisfies BuildOptions;

/** In one file, to be carried anywhere. */
export const proxyBundle = { ...common, entryPoints: { proxy: `${checkout}/src/sidecar/main.ts` } } satisfies BuildOptions;

/** Writes dist/: tenant-mtls.js with its chunks, and proxy.js. */
export async function bundle(): Promise<void> {
  rmSync(dist, { recursive: true, force: true });
  await Promise.all([build(operatorBundle), build(proxyBundle)]);
}

/** Paths below dist/, sorted; empty before `bundle`. */
export function bundledFiles(): string[] {
  if (!existsSync(dist)) return [];
  const names = readdirSync(dist, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return names.map(({ parentPath, name }) => `${parentPath}/${name}`.slice(dist.length + 1)).sort();
}

export function bundledPath(file: string): string {
  return `${dist}/${file}`;
}
