// The two bundles that go into the operator's image: the operator with its CLI, and the Node proxy engine.
import { existsSync } from 'node:fs';
import { build } from 'esbuild';
import { checkout } from './paths.ts';

export const bundles = [
  { entry: `${checkout}/src/main.ts`, output: `${checkout}/dist/tenant-mtls.js`, name: 'tenant-mtls.js' },
  { entry: `${checkout}/src/sidecar/main.ts`, output: `${checkout}/dist/proxy.js`, name: 'proxy.js' },
] as const;

/** Some dependencies are CommonJS and call require, which an ES module does not have. */
const banner = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";

/** Writes dist/*.js; returns the entry points that do not exist. */
export async function bundle(): Promise<string[]> {
  const present = bundles.filter(({ entry }) => existsSync(entry));
  await Promise.all(present.map(({ entry, output }) => build({
    entryPoints: [entry], outfile: output, bundle: true, minify: true, platform: 'node', format: 'esm', target: 'node24',
    banner: { js: banner }, legalComments: 'eof', sourcemap: false, logLevel: 'warning', absWorkingDir: checkout,
  })));
  return bundles.filter(({ entry }) => !existsSync(entry)).map(({ entry }) => entry.slice(checkout.length + 1));
}
