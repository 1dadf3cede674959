// Certificates made by the openssl command line: a judge independent of src/pki.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

/** A self-signed CA in a directory of its own, removed with `dispose`. Subjects are in openssl's -subj form: /O=Shop/CN=alice. */
export class TestCa {
  readonly #directory = mkdtempSync(join(tmpdir(), 'tenant-mtls-ca-'));
  #count = 0;

  constructor(subject: string) {
    this.#openssl('req', '-x509', ...NEW_KEY, '-keyout', 'ca.key', '-out', 'ca.crt', '-subj', subject, '-days', '2', '-addext', 'basicConstraints=critical,CA:TRUE');
    writeFileSync(this.#path('index'), '');
    writeFileSync(this.#path('number'), '01\n');
    writeFileSync(this.#path('ca.conf'), '[ca]\ndefault_ca=d\n[d]\ndatabase=index\ncrlnumber=number\ndefault_md=sha256\ndefault_crl_days=2\ncertificate=ca.crt\nprivate_key=ca.key\n');
  }

  get certificate(): string {
    return this.#read('ca.crt');
  }

  issue(subject: string, extensions: readonly string[] = ['subjectAltName=DNS:localhost,IP:127.0.0.1']): KeyPair {
    const name = `leaf-${(this.#count += 1)}`;
    const added = ['basicConstraints=critical,CA:FALSE', ...extensions].flatMap((extension) => ['-addext', extension]);
    this.#openssl(
      'req', '-x509', '-CA', 'ca.crt', '-CAkey', 'ca.key', ...NEW_KEY, '-keyout', `${name}.key`, '-out', `${name}.crt`, '-utf8', '-subj', subject, '-days', '1', ...added,
    );
    return { certificate: this.#read(`${name}.crt`), key: this.#read(`${name}.key`) };
  }

  revoke({ certificate }: KeyPair): void {
    writeFileSync(this.#path('revoked.crt'), certificate);
    this.#openssl('ca', '-config', 'ca.conf', '-revoke', 'revoked.crt');
  }

  crl(): string {
    return this.#openssl('ca', '-config', 'ca.conf', '-gencrl');
  }

  [Symbol.dispose](): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #openssl(...commandLine: readonly string[]): string {
    return execFileSync('openssl', commandLine, { cwd: this.#directory, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  }

  #path(name: string): string {
    return join(this.#directory, name);
  }

  #read(name: string): string {
    return readFileSync(this.#path(name), 'utf8');
  }
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc'];
