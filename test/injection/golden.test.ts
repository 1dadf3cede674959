// Golden pods: what goes in, what is decided and what is patched. `UPDATE_GOLDEN=1` writes the files anew; read the difference before committing it.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { dump } from 'js-yaml';
import { decideInjection } from '../../src/injection/decide-injection.ts';
import { injectSidecar } from '../../src/injection/inject-sidecar.ts';
import { createJsonPatch } from '../../src/injection/json-patch.ts';
import { aContext } from './builders.ts';
import { CATALOGUE } from './catalogue.ts';
import type { Case } from './catalogue.ts';

const DIRECTORY = new URL('../golden/injection/', import.meta.url);
const COMPLETE = 'a bare pod';

describe('injection', () => {
  mkdirSync(DIRECTORY, { recursive: true });
  for (const [sentence, each] of Object.entries(CATALOGUE)) {
    it(`does with ${sentence} what its golden file says`, () => {
      const actual = render(sentence, each);
      const file = new URL(fileName(sentence), DIRECTORY);
      if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(file, actual);
      assert.equal(actual, readFileSync(file, 'utf8'));
    });
  }

  it('has no golden file without a case', () => {
    assert.deepEqual(readdirSync(DIRECTORY).sort(), Object.keys(CATALOGUE).map(fileName).sort());
  });
});

function fileName(sentence: string): string {
  return `${sentence.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-').replaceAll(/^-|-$/g, '')}.yaml`;
}

function render(sentence: string, { pod, context = aContext() }: Case): string {
  const injection = decideInjection(pod, context);
  const decided =
    injection.outcome === 'inject'
      ? { outcome: 'inject', patch: createJsonPatch(pod, injectSidecar(pod, injection.sidecar)) }
      : { outcome: injection.outcome, reasons: injection.reasons.map(({ reason, message }) => ({ [reason]: message })) };
  const shown = sentence === COMPLETE ? decided : JSON.parse(JSON.stringify(decided), abbreviate);
  return `# ${sentence}\n${dump({ input: JSON.parse(JSON.stringify(pod), shorten) }, { lineWidth: 160 })}---\n${dump(shown, { lineWidth: 160, noRefs: true })}`;
}

/** The list of the volume's files is the same for every pod: it is complete in one golden file only. */
function abbreviate(key: string, value: unknown): unknown {
  return key === 'items' && Array.isArray(value) && value.length > 8 ? `${value.length} items as in "${COMPLETE}"` : value;
}

function shorten(_key: string, value: unknown): unknown {
  return typeof value === 'string' && value.length > 1000 ? `${value.slice(0, 10)}... (${value.length} characters)` : value;
}
