// An HTTP listener as a server block. Routes are named locations; which one is decided by the maps of render-route-maps.ts.
import { AMBIGUOUS_PATH, judgesPaths } from '../proxy-model/ambiguous-path.ts';
import type { ListenerModel, ProxyModel, RouteModel, UpstreamModel } from '../proxy-model/model.ts';
import { block, paragraphs } from './block.ts';
import type { Lines } from './block.ts';
import { POD_FILE } from './entrypoint-pod-files.ts';
import { escapeRegex, interpolated, literal, pieces, regexArgument, word } from './quoting.ts';
import { renderIdentityHeaders } from './render-identity.ts';
import { hasOneRoute, renderRouteMaps, routeVariable } from './render-route-maps.ts';
import { renderListenerTls, renderUpstreamTls } from './render-tls.ts';
import { httpGroup } from './render-upstreams.ts';

export function renderHttpListener(listener: ListenerModel, model: ProxyModel): Lines {
  if (listener.redirect !== undefined) return block('server', paragraphs(renderBinding(listener), redirect(listener.redirect)));
  const isSingle = hasOneRoute(listener);
  return paragraphs(
    isSingle ? [] : renderRouteMaps(listener, (index) => `@${listener.name}-${index}`, `@${listener.name}-none`),
    block('server', paragraphs(renderBinding(listener), renderTls(listener), renderPathCheck(listener), renderHeaders(listener, model), isSingle ? only(listener, model) : chosen(listener, model))),
  );
}

/** The address part of `listen`, in http and stream: the pod's own port from its include, all addresses as both families. */
export function renderListen({ bind, port, portFromPod, tls }: ListenerModel): Lines {
  if (portFromPod) return [`include ${POD_FILE.listen};`];
  const parameters = tls === undefined ? '' : ' ssl';
  const addresses = bind === '' ? ['', '[::]:'] : [bind.includes(':') ? `[${word(bind)}]:` : `${word(bind)}:`];
  return addresses.map((address) => `listen ${address}${port}${parameters};`);
}

/** A line without a version is a request of HTTP/0.9 to nginx: no header of it could be checked, and its answer has no status. */
const REFUSE_HTTP_0_9 = block('if ($server_protocol = HTTP/0.9)', ['return 400;']);

function renderBinding(listener: ListenerModel): Lines {
  return [...renderListen(listener), `server_name ${word(listener.name)};`, 'http2 on;', ...REFUSE_HTTP_0_9];
}

/** Anchors are the issuing authorities where a route goes by tenant (the builder has seen to it): a longer chain could carry a forged issuer. */
export function verifyDepth({ routes }: ListenerModel): 0 | undefined {
  return routes.some(({ clients }) => clients?.some(({ tenant }) => tenant !== undefined)) ? 0 : undefined;
}

function renderTls(listener: ListenerModel): Lines {
  return listener.tls === undefined ? [] : renderListenerTls(listener.tls, verifyDepth(listener));
}

function renderPathCheck(listener: ListenerModel): Lines {
  return judgesPaths(listener) ? block(`if ($request_uri ~* ${regexArgument(AMBIGUOUS_PATH)})`, ['return 400;']) : [];
}

const FORWARDED: readonly (readonly [string, string])[] = [
  ['Host', '$forwarded_host'],
  ['X-Forwarded-For', '$proxy_add_x_forwarded_for'],
  // A hop-by-hop field of old browsers that nginx does not know as one.
  ['Proxy-Connection', '""'],
];

function renderHeaders(listener: ListenerModel, model: ProxyModel): Lines {
  const used = usedUpstreams(listener, model);
  const header = (directive: string) => [...FORWARDED.map(([name, value]) => `${directive} ${name} ${value};`), ...renderIdentityHeaders(listener, directive)];
  return [
    ...(used.some(({ protocol }) => protocol === 'HTTP1')
      ? [...header('proxy_set_header'), 'proxy_set_header Connection $forwarded_connection;', 'proxy_set_header Upgrade $forwarded_upgrade;']
      : []),
    ...(used.some(({ protocol }) => protocol === 'H2C') ? header('grpc_set_header') : []),
  ];
}

/** Upstreams of the model that the listener's routes name. */
export function usedUpstreams({ routes }: ListenerModel, { upstreams }: ProxyModel): UpstreamModel[] {
  return upstreams.filter(({ name }) => routes.some(({ target }) => target.kind === 'upstream' && target.upstream === name));
}

function redirect({ scheme, port, statusCode }: NonNullable<ListenerModel['redirect']>): Lines {
  const suffix = port === { http: 80, https: 443 }[scheme] ? '' : `:${port}`;
  return [`return ${statusCode} "${scheme}://$host${suffix}$request_uri";`];
}

function only(listener: ListenerModel, model: ProxyModel): Lines {
  return listener.routes.slice(0, 1).flatMap((route) => block('location /', renderRoute(route, 0, model)));
}

/** 418 stands for "go to the location in the variable": it never leaves the server. */
function chosen(listener: ListenerModel, model: ProxyModel): Lines {
  return paragraphs(
    block('location /', [`error_page 418 = ${routeVariable(listener)};`, 'return 418;']),
    ...listener.routes.map((route, index) => block(`location @${word(listener.name)}-${index}`, renderRoute(route, index, model))),
    block(`location @${word(listener.name)}-none`, ['return 503;']),
  );
}

function renderRoute(route: RouteModel, index: number, model: ProxyModel): Lines {
  const marked = [`set $route ${index};`];
  const { target } = route;
  if (target.kind === 'response') return [...marked, ...renderResponse(target)];
  const upstream = model.upstreams.find(({ name }) => name === target.upstream);
  if (upstream === undefined) throw new TypeError(`route to an upstream that is not in the model: ${target.upstream}`);
  return [...marked, `set $upstream_name ${word(upstream.name)};`, ...renderRewrite(route), ...renderPass(upstream)];
}

/** The body in pieces, as nginx limits the length of an argument. */
function renderResponse({ statusCode, contentType, body }: Extract<RouteModel['target'], { kind: 'response' }>): Lines {
  const parts = pieces(body);
  return [
    'types {}',
    `default_type ${literal(contentType)};`,
    ...parts.map((part, index) => `set $body_${index} ${interpolated(part)};`),
    `return ${statusCode} "${parts.map((_, index) => `\${body_${index}}`).join('')}";`,
  ];
}

function renderRewrite({ path, rewritePrefix }: RouteModel): Lines {
  if (rewritePrefix === undefined) return [];
  const target = interpolated(rewritePrefix).slice(0, -1);
  return [`rewrite ${regexArgument(`(?s)^${escapeRegex(path)}(.*)$`)} ${target}$1" break;`];
}

function renderPass(upstream: UpstreamModel): Lines {
  const isGrpc = upstream.protocol === 'H2C';
  const [directive, scheme] = isGrpc ? ['grpc_pass', 'grpc'] : ['proxy_pass', 'http'];
  const pass = `${directive} ${scheme}${upstream.tls === undefined ? '' : 's'}://${httpGroup(upstream.name)};`;
  return upstream.tls === undefined ? [pass] : [...renderUpstreamTls(upstream.tls, isGrpc ? 'grpc_ssl' : 'proxy_ssl', provenName(upstream)), pass];
}

/** The builder refuses addresses of several hosts without a name for all. */
export function provenName({ tls, addresses: [first] }: UpstreamModel): string {
  return tls?.serverName ?? (first?.kind === 'address' ? first.host : 'localhost');
}
