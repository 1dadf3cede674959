// The sidecar's own server on the status port: plain HTTP, read only. What it serves is written by the entrypoint.
import { SIDECAR } from '../api/names.ts';
import { block, paragraphs } from './block.ts';
import type { Lines } from './block.ts';
import { POD_FILE } from './entrypoint-pod-files.ts';

/** Published by the entrypoint when workers have answered for a generation; 404 before. */
function published(path: string, file: string, type: string): Lines {
  return block(`location = ${path}`, ['types {}', `default_type "${type}";`, 'add_header Cache-Control no-store;', `alias ${SIDECAR.runDirectory}/${file};`]);
}

export const STATUS_SERVER: Lines = block('server', paragraphs(
  // For the log format, where no listener sets them.
  ['set $route "";', 'set $upstream_name "";'],
  [`include ${POD_FILE.statusListen};`, 'server_name status;', 'access_log off;', 'proxy_set_header Connection "";', 'log_not_found off;', 'keepalive_min_timeout 0s;'],
  block('location = /healthz', ['default_type text/plain;', String.raw`return 200 "ok\n";`]),
  published('/status', 'status.json', 'application/json'),
  published('/metrics', 'metrics', 'text/plain; version=0.0.4'),
  block('location = /generation', ['default_type text/plain;', `include ${POD_FILE.generation};`]),
  block('location = /connections', ['allow 127.0.0.1;', 'deny all;', 'stub_status;']),
  [`include ${POD_FILE.probes};`],
  block('location /', ['return 404;']),
));
