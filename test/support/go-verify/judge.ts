// Asks Go's crypto/x509 about certificate chains; builds the small program beside this file on first use.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface GoCase {
  readonly roots: string;
  readonly leaf: string;
  readonly intermediates?: string;
  readonly dnsName?: string;
  readonly usage: 'server' | 'client' | 'any';
  readonly at: Date;
  readonly crl?: string;
}

export interface GoVerdict {
  readonly ok: boolean;
  readonly error?: string;
  readonly serial?: string;
}

let program: string | undefined;

/** Judges all cases with one process, in order. */
export function judgeWithGo(cases: readonly GoCase[]): GoVerdict[] {
  program ??= buildProgram();
  const input = cases.map((testCase) => JSON.stringify(testCase)).join('\n');
  const output = execFileSync(program, { input, encoding: 'utf8', maxBuffer: 1 << 26 });
  return output.trim().split('\n').map((line) => JSON.parse(line) as GoVerdict);
}

function buildProgram(): string {
  const directory = mkdtempSync(join(tmpdir(), 'tenant-mtls-go-verify-'));
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
  const target = join(directory, 'go-verify');
  execFileSync('go', ['build', '-o', target, '.'], { cwd: import.meta.dirname, env: { ...process.env, CGO_ENABLED: '0' }, stdio: ['ignore', 'inherit', 'inherit'] });
  return target;
}
