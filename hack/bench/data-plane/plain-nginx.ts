// The same nginx, configured by hand for this one task: the yardstick of our nginx sidecar; and the backend behind everything.
import { once } from 'node:events';
import { chmodSync, chownSync, closeSync, cpSync, mkdirSync, mkdtempSync, openSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SIDECAR } from '../../../src/api/names.ts';
import { eventually, freePort } from '../../../test/support/nginx-sidecar.ts';
import { startInRoot } from '../../../test/support/nginx-root.ts';
import type { Bench, Server } from './server.ts';

export const GIBIBYTE = 1 << 30;

const MAIN = `daemon off;
pcre_jit on;
worker_processes 1;
error_log stderr error;
pid ${SIDECAR.runDirectory}/nginx.pid;
events { worker_connections 8192; }
`;

const BASICS = [
  'access_log off;', 'server_tokens off;', 'keepalive_requests 1000000000;', 'keepalive_timeout 120s;',
  ...['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${SIDECAR.runDirectory}/${name};`),
].join('\n  ');

/** As in our listeners: no resumption. */
const TLS = `ssl_certificate ../server.crt;
    ssl_certificate_key ../server.key;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_tickets off;
    ssl_session_cache off;
    ssl_verify_client on;
    ssl_client_certificate ../ca.crt;`;

/** What our sidecar tells the app, without guarding against anything. */
const IDENTITY = `
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Tls-Client-Cert $ssl_client_escaped_cert;
      proxy_set_header X-SSL-Client-Verify $ssl_client_verify;
      proxy_set_header X-SSL-Client-DN $ssl_client_s_dn;
      proxy_set_header X-SSL-Client-CN $client_cn;
      proxy_set_header X-SSL-Client-Serial $ssl_client_serial;`;

function proxyConf({ port, backendPort, identity }: { port: number; backendPort: number; identity: string }): string {
  return `${MAIN}http {
  ${BASICS}
  map $ssl_client_s_dn $client_cn { default ""; "~CN=(?<cn>[^,]+)" $cn; }
  upstream app { server 127.0.0.1:${backendPort}; keepalive 64; keepalive_requests 1000000; }
  server {
    listen 127.0.0.1:${port} ssl;
    ${TLS}
    location / {
      proxy_http_version 1.1;
      proxy_buffers 8 32k;
      proxy_buffer_size 32k;
      proxy_busy_buffers_size 64k;
      proxy_max_temp_file_size 0;
      proxy_set_header Connection "";${identity}
      proxy_pass http://app;
    }
  }
}
`;
}

function backendConf(port: number): string {
  return `${MAIN}http {
  ${BASICS}
  sendfile on;
  large_client_header_buffers 4 32k;
  server {
    listen 127.0.0.1:${port};
    location / { default_type text/plain; return 200 "hello from the app\\n"; }
    location = /large { alias ${SIDECAR.directory}/large; }
  }
}
`;
}

export async function startPlainNginx(bench: Bench, identity: 'with identity' | 'without identity'): Promise<Server> {
  const port = await freePort();
  return startNginx(bench, port, proxyConf({ port, backendPort: bench.backendPort, identity: identity === 'with identity' ? IDENTITY : '' }));
}

/** Answers small requests, and a gibibyte of zeros at /large. */
export async function startBackend(bench: Pick<Bench, 'root' | 'certificates'>): Promise<Server> {
  const port = await freePort();
  return startNginx(bench, port, backendConf(port));
}

async function startNginx({ root, certificates }: Pick<Bench, 'root' | 'certificates'>, port: number, configuration: string): Promise<Server> {
  const base = mkdtempSync(join(tmpdir(), 'tenant-mtls-bench-nginx-'));
  chmodSync(base, 0o755);
  const [files, run] = [join(base, 'files'), join(base, 'run')];
  cpSync(certificates, files, { recursive: true });
  mkdirSync(run);
  chownSync(run, SIDECAR.uid, SIDECAR.uid);
  mkdirSync(join(files, 'conf'));
  writeFileSync(join(files, 'conf/nginx.conf'), configuration);
  writeFileSync(join(files, 'large'), '');
  truncateSync(join(files, 'large'), GIBIBYTE);
  const output = openSync(join(base, 'log'), 'a', 0o666);
  const child = startInRoot(root, { files, run }, ['nginx', '-p', `${SIDECAR.runDirectory}/`, '-e', 'stderr', '-c', `${SIDECAR.directory}/conf/nginx.conf`], { environment: {}, output });
  closeSync(output);
  await listening(port);
  return {
    port,
    pid: child.pid ?? 0,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGTERM');
      await once(child, 'exit');
      rmSync(base, { recursive: true });
    },
  };
}

/** Until somebody accepts connections at the port. */
export function listening(port: number): Promise<true> {
  const tryOnce = () => new Promise<true | undefined>((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    }).on('error', () => resolve(undefined));
  });
  return eventually(tryOnce, `a server at port ${port}`);
}
