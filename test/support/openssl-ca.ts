// CAs as people bring them, made by the openssl command line: keys of all kinds and formats, intermediates, and what goes wrong with both.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const KEY_ARGUMENTS = {
  ECDSA: ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'],
  'ECDSA P-384': ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-384'],
  RSA: ['-newkey', 'rsa:2048'],
  Ed25519: ['-newkey', 'ed25519'],
} as const;

export type KeyKind = keyof typeof KEY_ARGUMENTS;

/** The two files of a CA Secret. */
export interface CaFiles {
  readonly certificate: string;
  readonly key: string;
}

const CA = ['-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign,cRLSign'];

/** A folder for openssl's files, removed with `dispose`. */
export class OpensslFolder {
  readonly #directory = mkdtempSync(join(tmpdir(), 'tenant-mtls-openssl-'));
  #count = 0;

  selfSigned(commonName: string, { key = 'ECDSA', extensions = CA, days = 30 }: { key?: KeyKind; extensions?: readonly string[]; days?: number } = {}): CaFiles {
    const name = this.#next();
    this.run('req', '-x509', ...KEY_ARGUMENTS[key], '-noenc', '-keyout', `${name}.key`, '-out', `${name}.crt`, '-subj', `/CN=${commonName}`, '-days', String(days), ...extensions);
    return { certificate: this.#read(`${name}.crt`), key: this.#read(`${name}.key`) };
  }

  signedBy(issuer: CaFiles, commonName: string, { extensions = CA, days = 30 }: { extensions?: readonly string[]; days?: number } = {}): CaFiles {
    const name = this.#next();
    const [caFile, caKey] = [this.write(issuer.certificate), this.write(issuer.key)];
    this.run('req', '-x509', '-CA', caFile, '-CAkey', caKey, ...KEY_ARGUMENTS.ECDSA, '-noenc', '-keyout', `${name}.key`, '-out', `${name}.crt`, '-subj', `/CN=${commonName}`, '-days', String(days), ...extensions);
    return { certificate: this.#read(`${name}.crt`), key: this.#read(`${name}.key`) };
  }

  /** A CRL of the CA, in force for so many seconds (negative: over already). */
  crl(issuer: CaFiles, seconds = 86_400): string {
    const name = this.#next();
    writeFileSync(join(this.#directory, `${name}.index`), '');
    writeFileSync(join(this.#directory, `${name}.number`), '01\n');
    const time = (at: number) => new Date(at).toISOString().replaceAll(/[-:T]|\.\d+/g, '');
    const now = Date.now();
    const section = [`database=${name}.index`, `crlnumber=${name}.number`, 'default_md=sha256', `certificate=${this.write(issuer.certificate)}`, `private_key=${this.write(issuer.key)}`];
    writeFileSync(join(this.#directory, `${name}.conf`), `[ca]\ndefault_ca=d\n[d]\n${section.join('\n')}\n`);
    const times = ['-crl_lastupdate', time(Math.min(now, now + seconds * 1000) - 60_000), '-crl_nextupdate', time(now + seconds * 1000)];
    return this.run('ca', '-config', `${name}.conf`, '-gencrl', ...times);
  }

  convertKey(key: string, ...options: readonly string[]): string {
    return this.run('pkey', '-in', this.write(key), ...options);
  }

  /** What `openssl verify` says of a leaf with its chain before these anchors, and nothing else. */
  verify(anchors: string, chain: string, ...options: readonly string[]): string {
    const file = this.write(chain);
    return this.run('verify', '-no-CApath', '-no-CAstore', '-x509_strict', ...options, '-CAfile', this.write(anchors), '-untrusted', file, file).trim();
  }

  run(...commandLine: readonly string[]): string {
    return execFileSync('openssl', commandLine, { cwd: this.#directory, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  }

  /** The name of a file with this content. */
  write(content: string): string {
    const name = `${this.#next()}.pem`;
    writeFileSync(join(this.#directory, name), content);
    return name;
  }

  [Symbol.dispose](): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #next(): string {
    return `file-${(this.#count += 1)}`;
  }

  #read(name: string): string {
    return readFileSync(join(this.#directory, name), 'utf8');
  }
}
