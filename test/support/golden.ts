// Golden files: what a pure function makes of an input stands beside the input. UPDATE_GOLDEN=1 (make golden) rewrites them.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Names of the cases in a folder: <name>.json is the input. */
export function goldenCases(folder: string): string[] {
  return readdirSync(folder).filter((file) => file.endsWith('.json')).map((file) => file.slice(0, -'.json'.length)).sort();
}

export function readGoldenInput(folder: string, name: string): unknown {
  return JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8'));
}

export function assertGolden(file: string, actual: string): void {
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(file, actual);
  assert.equal(actual, existsSync(file) ? readFileSync(file, 'utf8') : '', `${file} differs; if that is meant: make golden`);
}
