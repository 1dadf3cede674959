// Which route a request takes, as maps: one bit for each condition, one for each route, and the first route whose bit is set.
// nginx's own order of locations (longest prefix first) is not ours (first match wins), so locations are chosen by name.
import type { ListenerModel, RouteModel } from '../proxy-model/model.ts';
import { block } from './block.ts';
import type { Lines } from './block.ts';
import { clientPatterns } from './client-patterns.ts';
import type { ClientPattern } from './client-patterns.ts';
import { queryPattern } from './query-pattern.ts';
import { escapeRegex, regexKey } from './quoting.ts';

const SOURCE: Readonly<Record<ClientPattern['over'], string>> = { subject: '$ssl_client_s_dn', 'issuer and subject': String.raw`"$ssl_client_i_dn\n$ssl_client_s_dn"` };

interface Bit {
  readonly variable: string;
  readonly map: Lines;
}

/** Of a listener with one route for everybody and everything no maps are needed. */
export function hasOneRoute({ routes: [first, ...others] }: ListenerModel): boolean {
  return first !== undefined && others.length === 0 && first.clients === undefined && first.path === '/' && first.query.length === 0;
}

/** The variable that holds the chosen route's name, and in it what `nameRoute` says of the route; `none` if no route matches. */
export function renderRouteMaps(listener: ListenerModel, nameRoute: (index: number) => string, none: string): Lines {
  const routes = listener.routes.map((route, index) => conditionsOf(listener, route, `${routeVariable(listener)}_${index}`));
  const verdicts = routes.map((bits, index) => verdictOf(bits, `${routeVariable(listener)}_${index}`));
  const choice = listener.routes.map((_, index) => `"~^0{${index}}1" ${nameRoute(index)};`);
  return [
    ...routes.flatMap((bits) => bits.flatMap(({ map }) => map)),
    ...verdicts.flatMap(({ map }) => map),
    ...block(`map "${joined(verdicts)}" ${routeVariable(listener)}`, [`default ${none};`, ...choice]),
  ];
}

/** Names of listeners are DNS labels, so the underscores are ours alone. */
export function routeVariable({ name }: ListenerModel): string {
  return `$route_${name.replaceAll('-', '_')}`;
}

function conditionsOf(listener: ListenerModel, route: RouteModel, prefix: string): Bit[] {
  return [
    ...clientBits(listener, route, prefix),
    ...(route.path === '/' ? [] : [bit(`${prefix}_path`, '$uri', [`^${escapeRegex(route.path)}`])]),
    ...route.query.map(({ name, value }, index) => bit(`${prefix}_query_${index}`, '$args', [queryPattern(name, value)])),
  ];
}

/** Rules that look at the issuer need another source than those that do not; either may match. */
function clientBits(listener: ListenerModel, { clients }: RouteModel, prefix: string): Bit[] {
  if (clients === undefined) return [];
  const patterns = clients.flatMap((client) => clientPatterns(client, listener));
  const [bySubject = [], byIssuer = []] = (['subject', 'issuer and subject'] as const).map((over) => patterns.filter((each) => each.over === over).map(({ pattern }) => pattern));
  if (byIssuer.length === 0) return [bit(`${prefix}_client`, SOURCE.subject, bySubject)];
  const issuer = bit(`${prefix}_issuer`, SOURCE['issuer and subject'], byIssuer);
  if (bySubject.length === 0) return [issuer];
  const subject = bit(`${prefix}_subject`, SOURCE.subject, bySubject);
  const either = bit(`${prefix}_client`, `"${joined([subject, issuer])}"`, ['1']);
  return [{ variable: either.variable, map: [...subject.map, ...issuer.map, ...either.map] }];
}

function bit(variable: string, source: string, patterns: readonly string[]): Bit {
  return { variable, map: block(`map ${source} ${variable}`, ['default 0;', ...patterns.map((pattern) => `${regexKey(pattern)} 1;`)]) };
}

/** All conditions hold (AND); of none or of one nothing has to be computed. */
function verdictOf(bits: readonly Bit[], variable: string): Bit {
  const [first] = bits;
  if (first === undefined) return { variable: '1', map: [] };
  if (bits.length === 1) return { variable: first.variable, map: [] };
  return bit(variable, `"${joined(bits)}"`, [`^1{${bits.length}}$`]);
}

/** Names end where the brace does. */
function joined(bits: readonly Bit[]): string {
  return bits.map(({ variable }) => variable.replace(/^\$(.*)/, '${$1}')).join('');
}
