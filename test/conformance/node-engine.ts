// The node engine in this process: the same composition as in the container, on a directory of its own.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SidecarStatus } from '../../src/api/manifest.ts';
import { runProxy, type ProxyOptions } from '../../src/sidecar/run-proxy.ts';
import { MountedSet, withManifest, type Files } from '../support/mounted-set.ts';
import { eventually } from '../support/nginx-sidecar.ts';
import type { Engine, RunningEngine, Setup } from './engine.ts';
import { stale } from './setups.ts';

export function nodeFiles({ model, files }: Setup, revision: number): Files {
  return withManifest({ ...files, 'conf/proxy.json': JSON.stringify(model) }, revision);
}

export function nodeEngine(changes: Partial<ProxyOptions> = {}): Engine {
  return {
    name: 'node',
    abilities: new Set(['tenant', 'san', 'sha256', 'cutsRevoked', 'proxyProtocol', 'setQuery', 'keepsTcpOverReload', 'refusesBadCrl', 'connectionLimit', 'drains']),
    start: (setup) => start(setup, changes),
  };
}

async function start(setup: Setup, changes: Partial<ProxyOptions>): Promise<RunningEngine> {
  const directory = mkdtempSync(join(tmpdir(), 'tenant-mtls-node-'));
  const mounted = new MountedSet(directory);
  let revision = 0;
  const show = (shown: Setup, manifest: 'whole' | 'stale' = 'whole') => {
    const files = nodeFiles(shown, (revision += 1));
    mounted.swap(manifest === 'whole' ? files : stale(files));
  };
  show(setup);
  let log = '';
  const stop = new AbortController();
  const proxy = await runProxy({
    directory, manifest: 'required', statusPort: 0, statusHost: '127.0.0.1', pod: {}, listenTables: [], handshakeTimeoutMs: 10_000, drainTimeoutMs: 5000,
    output: { write: (text) => (log += text) },
    ...changes,
  }, stop.signal);
  const ask = (path: string) => fetch(`http://127.0.0.1:${proxy.statusPort}${path}`);
  const end = async () => {
    stop.abort();
    await proxy.finished;
  };
  return {
    port: (listener) => proxy.port(listener) ?? fail(`no listener ${listener}: ${log}`),
    swap: show,
    reaches: (is, timeoutMs) => eventually(async () => {
      const response = await ask('/status');
      const status = (await response.json()) as SidecarStatus;
      return response.ok && is(status) ? status : undefined;
    }, 'the expected status', timeoutMs),
    metrics: async () => (await ask('/metrics')).text(),
    log: () => log,
    stop: end,
    [Symbol.asyncDispose]: async () => {
      proxy.kill();
      await end();
      rmSync(directory, { recursive: true });
    },
  };
}

function fail(message: string): never {
  throw new Error(message);
}
