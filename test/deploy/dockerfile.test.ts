// What no container engine checks where there is none: that the Dockerfile copies files that are there and that .dockerignore lets in.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';

const ROOT = new URL('../../', import.meta.url).pathname;
const linesOf = (name: string): string[] => readFileSync(ROOT + name, 'utf8').split('\n');

describe('the Dockerfile', () => {
  const sources = linesOf('Dockerfile').flatMap((line) => (/^COPY (?!--from)/.test(line) ? line.split(/\s+/).slice(1, -1) : []));
  const [ignored, ...letIn] = linesOf('.dockerignore').filter(Boolean);

  it('ignores whatever is not named', () => assert.equal(ignored, '*'));

  for (const source of sources) {
    it(`copies ${source}`, () => {
      assert.ok(existsSync(ROOT + source));
      assert.ok(letIn.some((entry) => source === entry.slice(1) || source.startsWith(`${entry.slice(1)}/`)), `.dockerignore leaves ${source} out`);
    });
  }
});
