// The http block: what holds for every listener, the upstream groups, the listeners, and the sidecar's own status server.
import { SIDECAR } from '../api/names.ts';
import type { ProxyModel } from '../proxy-model/model.ts';
import { block, paragraphs } from './block.ts';
import type { Lines } from './block.ts';
import { POD_FILE } from './entrypoint-pod-files.ts';
import { renderHttpAccessLog } from './render-access-log.ts';
import { renderHttpListener, usedUpstreams } from './render-http-listener.ts';
import { COMMON_NAME_MAP } from './render-identity.ts';
import { STATUS_SERVER } from './render-status-server.ts';
import { needsResolver, renderHttpUpstream } from './render-upstreams.ts';

const DEFAULT_IDLE_MS = 60_000;

const BASICS: Lines = [
  'server_tokens off;',
  'default_type application/octet-stream;',
  'underscores_in_headers off;',
  'uninitialized_variable_warn off;',
  'map_hash_bucket_size 4096;',
  'map_hash_max_size 8192;',
  'variables_hash_max_size 8192;',
  'variables_hash_bucket_size 256;',
  ...['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${SIDECAR.runDirectory}/tmp/${name};`),
];

/** Old workers keep idle connections for the minimum while clients notice: without it a reload costs requests. */
function timeouts(idleMs: number): Lines {
  return [
    'client_header_timeout 15s;',
    `client_body_timeout ${idleMs}ms;`,
    `send_timeout ${idleMs}ms;`,
    `keepalive_timeout ${idleMs}ms;`,
    'keepalive_min_timeout 3s;',
    'keepalive_requests 100000;',
  ];
}

/** Bodies pass as they come, of any size; a request is sent again only where nothing can have happened twice. */
function forwarding(idleMs: number): Lines {
  return ['proxy', 'grpc'].flatMap((prefix) => [
    `${prefix}_connect_timeout 3s;`,
    `${prefix}_read_timeout ${idleMs}ms;`,
    `${prefix}_send_timeout ${idleMs}ms;`,
    `${prefix}_next_upstream error timeout;`,
    `${prefix}_next_upstream_tries 3;`,
    `${prefix}_buffer_size 32k;`,
    `${prefix}_socket_keepalive on;`,
  ]).concat([
    'client_max_body_size 0;',
    'large_client_header_buffers 4 32k;',
    'proxy_http_version 1.1;',
    'proxy_buffers 4 32k;',
    'proxy_busy_buffers_size 64k;',
    'proxy_buffering off;',
    'proxy_request_buffering off;',
    'proxy_redirect off;',
    'proxy_pass_trailers on;',
  ]);
}

/**
 * - $dollar: a dollar sign, where nginx would see a variable.
 * - An upgrade to HTTP/2 or TLS would make a tunnel in which the client writes its own identity headers, so it is not passed on.
 * - An upstream connection is kept unless it is upgraded. A client without Host (HTTP/1.0) still gets one towards the upstream.
 */
const MAPS: Lines = [
  'geo $dollar { default "$"; }',
  'map $http_upgrade $forwarded_upgrade { default $http_upgrade; "~*(?:h2|http|tls)" ""; }',
  'map $forwarded_upgrade $forwarded_connection { default upgrade; "" ""; }',
  'map $http_host $forwarded_host { default $http_host; "" localhost; }',
];

export function renderHttp(model: ProxyModel): Lines {
  const listeners = model.listeners.filter(({ protocol }) => protocol === 'HTTP');
  const used = new Set(listeners.flatMap((listener) => usedUpstreams(listener, model)));
  const upstreams = model.upstreams.filter((upstream) => used.has(upstream));
  const idleMs = model.idleTimeoutMs ?? DEFAULT_IDLE_MS;
  return block('http', paragraphs(
    BASICS,
    timeouts(idleMs),
    forwarding(idleMs),
    [...MAPS, ...COMMON_NAME_MAP],
    renderHttpAccessLog(model.accessLog),
    upstreams.some(needsResolver) ? [`include ${POD_FILE.resolver};`] : [],
    ...upstreams.map(renderHttpUpstream),
    ...listeners.map((listener) => renderHttpListener(listener, model)),
    STATUS_SERVER,
  ));
}
