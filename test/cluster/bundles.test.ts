// What is in the two bundles of the operator's image, as esbuild tells it.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { build } from 'esbuild';
import type { BuildOptions, Metafile } from 'esbuild';
import { operatorBundle, proxyBundle } from '../../hack/images/bundles.ts';

async function outputsOf(options: BuildOptions): Promise<Metafile['outputs']> {
  return (await build({ ...options, metafile: true, write: false })).metafile?.outputs ?? {};
}

/** What is loaded along with an output, at once. */
function loadedWith(outputs: Metafile['outputs'], path: string, seen = new Set<string>()): Set<string> {
  if (seen.has(path)) return seen;
  seen.add(path);
  for (const { path: next, kind } of outputs[path]?.imports ?? []) if (kind === 'import-statement') loadedWith(outputs, next, seen);
  return seen;
}

describe('the bundle', () => {
  it('of the node engine is one file, of nothing but our own code, and none of the control plane\'s', async () => {
    const outputs = await outputsOf(proxyBundle);
    assert.deepEqual(Object.keys(outputs), ['dist/proxy.js']);
    const folders = new Set(Object.keys(outputs['dist/proxy.js']?.inputs ?? {}).map((input) => input.split('/').slice(0, 2).join('/')));
    assert.deepEqual([...folders].sort(), ['src/api', 'src/proxy-model', 'src/sidecar']);
  });

  it('of the operator loads client-node only when it is asked for, which is not in a pod', async () => {
    const outputs = await outputsOf(operatorBundle);
    const holds = (path: string, part: string) => Object.keys(outputs[path]?.inputs ?? {}).some((input) => input.includes(part));
    const operator = Object.keys(outputs).find((path) => holds(path, 'src/operator.ts')) ?? '';
    assert.ok(Object.keys(outputs).some((path) => holds(path, '@kubernetes/client-node')));
    assert.deepEqual([...loadedWith(outputs, operator)].filter((path) => holds(path, '@kubernetes/client-node')), []);
  });
});
