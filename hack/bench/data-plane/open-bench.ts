// What every server of a run is started with: certificates as files, and the backend behind all of them.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Fleet } from '../../../test/conformance/fleet.ts';
import { nginxRoot } from '../../../test/support/nginx-root.ts';
import type { Target } from './connection.ts';
import { startBackend } from './plain-nginx.ts';
import type { Bench, Server } from './server.ts';

export interface OpenBench {
  readonly bench: Bench;
  readonly backend: Server;
  /** What clients show and trust. */
  readonly tls: NonNullable<Target['tls']>;
}

/** A text instead says what is missing. All of it is gone with `stack`. */
export async function openBench(stack: AsyncDisposableStack): Promise<OpenBench | string> {
  const root = nginxRoot();
  if ('missing' in root) return root.missing;
  const fleet = await Fleet.create();
  const certificates = writeCertificates(fleet);
  stack.defer(() => rmSync(certificates, { recursive: true }));
  const backend = stack.use(await startBackend({ root: root.directory, certificates }));
  return {
    bench: { fleet, root: root.directory, backendPort: backend.port, certificates },
    backend,
    tls: { ca: fleet.customer.pem, cert: fleet.alice.cert, key: fleet.alice.key },
  };
}

function writeCertificates({ server, customer }: Fleet): string {
  const directory = mkdtempSync(join(tmpdir(), 'tenant-mtls-bench-certs-'));
  chmodSync(directory, 0o755);
  const files = { 'server.crt': server.cert, 'server.key': server.key, 'server.pem': server.cert + server.key, 'ca.crt': customer.pem };
  for (const [name, content] of Object.entries(files)) writeFileSync(join(directory, name), content);
  return directory;
}
