// The nginx engine: the real entrypoint and the real nginx in a root directory of their own.
import { renderNginx } from '../../src/nginx/render-nginx.ts';
import { withManifest, type Files } from '../support/mounted-set.ts';
import { nginxRoot } from '../support/nginx-root.ts';
import { NginxSidecar } from '../support/nginx-sidecar.ts';
import type { Engine, RunningEngine, Setup } from './engine.ts';
import { stale } from './setups.ts';

const UNUSED_APP_PORT = 9;
export function nginxEngine(): Engine {
  const root = nginxRoot();
  return {
    name: 'nginx',
    ...('missing' in root ? { missing: root.missing } : {}),
    abilities: new Set(),
    start: (setup) => start('missing' in root ? '' : root.directory, setup),
  };
}

function filesOf({ model, files }: Setup, revision: number): Files {
  const rendered = renderNginx({ ...model, engine: 'nginx' }).map(({ path, content }) => [path, content]);
  return withManifest({ ...files, ...Object.fromEntries(rendered) }, revision);
}

async function start(root: string, setup: Setup): Promise<RunningEngine> {
  const sidecar = await NginxSidecar.prepare(root, UNUSED_APP_PORT);
  const ports = new Map(setup.model.listeners.map(({ name, port }) => [name, port]));
  let revision = 0;
  const swap = (shown: Setup, manifest: 'whole' | 'stale' = 'whole') => {
    const files = filesOf(shown, (revision += 1));
    sidecar.mounted.swap(manifest === 'whole' ? files : stale(files));
  };
  swap(setup);
  sidecar.start();
  await sidecar.reaches(({ state }) => state === 'current');
  return {
    port: (listener) => ports.get(listener) ?? 0,
    swap,
    reaches: (is, timeoutMs) => sidecar.reaches(is, timeoutMs),
    metrics: async () => (await sidecar.ask('/metrics'))?.body ?? '',
    log: () => sidecar.log,
    stop: async () => {
      sidecar.signal('SIGTERM');
      await sidecar.ended();
    },
    [Symbol.asyncDispose]: () => sidecar[Symbol.asyncDispose](),
  };
}
