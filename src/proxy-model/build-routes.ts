// Routes of a listener, and what a route may not be for its listener and its upstream.
import type { ClientRule, ListenerSpec, RouteSpec } from '../api/tenant-certificate.ts';
import type { ClientMatch, ListenerModel, ProxyModel, RouteModel, RouteTarget, UpstreamModel } from './model.ts';
import { refuse } from './proxy-refused.ts';
import { normaliseSubject } from './subject-text.ts';

type Frame = Pick<ListenerModel, 'protocol' | 'tls'>;
type Upstreams = ProxyModel['upstreams'];

/** Absent: everything to the first upstream. */
export function buildRoutes(spec: ListenerSpec, frame: Frame, upstreams: Upstreams, field: string): RouteModel[] {
  if (spec.routes === undefined) return [allTo(upstreams[0], frame, field)];
  return spec.routes.map((route, index) => buildRoute(route, frame, upstreams, `${field}.routes[${index}]`));
}

export function allTo(upstream: UpstreamModel | undefined, frame: Frame, field: string): RouteModel {
  if (upstream === undefined) refuse('spec.proxy.upstreams', 'at least one upstream is needed');
  checkPair(upstream, frame, field);
  return { path: '/', query: [], setQuery: [], target: { kind: 'upstream', upstream: upstream.name } };
}

function buildRoute(spec: RouteSpec, frame: Frame, upstreams: Upstreams, field: string): RouteModel {
  const { clients, path = '/', query = [], setQuery = [], rewritePrefix } = spec;
  checkProtocol(spec, frame, field);
  return {
    ...(clients === undefined ? {} : { clients: clients.map((client, index) => buildClient(client, frame, `${field}.clients[${index}]`)) }),
    path,
    query,
    ...(rewritePrefix === undefined ? {} : { rewritePrefix }),
    setQuery,
    target: buildTarget(spec, frame, upstreams, field),
  };
}

function checkProtocol({ path, query, rewritePrefix, setQuery, response, upstream }: RouteSpec, { protocol }: Frame, field: string): void {
  if (protocol === 'TCP') {
    const httpOnly = Object.entries({ path, query, rewritePrefix, setQuery, response }).find(([, value]) => value !== undefined);
    if (httpOnly !== undefined) refuse(`${field}.${httpOnly[0]}`, 'a TCP listener knows clients and upstream only');
  }
  if (upstream === undefined && rewritePrefix !== undefined) refuse(`${field}.rewritePrefix`, 'has no meaning without an upstream');
  if (upstream === undefined && setQuery !== undefined) refuse(`${field}.setQuery`, 'has no meaning without an upstream');
}

function buildTarget({ upstream, response }: RouteSpec, frame: Frame, upstreams: Upstreams, field: string): RouteTarget {
  if (response !== undefined) {
    // oxlint-disable-next-line no-control-regex -- control characters are what is refused here
    if (/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/.test(response.body)) refuse(`${field}.response.body`, 'contains a control character');
    return { kind: 'response', ...response };
  }
  const found = upstreams.find(({ name }) => name === upstream);
  if (upstream === undefined || found === undefined) refuse(`${field}.upstream`, `there is no upstream "${upstream ?? ''}"; there are: ${upstreams.map(({ name }) => name).join(', ')}`);
  checkPair(found, frame, `${field}.upstream`);
  return { kind: 'upstream', upstream };
}

/** May this listener send to this upstream? */
function checkPair(upstream: UpstreamModel, { protocol, tls }: Frame, field: string): void {
  const { name } = upstream;
  if (tls === undefined && upstream.tls === undefined) refuse(field, `plaintext in and plaintext out to "${name}": give the listener tls or the upstream`);
  if (protocol === 'TCP' && upstream.protocol === 'H2C') refuse(field, `upstream "${name}" speaks H2C, which is for HTTP listeners`);
  if (protocol === 'TCP' && upstream.healthCheck !== undefined) refuse(field, `upstream "${name}" has a healthCheck, which is for HTTP listeners`);
  if (protocol === 'HTTP' && upstream.proxyProtocol !== undefined) refuse(field, `upstream "${name}" has proxyProtocol, which is for TCP listeners; over HTTP the identity is in headers`);
}

function buildClient(rule: ClientRule, { tls }: Frame, field: string): ClientMatch {
  if (tls?.trust === undefined) refuse(field, 'rules about clients need tls.clientAuth Required or Optional: otherwise no client is verified');
  if (Object.keys(rule).length === 0) refuse(field, 'at least one field is needed');
  if (rule.tenant !== undefined && tls.trust.authorities.every(({ tenant }) => tenant !== rule.tenant)) {
    refuse(`${field}.tenant`, `the listener does not trust tenant "${rule.tenant}", so no client can match; name it in tls.trust`);
  }
  if (rule.subject === undefined) return rule;
  const subject = normaliseSubject(rule.subject) ?? refuse(`${field}.subject`, 'not a distinguished name such as CN=customer1.example,O=Customer1');
  return { ...rule, subject };
}
