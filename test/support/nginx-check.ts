// Asks the real nginx whether it takes a configuration (`nginx -t`), with certificates and the pod's include files in place.
import { chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { SIDECAR } from '../../src/api/names.ts';
import type { KeyPair, TestCa } from './test-ca.ts';
import { runInRoot } from './nginx-root.ts';

const POD_FILES: Readonly<Record<string, string>> = {
  modules: '', listen: 'listen 8443 ssl;\nlisten [::]:8443 ssl;\n', 'status-listen': 'listen 15643;\nlisten [::]:15643;\n',
  app: 'server 127.0.0.1:8080;\n', resolver: 'resolver 127.0.0.1;\n', generation: 'return 200 1;\n', probes: '',
};

/** Answers with nginx's complaints; empty if it has none. Every file that `configuration` names is there. */
export function checkWithNginx(root: string, configuration: string, { ca, server }: { ca: TestCa; server: KeyPair }): string {
  const base = mkdtempSync(join(tmpdir(), 'tenant-mtls-check-'));
  try {
    const write = (path: string, content: string): void => {
      mkdirSync(join(base, dirname(path)), { recursive: true });
      writeFileSync(join(base, path), content, { mode: 0o644 });
    };
    mkdirSync(join(base, 'run'));
    chownSync(join(base, 'run'), SIDECAR.uid, SIDECAR.uid);
    for (const [name, content] of Object.entries(POD_FILES)) write(`files/pod/${name}.conf`, content);
    if (configuration.includes('\nstream {')) write('files/pod/modules.conf', 'load_module /usr/lib/nginx/modules/ngx_stream_module.so;\n');
    const named = [...configuration.matchAll(/\.\.\/((?:certs|caCerts)\/[\w.-]+)/g)].map((match) => match[1] ?? '');
    for (const path of new Set(named)) write(`files/${path}`, path.endsWith('.key') ? server.key : path.endsWith('.crl') ? ca.crl() : path.startsWith('certs/') ? server.certificate : ca.certificate);
    write('files/system.crt', ca.certificate);
    // The root has no CA bundle of the system; only its place differs here.
    write('files/conf/nginx.conf', configuration.replaceAll('/etc/ssl/certs/ca-certificates.crt', '../system.crt'));
    mkdirSync(join(base, 'run/tmp'));
    chownSync(join(base, 'run/tmp'), SIDECAR.uid, SIDECAR.uid);
    const { output } = runInRoot(root, { files: join(base, 'files'), run: join(base, 'run') }, ['nginx', '-t', '-q', '-p', `${SIDECAR.runDirectory}/`, '-e', 'stderr', '-c', `${SIDECAR.directory}/conf/nginx.conf`]);
    return output;
  } finally {
    rmSync(base, { recursive: true, force: true });
  }
}
