// The stream block, there only with a TCP listener. A client without a route is refused by closing its connection.
import type { ListenerModel, ProxyModel } from '../proxy-model/model.ts';
import { block, paragraphs } from './block.ts';
import type { Lines } from './block.ts';
import { POD_FILE } from './entrypoint-pod-files.ts';
import { regexKey, word } from './quoting.ts';
import { renderTcpAccessLog } from './render-access-log.ts';
import { provenName, renderListen, usedUpstreams, verifyDepth } from './render-http-listener.ts';
import { hasOneRoute, renderRouteMaps, routeVariable } from './render-route-maps.ts';
import { renderListenerTls, renderUpstreamTls } from './render-tls.ts';
import { needsResolver, renderTcpUpstream, tcpGroup } from './render-upstreams.ts';

const DEFAULT_IDLE_MS = 3_600_000;

const BASICS: Lines = [
  'map_hash_bucket_size 4096;',
  'map_hash_max_size 8192;',
  'variables_hash_max_size 8192;',
  'variables_hash_bucket_size 256;',
];

export function renderStream(model: ProxyModel): Lines {
  const listeners = model.listeners.filter(({ protocol }) => protocol === 'TCP');
  if (listeners.length === 0) return [];
  const used = new Set(listeners.flatMap((listener) => usedUpstreams(listener, model)));
  const upstreams = model.upstreams.filter((upstream) => used.has(upstream));
  return block('stream', paragraphs(
    [...BASICS, `proxy_timeout ${model.idleTimeoutMs ?? DEFAULT_IDLE_MS}ms;`, 'proxy_connect_timeout 3s;', 'proxy_half_close on;', 'proxy_socket_keepalive on;'],
    renderLogMaps(listeners),
    renderTcpAccessLog(model.accessLog),
    upstreams.some(needsResolver) ? [`include ${POD_FILE.resolver};`] : [],
    ...upstreams.map(renderTcpUpstream),
    ...listeners.map((listener) => renderTcpListener(listener, model)),
  ));
}

/** For the log: a listener is known by its port, a route by the listener's variable. */
function renderLogMaps(listeners: readonly ListenerModel[]): Lines {
  const named = listeners.flatMap(({ name, routes }) =>
    routes.flatMap(({ target }, index) => (target.kind === 'upstream' ? [`${regexKey(`^${word(name)}:${index}$`)} ${word(target.upstream)};`] : [])),
  );
  return [
    ...block('map $server_port $listener', ['default "";', ...listeners.map(({ name, port }) => `${port} ${word(name)};`)]),
    ...block('map $listener $route', ['default "";', ...listeners.map((listener) => `${regexKey(`^${word(listener.name)}$`)} ${hasOneRoute(listener) ? '0' : routeVariable(listener)};`)]),
    ...block('map "$listener:$route" $upstream_name', ['default "";', ...named]),
  ];
}

function renderTcpListener(listener: ListenerModel, model: ProxyModel): Lines {
  const isSingle = hasOneRoute(listener);
  const group = `${routeVariable(listener)}_group`;
  return paragraphs(
    isSingle ? [] : [...renderRouteMaps(listener, String, '""'), ...groupMap(listener, group)],
    block('server', [
      ...renderListen(listener),
      ...(listener.tls === undefined ? [] : [...renderListenerTls(listener.tls, verifyDepth(listener)), 'ssl_handshake_timeout 15s;']),
      ...renderTlsOut(listener, model),
      `proxy_pass ${isSingle ? groupOf(listener, 0) : group};`,
    ]),
  );
}

function groupMap(listener: ListenerModel, variable: string): Lines {
  return block(`map ${routeVariable(listener)} ${variable}`, ['default "";', ...listener.routes.map((_, index) => `${index} ${groupOf(listener, index)};`)]);
}

function groupOf({ routes }: ListenerModel, index: number): string {
  const target = routes[index]?.target;
  if (target?.kind !== 'upstream') throw new TypeError('a TCP route without an upstream is not in the model');
  return tcpGroup(target.upstream);
}

/** proxy_ssl is per server: the builder refuses a listener whose upstreams differ in their TLS. */
function renderTlsOut(listener: ListenerModel, model: ProxyModel): Lines {
  const [first] = usedUpstreams(listener, model);
  return first?.tls === undefined ? [] : ['proxy_ssl on;', ...renderUpstreamTls(first.tls, 'proxy_ssl', provenName(first))];
}
