// Asks the openssl command about certificates. Files live in one temporary directory per test process.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const directory = mkdtempSync(join(tmpdir(), 'tenant-mtls-openssl-'));
process.once('exit', () => rmSync(directory, { recursive: true, force: true }));

export interface OpensslCase {
  readonly anchors: string;
  readonly leaf: string;
  readonly untrusted?: string;
  readonly crls?: string;
  readonly purpose: 'sslserver' | 'sslclient' | 'any';
  readonly at: Date;
}

/** `OK`, or what openssl complains about. */
export function verifyWithOpenssl({ anchors, leaf, untrusted = '', crls, purpose, at }: OpensslCase): string {
  const crlArguments = crls === undefined ? [] : ['-crl_check_all', '-CRLfile', file('crls.pem', crls)];
  const untrustedArguments = untrusted === '' ? [] : ['-untrusted', file('untrusted.pem', untrusted)];
  const settings = ['-x509_strict', '-no-CApath', '-no-CAstore', '-purpose', purpose, '-attime', String(Math.floor(at.getTime() / 1000))];
  const inputs = ['-CAfile', file('anchors.pem', anchors), ...untrustedArguments, ...crlArguments, file('leaf.pem', leaf)];
  const { status, output } = openssl('verify', ...settings, ...inputs);
  return status === 0 ? 'OK' : output;
}

/** The text form of a certificate or CRL. */
export function printWithOpenssl(kind: 'x509' | 'crl', pem: string, ...options: readonly string[]): string {
  return openssl(kind, '-noout', ...options, '-in', file('print.pem', pem)).output;
}

export function file(name: string, content: string): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

export function openssl(...commandLine: readonly string[]): { status: number | null; output: string } {
  const { status, stdout, stderr, error } = spawnSync('openssl', commandLine, { encoding: 'utf8', cwd: directory });
  if (error) throw error;
  return { status, output: stdout + stderr };
}
