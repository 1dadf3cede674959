// Writes every generated file; with --verify it writes nothing and fails when one differs from what is committed.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { dump } from 'js-yaml';
import { annotationsReference } from './annotations-reference.ts';
import { apiReference } from './api-reference.ts';
import { commandLineReference } from './command-line-reference.ts';
import { customResourceDefinition, KINDS } from './custom-resources.ts';
import { operatorReference } from './operator-reference.ts';
import { sidecarReference } from './sidecar-reference.ts';

const HEADER = '# Generated from src/api by `make generate`; do not edit.\n';

const yaml = (value: object) => HEADER + dump(JSON.parse(JSON.stringify(value)), { lineWidth: 160, noRefs: true });

const files: Record<string, string> = {
  ...Object.fromEntries(KINDS.map((kind) => [`crds/${kind.plural}.yaml`, yaml(customResourceDefinition(kind))])),
  'docs/reference/annotations.md': annotationsReference(),
  'docs/reference/api.md': apiReference(KINDS),
  'docs/reference/command-line.md': commandLineReference(),
  'docs/reference/operator.md': await operatorReference(),
  'docs/reference/sidecar.md': sidecarReference(),
};

const stale: string[] = [];
for (const [path, content] of Object.entries(files)) {
  const before = await readFile(path, 'utf8').catch(() => undefined);
  if (before === content) continue;
  stale.push(path);
  if (process.argv.includes('--verify')) continue;
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
}
for (const path of stale) console.log(process.argv.includes('--verify') ? `${path} is out of date: run make generate` : `wrote ${path}`);
process.exitCode = stale.length > 0 && process.argv.includes('--verify') ? 1 : 0;
