// Finds the route of a request by path and query, and the target it gets towards the upstream.
// Rule: what is matched is the path the upstream will mean (decoded, dots and doubled slashes resolved, as nginx does), never the spelling a client chose;
// where the two could differ for another reader the request has been refused before (ADR 10).
import type { QueryParameter, RouteModel } from '../proxy-model/model.ts';
import type { Peer } from './authorize-peer.ts';
import type { Route } from './listener-view.ts';

export interface RequestTarget {
  /** As sent. */
  readonly raw: string;
  /** Normalised. */
  readonly path: string;
  /** Without `?`; undefined where there is no `?`. */
  readonly query: string | undefined;
}

/** undefined: not a path we can judge (leaves the root, bad escape, NUL), to be answered with 400. */
export function parseTarget(sent: string): RequestTarget | undefined {
  const raw = originForm(sent);
  if (!raw.startsWith('/')) return undefined;
  const mark = raw.indexOf('?');
  const rawPath = mark < 0 ? raw : raw.slice(0, mark);
  const path = normalisePath(rawPath);
  return path === undefined ? undefined : { raw, path, query: mark < 0 ? undefined : raw.slice(mark + 1) };
}

/** `http://host/path`, as sent to proxies, means the same as `/path` (RFC 9112, 3.2.2). */
function originForm(sent: string): string {
  if (sent.startsWith('/')) return sent;
  const [, rest] = /^https?:\/\/[^/?#@]+((?:[/?#].*)?)$/i.exec(sent) ?? [];
  return rest === undefined ? sent : rest.startsWith('/') ? rest : `/${rest}`;
}

function normalisePath(raw: string): string | undefined {
  if (!raw.includes('%') && !raw.includes('//') && !raw.includes('/.')) return raw;
  const decoded = decodePath(raw);
  return decoded === undefined || decoded.includes('\0') ? undefined : resolveSegments(decoded.split('/').slice(1));
}

/** undefined: leaves the root. */
function resolveSegments(segments: readonly string[]): string | undefined {
  const kept: string[] = [];
  for (const [index, segment] of segments.entries()) {
    const isLast = index === segments.length - 1;
    if (segment === '..' && kept.pop() === undefined) return undefined;
    const isDots = segment === '.' || segment === '..';
    if (!isDots && (segment !== '' || isLast)) kept.push(segment);
    else if (isDots && isLast) kept.push('');
  }
  return `/${kept.join('/')}`;
}

/** Bytes, not characters: an upstream may not speak UTF-8. One latin1 character stands for one byte. */
function decodePath(raw: string): string | undefined {
  if (/%(?![0-9a-fA-F]{2})/.test(raw)) return undefined;
  return raw.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

export function selectRoute(routes: readonly Route[], target: RequestTarget): Route | undefined {
  return routes.find(({ model }) => target.path.startsWith(model.path) && (model.query.length === 0 || hasQuery(model.query, target.query)));
}

function hasQuery(wanted: readonly QueryParameter[], query: string | undefined): boolean {
  const sent = splitQuery(query);
  return wanted.every(({ name, value }) => sent.some((pair) => pair.name === name && pair.value === value));
}

interface SentParameter extends QueryParameter {
  readonly raw: string;
}

function splitQuery(query: string | undefined): SentParameter[] {
  if (query === undefined || query === '') return [];
  return query.split('&').map((raw) => {
    const equals = raw.indexOf('=');
    return equals < 0 ? { raw, name: decodeParameter(raw), value: '' } : { raw, name: decodeParameter(raw.slice(0, equals)), value: decodeParameter(raw.slice(equals + 1)) };
  });
}

function decodeParameter(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return text;
  }
}

/** The request target for the upstream: as sent, unless the route changes it. */
export function rewriteTarget({ path, rewritePrefix, setQuery }: RouteModel, target: RequestTarget, peer: Peer): string {
  if (rewritePrefix === undefined && setQuery.length === 0) return target.raw;
  const rawPath = target.query === undefined ? target.raw : target.raw.slice(0, target.raw.indexOf('?'));
  const newPath = rewritePrefix === undefined ? rawPath : encodePath(rewritePrefix + target.path.slice(path.length));
  const query = setQuery.length === 0 ? target.query : setParameters(setQuery, target.query, peer);
  return query === undefined ? newPath : `${newPath}?${query}`;
}

/** As nginx escapes a rewritten URI: everything but printable ASCII, and what would end the path. */
function encodePath(path: string): string {
  return path.replace(/[^!-~]|[%?#"<>\\^`{|}]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);
}

function setParameters(wanted: readonly QueryParameter[], query: string | undefined, peer: Peer): string {
  const names = new Set(wanted.map(({ name }) => name));
  // `;` separates parameters for some servers: escaped, it cannot hide one of ours.
  const kept = splitQuery(query).filter(({ name }) => !names.has(name)).map(({ raw }) => raw.replaceAll(';', '%3B'));
  return [...kept, ...wanted.map(({ name, value }) => `${encodeURIComponent(name)}=${encodeURIComponent(fill(value, peer))}`)].join('&');
}

type Verified = Extract<Peer, { kind: 'verified' }>;

const PLACEHOLDERS: Readonly<Record<string, (peer: Verified) => string | undefined>> = {
  tenant: ({ tenant }) => tenant,
  commonName: ({ certificate }) => certificate.subject.commonName,
  subject: ({ certificate }) => certificate.subject.text,
  dnsName: ({ certificate }) => certificate.dnsNames[0],
  uri: ({ certificate }) => certificate.uris[0],
  serialNumber: ({ certificate }) => certificate.serialNumber,
  publicKeySHA256: ({ certificate }) => certificate.publicKeySHA256,
  certificateSHA256: ({ certificate }) => certificate.certificateSHA256,
};

/** `{client.commonName}` and its like; empty for a client that is not verified. */
function fill(template: string, peer: Peer): string {
  return template.replace(/\{client\.([A-Za-z0-9]+)\}/g, (whole, field: string) => {
    const read = PLACEHOLDERS[field];
    if (read === undefined) return whole;
    return peer.kind === 'verified' ? (read(peer) ?? '') : '';
  });
}
