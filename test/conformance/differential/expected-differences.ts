// The only differences between the engines that are expected, each with its reason. What is not in here fails.
import { METHODS } from 'node:http';
import { CAPABILITIES } from '../../../src/proxy-model/capabilities.ts';
import type { Outcome } from './observe.ts';
import type { Seen } from './recording-app.ts';

interface Outcomes {
  readonly nginx: Outcome;
  readonly node: Outcome;
}

export interface Difference {
  readonly reason: string;
  /** Whether the bytes sent are such that it may show. */
  readonly input: (bytes: string) => boolean;
  /** And what may be different then. */
  readonly allows: (outcomes: Outcomes) => boolean;
}

/** The differences below are ones of these features: a table that no longer says so makes the test fail. */
export const FEATURES_OF_NODE = {
  fingerprint: 'header X-SSL-Client-SHA256',
  forwardedCertificate: 'header X-Forwarded-Client-Cert with By, Hash, Subject, URI and DNS',
  prefix: 'taking away every request header that begins with X-SSL-Client-, not only the ones it sets',
} as const;

export function missingFeatures(): string[] {
  const ofNode = new Set(CAPABILITIES.filter(({ engines }) => engines.length === 1 && engines[0] === 'node').map(({ feature }) => feature));
  return Object.values(FEATURES_OF_NODE).filter((feature) => !ofNode.has(feature));
}

interface FieldRule {
  readonly reason: string;
  readonly only: 'nginx' | 'node';
  readonly name: RegExp;
  /** Absent: whatever was sent. */
  readonly input?: (bytes: string) => boolean;
}

/** Fields that only one engine sends on. */
const FIELD_RULES: readonly FieldRule[] = [
  { reason: FEATURES_OF_NODE.fingerprint, only: 'node', name: /^x-ssl-client-sha256$/ },
  { reason: FEATURES_OF_NODE.forwardedCertificate, only: 'node', name: /^x-forwarded-client-cert$/ },
  { reason: FEATURES_OF_NODE.prefix, only: 'nginx', name: /^x-ssl-client-(?!(?:verify|dn|cn|serial|sha256)$)/ },
  { reason: 'nginx drops every name with other than letters, digits and hyphens, the node engine those that could be taken for one of its own', only: 'node', name: /[^a-z0-9-]/ },
  { reason: 'nginx passes fields on that are for one hop only (RFC 9110, 7.6.1) but mean nothing to it', only: 'nginx', name: /^(?:http2-settings|proxy-authorization|proxy-authenticate|trailer)$/ },
  { reason: 'nginx passes an Upgrade on that Connection does not name, or that comes with a body', only: 'nginx', name: /^upgrade$/, input: (bytes) => !/\nconnection:[^\n]*\bupgrade\b/i.test(headOf(bytes)) || bodyOf(bytes) !== '' },
  { reason: 'a request of HTTP/1.0 without Host gets one of the engine\'s choice', only: 'nginx', name: /^host$/, input: hasNoHost },
  { reason: 'a request of HTTP/1.0 without Host gets one of the engine\'s choice', only: 'node', name: /^host$/, input: hasNoHost },
];

function hasNoHost(bytes: string): boolean {
  return requestLine(bytes).endsWith(' HTTP/1.0') && !fieldLines(bytes).some((line) => /^host:/i.test(line));
}

/** Each engine frames the body and keeps its connection to the app as it likes; bodies are compared by what is in them. */
const OWN_TO_A_HOP = new Set(['connection', 'content-length', 'transfer-encoding']);

/** What an engine has sent on, without what is expected to differ. */
export function comparable({ requests, ...rest }: Outcome, engine: keyof Outcomes, bytes: string): unknown {
  return { ...rest, statuses: rest.statuses.filter((status) => status !== 100), requests: requests.map((request) => ({ ...request, headers: comparableFields(request, engine, bytes) })) };
}

/** Of a value; the beginning of a certificate says enough. */
const SHOWN_CHARACTERS = 100;

function comparableFields({ headers }: Seen, engine: keyof Outcomes, bytes: string): string[] {
  const nominated = nominatedBy(bytes);
  const fields = headers.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()] as const);
  const kept = fields.filter(([name]) => !OWN_TO_A_HOP.has(name) && !FIELD_RULES.some((rule) => rule.only === engine && rule.name.test(name) && rule.input?.(bytes) !== false))
    // Fields that Connection names are for one hop; nginx passes them on.
    .filter(([name]) => engine === 'node' || !nominated.has(name));
  const cookies = kept.flatMap(([name, value]) => (name === 'cookie' ? [value] : []));
  const others = kept.flatMap(([name, value]) => (name === 'cookie' ? [] : [`${name}: ${value.slice(0, SHOWN_CHARACTERS)}`]));
  // The node engine joins them, as a server of HTTP/1 expects it.
  return [...others, ...(cookies.length === 0 ? [] : [`cookie: ${cookies.join('; ')}`])].sort();
}

const SET_BY_THE_PROXY = new Set(['host', 'x-forwarded-for', 'x-ssl-client-cn', 'x-tls-client-cert', 'x-ssl-client-verify', 'x-ssl-client-dn', 'x-ssl-client-serial']);

function nominatedBy(bytes: string): Set<string> {
  const options = fieldLines(bytes).flatMap((line) => (/^connection:/i.test(line) ? line.slice(11).split(',') : []));
  return new Set(options.map((option) => option.trim().toLowerCase()).filter((name) => !SET_BY_THE_PROXY.has(name)));
}

function headOf(bytes: string): string {
  return bytes.replace(/^[\r\n]+/, '').split(/\r?\n\r?\n/, 1)[0] ?? '';
}

function requestLine(bytes: string): string {
  return headOf(bytes).split(/\r?\n/, 1)[0] ?? '';
}

function fieldLines(bytes: string): string[] {
  return headOf(bytes).split(/\r?\n/).slice(1);
}

function bodyOf(bytes: string): string {
  return bytes.slice(bytes.indexOf('\r\n\r\n') + 4);
}

const complete = ({ requests }: Outcome): string[] => requests.filter(({ isComplete }) => isComplete).map(({ line, body }) => `${line}\n${body}`);

const hasRefused = ({ statuses, unnumbered, fate }: Outcome): boolean => fate === 'closed' && (unnumbered || (statuses.at(-1) ?? 400) >= 400);

/** `strict` served what `lenient` did, up to a point; there it told the client no and sent it away. */
function isStricter(strict: Outcome, lenient: Outcome): boolean {
  const served = complete(strict);
  return hasRefused(strict) && served.length < Math.max(1, complete(lenient).length) && complete(lenient).slice(0, served.length).join('\n') === served.join('\n');
}

const nodeIsStricter = ({ nginx, node }: Outcomes): boolean => isStricter(node, nginx);

/** Both have told the client no; of a body found bad in the middle one may have sent the beginning on, and the app knows that it is not complete. */
const bothRefuse = ({ nginx, node }: Outcomes): boolean => hasRefused(nginx) && hasRefused(node) && complete(nginx).join('\n') === complete(node).join('\n');

/** What both answered they answered alike, and one has closed before the other. */
function servedLess({ nginx, node }: Outcomes): boolean {
  const [less = '', more = ''] = [nginx, node].map(({ statuses }) => statuses.filter((status) => status !== 100).join()).sort((a, b) => a.length - b.length);
  return nginx.fate === 'closed' && node.fate === 'closed' && less !== '' && more.startsWith(less);
}

function isKnown(line: string): boolean {
  return METHODS.includes(line.split(' ', 1)[0] ?? '');
}

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** As the node engine wants it. */
const HOST = /^host:[ \t]*(?:\[[0-9a-f:.]+\]|[a-z0-9._~-]+)(?::\d{0,5})?[ \t]*$/i;

export const DIFFERENCES: readonly Difference[] = [
  { reason: 'each engine has numbers of its own for its refusals', input: () => true, allows: bothRefuse },
  { reason: 'nginx takes a bare line feed for the end of a line, and sends CR LF on', input: (bytes) => /(?:^|[^\r])\n/.test(bytes), allows: nodeIsStricter },
  { reason: 'the node engine takes the methods that Node knows', input: (bytes) => !isKnown(requestLine(bytes)), allows: nodeIsStricter },
  { reason: 'the same, where the end of a body has eaten into what follows', input: () => true, allows: (outcomes) => outcomes.nginx.requests.some(({ line }) => !isKnown(line)) && nodeIsStricter(outcomes) },
  { reason: 'the node engine takes HTTP/1.1 and HTTP/1.0, nginx any minor version', input: (bytes) => !/ HTTP\/1\.[01]$/.test(requestLine(bytes)), allows: nodeIsStricter },
  { reason: 'nginx takes spaces around the parts of the request line', input: (bytes) => / {2}| $/.test(requestLine(bytes)), allows: nodeIsStricter },
  { reason: 'the node engine takes no control characters and no bytes beyond ASCII in a target', input: (bytes) => /[^\x20-\x7e]/.test(requestLine(bytes)), allows: nodeIsStricter },
  { reason: 'nginx drops a field without a proper name, the node engine refuses the request', input: (bytes) => fieldLines(bytes).some((line) => !TOKEN.test(line.split(':', 1)[0] ?? '') || !line.includes(':')), allows: nodeIsStricter },
  // oxlint-disable-next-line no-control-regex -- control characters are what it is about
  { reason: 'nginx passes control characters in a value on', input: (bytes) => fieldLines(bytes).some((line) => /[\x00-\x08\x0b-\x1f\x7f]/.test(line)), allows: nodeIsStricter },
  { reason: 'nginx reads over extensions of chunks, and over trailers, which it drops', input: (bytes) => /\ntransfer-encoding:/i.test(headOf(bytes)) && bodyOf(bytes) !== '4\r\nabcd\r\n0\r\n\r\n', allows: nodeIsStricter },
  { reason: 'the node engine takes names, addresses and a port in Host, nginx nearly anything', input: (bytes) => fieldLines(bytes).some((line) => /^host:/i.test(line) && !HOST.test(line)), allows: nodeIsStricter },
  { reason: 'nginx takes any scheme in front of a target, the node engine http and https', input: (bytes) => !/^[^ ]* (?:\/|https?:)/i.test(requestLine(bytes)), allows: nodeIsStricter },
  { reason: 'a tab around a value (RFC 9110, 5.5) is part of it to nginx', input: (bytes) => fieldLines(bytes).some((line) => line.includes('\t')), allows: ({ nginx, node }) => isStricter(nginx, node) },
  { reason: 'nginx waits for the rest of a body it has refused', input: () => true, allows: ({ nginx, node }) => hasRefused({ ...nginx, fate: 'closed' }) && bothRefuse({ nginx: { ...nginx, fate: 'closed' }, node }) },
  { reason: 'the node engine closes behind an answer that came before the 100 (Continue) asked for', input: (bytes) => fieldLines(bytes).some((line) => /^expect: *100-continue/i.test(line)), allows: servedLess },
  { reason: 'the node engine closes behind a request whose upgrade it declines', input: (bytes) => /\nupgrade:/i.test(headOf(bytes)) && /\nconnection:[^\n]*\bupgrade\b/i.test(headOf(bytes)), allows: servedLess },
  { reason: 'where Connection fields contradict each other nginx takes the last one and the node engine the close; Node takes Proxy-Connection for one', input: (bytes) => fieldLines(bytes).filter((line) => /^connection:/i.test(line)).length > 1 || /\nproxy-connection:/i.test(headOf(bytes)), allows: servedLess },
];
