// Header hygiene: what a client sent -> what the upstream gets, and what the upstream answered -> what the client gets.
// Rule: no spelling of an identity header from a client survives; hop-by-hop fields end here.
import type { OutgoingMessage } from 'node:http';
import { IDENTITY_HEADER } from '../proxy-model/identity-headers.ts';

type Field = 'forward' | 'drop' | 'connection' | 'forwarded-for' | 'host' | 'length' | 'coding' | 'cookie' | 'te';

const KNOWN: ReadonlyMap<string, Field> = new Map<string, Field>([
  ['connection', 'connection'], ['keep-alive', 'drop'], ['proxy-connection', 'drop'], ['proxy-authenticate', 'drop'], ['proxy-authorization', 'drop'], ['http2-settings', 'drop'],
  ['upgrade', 'drop'], ['te', 'te'], ['transfer-encoding', 'coding'], ['content-length', 'length'], ['expect', 'drop'], ['trailer', 'drop'], ['host', 'host'], ['cookie', 'cookie'],
  ['x-forwarded-for', 'forwarded-for'],
]);

const IDENTITY_PREFIX = 'x-ssl-client-';

/** Names come in the same few spellings again and again; bounded in number and length, since a client chooses them. */
const MAX_REMEMBERED = 1024;
const LONGEST_REMEMBERED = 64;

/** RFC 3986: an IP literal or a name of unreserved characters (nginx adds: no empty label), and a port. */
const HOST = /^(?!\.(?::|$)|.*\.\.)(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._~-]+)(?::\d{0,5})?$/;

/** Tells the fields of one listener apart (its certificate header is configured). */
export class HeaderPolicy {
  readonly #identity: ReadonlySet<string>;
  readonly #remembered = new Map<string, Field>();
  /** The same one comes again and again. */
  #lastHost: string | undefined;

  constructor(certificateHeader: string) {
    this.#identity = new Set([...Object.values(IDENTITY_HEADER), certificateHeader].map((name) => name.toLowerCase()));
  }

  fieldOf(name: string): Field {
    return this.#remembered.get(name) ?? this.#remember(name);
  }

  /** Whether it can be a Host: what it could do in a server's own headers and links is not for us to find out. */
  isHost(value: string): boolean {
    if (value === this.#lastHost) return true;
    if (!HOST.test(value)) return false;
    this.#lastHost = value;
    return true;
  }

  #remember(name: string): Field {
    const lower = name.toLowerCase();
    const spelled = lower.replaceAll(/[^a-z0-9-]/g, '-'); // CGI and WSGI make the same variable of `-` and `_`, and who knows of what else
    const field = this.#identity.has(spelled) || spelled.startsWith(IDENTITY_PREFIX) ? 'drop' : (KNOWN.get(lower) ?? (KNOWN.has(spelled) ? 'drop' : 'forward'));
    if (name.length <= LONGEST_REMEMBERED && this.#remembered.size < MAX_REMEMBERED) this.#remembered.set(name, field);
    return field;
  }
}

export interface RequestHeaders {
  /** Names and values in turn, for the upstream: without Host, length and coding. */
  readonly fields: string[];
  readonly host: string | undefined;
  readonly contentLength: string | undefined;
  readonly isChunked: boolean;
  /** A coding that would have to be passed on, which is not done (nor by nginx): the body would not be what the upstream takes it for. */
  readonly hasOtherCoding: boolean;
  readonly acceptsTrailers: boolean;
  /** How many there were: of several, proxies and servers would disagree which one counts. */
  readonly hosts: number;
}

interface Client {
  readonly remoteAddress: string;
  readonly identityHeaders: readonly string[];
}

/** `raw`: names and values in turn, as received. */
export function requestHeaders(raw: readonly string[], policy: HeaderPolicy, { remoteAddress, identityHeaders }: Client): RequestHeaders {
  const found = new FoundFields();
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index] ?? '';
    const value = raw[index + 1] ?? '';
    const field = policy.fieldOf(name);
    if (field === 'forward') found.fields.push(name, value);
    else found.take(field, value);
  }
  const kept = isPlain(found.connection) ? found.fields : dropNominated(found.fields, found.connection);
  if (found.cookie !== '') kept.push('Cookie', found.cookie);
  kept.push('X-Forwarded-For', found.forwardedFor + remoteAddress);
  for (const item of identityHeaders) kept.push(item);
  const { host, contentLength, isChunked, hasOtherCoding, acceptsTrailers, hosts } = found;
  return { fields: kept, host, contentLength, isChunked, hasOtherCoding, acceptsTrailers, hosts };
}

/** Fields that are not simply passed on. */
class FoundFields {
  readonly fields: string[] = [];
  connection = '';
  cookie = '';
  forwardedFor = '';
  host: string | undefined;
  hosts = 0;
  contentLength: string | undefined;
  isChunked = false;
  hasOtherCoding = false;
  acceptsTrailers = false;

  take(field: Exclude<Field, 'forward'>, value: string): void {
    if (field !== 'drop') TAKE[field](this, value);
  }
}

const TAKE: { readonly [F in Exclude<Field, 'forward' | 'drop'>]: (found: FoundFields, value: string) => void } = {
  connection: (found, value) => (found.connection += `,${value.toLowerCase()}`),
  'forwarded-for': (found, value) => (found.forwardedFor += `${value}, `),
  // HTTP/2 splits cookies; a server of HTTP/1 expects one field.
  cookie: (found, value) => (found.cookie = found.cookie === '' ? value : `${found.cookie}; ${value}`),
  host: (found, value) => {
    found.host = value;
    found.hosts += 1;
  },
  length: (found, value) => (found.contentLength = value),
  coding: (found, value) => {
    found.isChunked = true;
    found.hasOtherCoding ||= value.trim().toLowerCase() !== 'chunked';
  },
  te: (found, value) => (found.acceptsTrailers ||= /(^|[,\s])trailers\b/i.test(value)),
};

function isPlain(connection: string): boolean {
  return connection === '' || connection === ',keep-alive' || connection === ',close';
}

/** Fields that `Connection` names are for this hop only (RFC 9110, 7.6.1). Ours are added later, so a client cannot take them away. */
function dropNominated(fields: readonly string[], connection: string): string[] {
  const nominated = new Set(connection.split(',').map((option) => option.trim()));
  return fields.filter((_, index) => !nominated.has((fields[index - (index % 2)] ?? '').toLowerCase()));
}

/** Trailers are fields as well, and some servers merge them into the headers. */
export function requestTrailers(raw: readonly string[], policy: HeaderPolicy): string[] {
  return raw.filter((_, index) => policy.fieldOf(raw[index - (index % 2)] ?? '') === 'forward');
}

const RESPONSE_HOP: ReadonlySet<string> = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade', 'te', 'trailer']);

/** What an upstream answered, without what belongs to its connection. */
export function responseHeaders(raw: readonly string[]): string[] {
  const fields: string[] = [];
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index] ?? '';
    if (!isHop(name)) fields.push(name, raw[index + 1] ?? '');
  }
  return fields;
}

/** By length first: most names are not worth folding to lower case. */
function isHop(name: string): boolean {
  const { length } = name;
  return (length === 2 || length === 7 || length === 10 || length === 16 || length === 17) && RESPONSE_HOP.has(name.toLowerCase());
}

/** Trailers that Node would not send are left out as a whole: the body they follow is complete. */
export function addTrailers(message: OutgoingMessage, raw: readonly string[]): void {
  try {
    if (raw.length > 0) message.addTrailers(pairs(raw));
  } catch {
    // an invalid name or value
  }
}

/** Names and values in turn -> pairs. */
function pairs(flat: readonly string[]): [string, string][] {
  return flat.flatMap((name, index): [string, string][] => (index % 2 === 0 ? [[name, flat[index + 1] ?? '']] : []));
}
