// Pods of public projects: each is injected, or refused with a reason, and nothing of theirs is changed.
// They lie beside the checkout (or in PODS_DIR) and are not part of it.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { load } from 'js-yaml';
import { applyPatch } from 'rfc6902';
import { decideInjection } from '../../src/injection/decide-injection.ts';
import { injectSidecar } from '../../src/injection/inject-sidecar.ts';
import { createJsonPatch } from '../../src/injection/json-patch.ts';
import type { Pod } from '../../src/injection/pod.ts';
import { uninject } from '../../src/injection/uninject.ts';
import { aContext } from './builders.ts';

const DIRECTORY = process.env['PODS_DIR'] ?? new URL('../../../shared/pods', import.meta.url).pathname;
const files = existsSync(DIRECTORY) ? readdirSync(DIRECTORY).filter((file) => file.endsWith('.yaml')) : [];
const context = aContext();

describe('injection of real pods', { skip: files.length === 0 ? `no pods in ${DIRECTORY}: set PODS_DIR` : false }, () => {
  const annotations = {
    'with the certificate alone': {},
    'with an app port and a listener port': { 'tenant-mtls.dev/app-port': '8080', 'tenant-mtls.dev/port': '28443' },
    'with rewritten probes': { 'tenant-mtls.dev/app-port': '8080', 'tenant-mtls.dev/port': '28443', 'tenant-mtls.dev/rewrite-probes': 'true', 'tenant-mtls.dev/engine': 'node' },
  };
  for (const [sentence, each] of Object.entries(annotations)) {
    it(`injects or refuses each, ${sentence}`, (test) => {
      const outcomes = files.map((file) => check(file, each));
      test.diagnostic(JSON.stringify(Object.fromEntries([...new Set(outcomes)].sort().map((outcome) => [outcome, outcomes.filter((each) => each === outcome).length]))));
      assert.ok(outcomes.filter((outcome) => outcome === 'injected').length > files.length / 4);
    });
  }
});

function check(file: string, annotations: Record<string, string>): string {
  const original = load(readFileSync(join(DIRECTORY, file), 'utf8')) as Pod;
  const pod: Pod = { ...original, metadata: { ...original.metadata, annotations: { ...original.metadata?.annotations, ...annotations, 'tenant-mtls.dev/certificate': 'hello' } } };
  const injection = decideInjection(pod, context);
  if (injection.outcome !== 'inject') {
    assert.ok(injection.outcome === 'refuse' && injection.reasons.length > 0, file);
    return injection.reasons.map(({ reason }) => reason).join('+');
  }
  const injected = injectSidecar(pod, injection.sidecar);
  const patched: unknown = structuredClone(pod);
  applyPatch(patched, structuredClone(createJsonPatch(pod, injected)));
  assert.deepEqual(patched, injected, file);
  assert.deepEqual(withoutEmpty(uninject(injected)), withoutEmpty(pod), file);
  assert.equal(JSON.stringify(injectSidecar(injected, injection.sidecar)), JSON.stringify(injected), file);
  return 'injected';
}

/** An empty or null list is absent after uninject. */
function withoutEmpty(pod: Pod): unknown {
  return JSON.parse(JSON.stringify(pod, (key, value: unknown) => ((key === 'initContainers' || key === 'volumes' || key === 'labels') && (value === null || (Array.isArray(value) && value.length === 0)) ? undefined : value)));
}
