// Debian's own TLS proxies with one thread each, and the bare Node pipe, as child processes. What is not installed is installed where that is possible.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../../test/support/nginx-sidecar.ts';
import { listening } from './plain-nginx.ts';
import type { Bench, Server } from './server.ts';

export async function startNodePipe({ backendPort, certificates }: Bench): Promise<Server> {
  const port = await freePort();
  return startProcess(port, [process.execPath, fileURLToPath(new URL('node-pipe.ts', import.meta.url)), String(port), String(backendPort), certificates]);
}

/** Tells the app the same as our sidecars, as far as it knows it. */
export function startHaproxy(bench: Bench): Promise<Server | string> {
  return startInstalled('haproxy', 'haproxy', (port, directory) => {
    const path = configuration(directory, `global
  nbthread 1
  tune.ssl.cachesize 0
  ssl-default-bind-options no-tls-tickets
defaults
  mode http
  timeout connect 3s
  timeout client 120s
  timeout server 120s
listen edge
  bind 127.0.0.1:${port} ssl crt ${bench.certificates}/server.pem ca-file ${bench.certificates}/ca.crt verify required
  http-reuse always
  option forwardfor
  http-request set-header X-Tls-Client-Cert %[ssl_c_der,base64]
  http-request set-header X-SSL-Client-Verify %[ssl_c_verify]
  http-request set-header X-SSL-Client-DN %[ssl_c_s_dn(,0,rfc2253)]
  http-request set-header X-SSL-Client-CN %[ssl_c_s_dn(cn)]
  http-request set-header X-SSL-Client-Serial %[ssl_c_serial,hex]
  server app 127.0.0.1:${bench.backendPort}
`);
    return ['haproxy', '-db', '-f', path];
  });
}

export function startHitch(bench: Bench): Promise<Server | string> {
  return startInstalled('hitch', 'hitch', (port, directory) => {
    const path = configuration(directory, `frontend = "[127.0.0.1]:${port}"
backend = "[127.0.0.1]:${bench.backendPort}"
pem-file = "${bench.certificates}/server.pem"
client-verify = required
client-verify-ca = "${bench.certificates}/ca.crt"
tls-protos = TLSv1.2 TLSv1.3
workers = 1
user = "nobody"
log-level = 0
`);
    return ['hitch', `--config=${path}`];
  });
}

export function startStunnel(bench: Bench): Promise<Server | string> {
  return startInstalled('stunnel4', 'stunnel4', (port, directory) => {
    const path = configuration(directory, `foreground = yes
pid =
debug = 3
[edge]
accept = 127.0.0.1:${port}
connect = 127.0.0.1:${bench.backendPort}
cert = ${bench.certificates}/server.crt
key = ${bench.certificates}/server.key
CAfile = ${bench.certificates}/ca.crt
verifyChain = yes
sessionResume = no
options = NO_TICKET
`);
    return ['stunnel4', path];
  });
}

function configuration(directory: string, text: string): string {
  const path = join(directory, 'proxy.conf');
  writeFileSync(path, text);
  return path;
}

async function startInstalled(program: string, packageName: string, commandLine: (port: number, directory: string) => string[]): Promise<Server | string> {
  if (!isInstalled(program) && !install(packageName)) return `${program} is not installed and cannot be: apt-get install ${packageName}`;
  const port = await freePort();
  const directory = mkdtempSync(join(tmpdir(), 'tenant-mtls-bench-'));
  return startProcess(port, commandLine(port, directory), () => rmSync(directory, { recursive: true }));
}

function isInstalled(program: string): boolean {
  return spawnSync('sh', ['-c', `PATH=$PATH:/usr/sbin command -v ${program}`]).status === 0;
}

/** The packages come with services that would listen as well: they are kept from starting. */
function install(packageName: string): boolean {
  if (process.getuid?.() !== 0) return false;
  return spawnSync('apt-get', ['install', '--yes', '--no-install-recommends', packageName], { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' }, stdio: 'ignore' }).status === 0;
}

async function startProcess(port: number, [program = '', ...args]: readonly string[], afterwards = () => {}): Promise<Server> {
  const child = spawn(program, args, { stdio: 'ignore', env: { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin` } });
  await listening(port);
  return {
    port,
    pid: child.pid ?? 0,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGTERM');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      afterwards();
    },
  };
}
