// Our two sidecars as they run in a pod: the real entrypoint with the files rendered for a default TenantCertificate, and the bundled Node engine.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CONFIG_FILES } from '../../../src/api/names.ts';
import { COMMAND } from '../../../src/injection/sidecar-container.ts';
import { renderNginx } from '../../../src/nginx/render-nginx.ts';
import { SIDECAR_METRICS } from '../../../src/proxy-model/sidecar-metrics.ts';
import type { Setup } from '../../../test/conformance/engine.ts';
import { nodeFiles } from '../../../test/conformance/node-engine.ts';
import { aSetup, withFiles } from '../../../test/conformance/setups.ts';
import { MountedSet, withManifest } from '../../../test/support/mounted-set.ts';
import { eventually, freePort, NginxSidecar } from '../../../test/support/nginx-sidecar.ts';
import { bundle, bundledPath } from '../../images/bundles.ts';
import type { Bench, Server } from './server.ts';

/** Errors only in the access log: the default of spec.proxy. */
const defaultSetup = ({ fleet, backendPort }: Bench): Promise<Setup> => aSetup(fleet, backendPort, { model: { accessLog: 'Errors' } });

/** Shows the set again and again, with another serial number of the server's certificate each time. */
function rotation({ fleet }: Bench, setup: Setup, show: (setup: Setup, revision: number) => void): () => void {
  const others = [{ 'certs/tls.crt': fleet.server.cert, 'certs/tls.key': fleet.server.key }];
  void fleet.customer.issue('server', { dnsNames: ['localhost'] }).then(({ cert, key }) => others.push({ 'certs/tls.crt': cert, 'certs/tls.key': key }));
  let revision = 1;
  show(setup, revision);
  return () => show(withFiles(setup, others[(revision += 1) % others.length] ?? {}), revision);
}

async function successfulReloads(port: number): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  return Number(new RegExp(`^${SIDECAR_METRICS.reloads.name}\\{result="success"\\} (\\d+)`, 'm').exec(text)?.[1] ?? 0);
}

/** `change`: of nginx.conf, to see what a directive costs. */
export async function startNginxSidecar(bench: Bench, change: (configuration: string) => string = (configuration) => configuration): Promise<Server> {
  const setup = await defaultSetup(bench);
  const sidecar = await NginxSidecar.prepare(bench.root, bench.backendPort);
  const rendered = Object.fromEntries(renderNginx({ ...setup.model, engine: 'nginx' }).map(({ path, content }) => [path, path === CONFIG_FILES['nginx.conf'] ? change(content) : content]));
  const rotate = rotation(bench, setup, ({ files }, revision) => sidecar.mounted.swap(withManifest({ ...files, ...rendered }, revision)));
  sidecar.start();
  await sidecar.reaches(({ state }) => state === 'current');
  return {
    port: setup.model.listeners[0]?.port ?? 0,
    pid: parentOf(sidecar.nginxPid), // the entrypoint, whose work counts as well
    rotate,
    reloads: () => successfulReloads(sidecar.statusPort),
    [Symbol.asyncDispose]: () => sidecar[Symbol.asyncDispose](),
  };
}

function parentOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ')[1]);
}

export async function startNodeSidecar(bench: Bench): Promise<Server> {
  await bundle();
  const base = mkdtempSync(join(tmpdir(), 'tenant-mtls-bench-node-'));
  copyFileSync(bundledPath('proxy.js'), join(base, 'proxy.mjs'));
  const files = mkdtempSync(join(base, 'files-'));
  const mounted = new MountedSet(files);
  const setup = await defaultSetup(bench);
  const rotate = rotation(bench, setup, (shown, revision) => mounted.swap(nodeFiles(shown, revision)));
  const statusPort = await freePort();
  const flags = COMMAND.node.filter((argument) => argument.startsWith('--max-'));
  const child = spawn(process.execPath, [...flags, join(base, 'proxy.mjs'), '--dir', files, '--status-host', '127.0.0.1', '--status-port', String(statusPort)], { stdio: ['ignore', 'ignore', 'inherit'] });
  await eventually(() => fetch(`http://127.0.0.1:${statusPort}/status`).then(({ ok }) => (ok ? true : undefined), () => undefined), 'a loaded configuration');
  return {
    port: setup.model.listeners[0]?.port ?? 0,
    pid: child.pid ?? 0,
    rotate,
    reloads: () => successfulReloads(statusPort),
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL');
      await once(child, 'exit');
      rmSync(base, { recursive: true });
    },
  };
}
