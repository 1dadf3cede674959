// Which fields of the spec ask for a feature, found in the model. Listeners, routes and upstreams of the model are in the order of the spec.
import { isIP } from 'node:net';
import type { Authority, ClientMatch, ListenerModel, ProxyModel, RouteModel, UpstreamModel } from './model.ts';

type Fields = (model: ProxyModel) => string[];

export function fieldsOfClients(key: keyof ClientMatch): Fields {
  return (model) =>
    routeFields(model).flatMap(({ route, field }) => (route.clients ?? []).flatMap((client, index) => (client[key] === undefined ? [] : [`${field}.clients[${index}].${key}`])));
}

export function fieldsOfRoutes(uses: (route: RouteModel) => boolean, key: string): Fields {
  return (model) => routeFields(model).flatMap(({ route, field }) => (uses(route) ? [`${field}.${key}`] : []));
}

export function fieldsOfUpstreams(uses: (upstream: UpstreamModel) => boolean, key: string): Fields {
  return ({ upstreams }) => upstreams.flatMap((upstream, index) => (uses(upstream) ? [`spec.proxy.upstreams[${index}].${key}`] : []));
}

/** One name for all addresses is all that proxy_ssl_name can say. */
export const fieldsOfVaryingNames: Fields = fieldsOfUpstreams(({ tls, addresses }) => tls !== undefined && tls.serverName === undefined && hostsOf(addresses).size > 1, 'tls.serverName');

/** nginx compares names only, never an address with the addresses of a certificate. */
export const fieldsOfProvenAddresses: Fields = fieldsOfUpstreams(({ tls, addresses }) => tls !== undefined && [...(tls.serverName === undefined ? hostsOf(addresses) : [tls.serverName])].some((name) => isIP(name) !== 0), 'tls.serverName');

export const fieldsOfMixedTrust: Fields = fieldsOfUpstreams(({ tls }) => tls?.trust.system === true && tls.trust.certificates !== undefined, 'tls.trust');

/** A subject that belongs to two owners does not tell whose client it is. Two anchors of one tenant (while its authority is replaced) do. */
export function fieldsOfSharedSubjects(model: ProxyModel): string[] {
  return model.listeners.flatMap((listener, index) =>
    usesTenants(listener) && hasSharedSubject(listener.tls?.trust?.authorities ?? []) ? [`spec.proxy.listeners[${index}].tls.trust`] : [],
  );
}

export function fieldsOfMixedTcpTls(model: ProxyModel): string[] {
  return model.listeners.flatMap((listener, index) => {
    if (listener.protocol !== 'TCP') return [];
    const [first, ...others] = model.upstreams.filter(({ name }) => listener.routes.some(({ target }) => target.kind === 'upstream' && target.upstream === name)).map(tlsOut);
    return others.every((other) => other === first) ? [] : [`spec.proxy.listeners[${index}].routes`];
  });
}

/** TLS settings including the name that is proven, as text to compare: the builder makes its objects with keys in one order. */
function tlsOut({ tls, addresses }: UpstreamModel): string {
  return tls === undefined ? '' : JSON.stringify({ serverName: [...hostsOf(addresses)][0], ...tls });
}

function hostsOf(addresses: UpstreamModel['addresses']): Set<string> {
  return new Set(addresses.map((address) => (address.kind === 'app' ? 'localhost' : address.host)));
}

function usesTenants({ routes }: ListenerModel): boolean {
  return routes.some(({ clients }) => clients?.some(({ tenant }) => tenant !== undefined));
}

function hasSharedSubject(authorities: readonly Authority[]): boolean {
  const owners = new Map<string, string>();
  return authorities.some(({ subject, tenant, sha256 }) => {
    const owner = tenant ?? sha256;
    const known = owners.get(subject) ?? owner;
    owners.set(subject, owner);
    return known !== owner;
  });
}

function routeFields({ listeners }: ProxyModel): { route: RouteModel; field: string }[] {
  return listeners.flatMap(({ routes }, listener) => routes.map((route, index) => ({ route, field: `spec.proxy.listeners[${listener}].routes[${index}]` })));
}
