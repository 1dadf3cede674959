// The nginx engine: a proxy model as the files that the sidecar's nginx is started with. Equal models give equal bytes.
import { CONFIG_FILES, SIDECAR } from '../api/names.ts';
import type { ConfigFile } from '../proxy-model/config-file.ts';
import type { ProxyModel } from '../proxy-model/model.ts';
import { paragraphs } from './block.ts';
import type { Lines } from './block.ts';
import { ENTRYPOINT } from './entrypoint.ts';
import { POD_FILE } from './entrypoint-pod-files.ts';
import { renderHttp } from './render-http.ts';
import { renderStream } from './render-stream.ts';

/**
 * The model is one that `buildProxyModel` has made and `checkEngine` found no fault with for nginx.
 * Throws Unquotable for a value that nginx cannot take at all, which `checkEngine` reports before.
 */
export function renderNginx(model: ProxyModel): ConfigFile[] {
  return [
    { path: CONFIG_FILES['nginx.conf'], mode: 0o444, content: renderConfiguration(model) },
    { path: CONFIG_FILES['entrypoint.sh'], mode: 0o555, content: ENTRYPOINT },
  ];
}

function renderConfiguration(model: ProxyModel): string {
  return `${paragraphs(main(model), renderHttp(model), renderStream(model)).join('\n')}\n`;
}

/** A connection to a client has another one to an upstream; some more are the status server's. */
function main({ maxConnections }: ProxyModel): Lines {
  return [
    '# Written by tenant-mtls; changes are overwritten. What differs from pod to pod is in the files of ../pod, written by the entrypoint.',
    `include ${POD_FILE.modules};`,
    'daemon off;',
    'pcre_jit on;',
    'worker_processes 1;',
    'worker_shutdown_timeout 15s;',
    'error_log stderr warn;',
    'ssl_object_cache_inheritable off;',
    `pid ${SIDECAR.runDirectory}/nginx.pid;`,
    `events { worker_connections ${maxConnections * 2 + 64}; }`,
  ];
}
