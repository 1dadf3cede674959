// How names of each kind are cut into elements, for patterns and for names that are asked for.
// Rule: what is not of the plain form of its kind is refused or compared as a whole, never interpreted.
import { literal, parseElements } from './token-pattern.ts';
import type { Pattern } from './token-pattern.ts';

export type NameKind = 'commonNames' | 'dnsNames' | 'uris' | 'emailAddresses';
export const NAME_KINDS: readonly NameKind[] = ['commonNames', 'dnsNames', 'uris', 'emailAddresses'];

interface Parser {
  /** Elements of a name that is asked for; the first tells the form, so that forms never match each other. */
  readonly parseName: (name: string) => readonly string[] | undefined;
  readonly parsePattern: (pattern: string) => Pattern | undefined;
}

const LABEL = /^[A-Za-z0-9_-]{1,63}$/u;
const SEGMENT = /^[A-Za-z0-9._~!$&'()+,;=:@-]{1,255}$/u;
const LOCAL_PART = /^(?=.{1,64}$)[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*$/u;
const HIERARCHICAL = /^([a-z][a-z0-9+.-]{0,31}:\/\/[A-Za-z0-9._-]{1,253}(?::\d{1,5})?)(?:\/(.*))?$/u;

function label(text: string): string | undefined {
  return LABEL.test(text) ? text : undefined;
}

/** Lower case, but only after the check: `toLowerCase` makes a plain k of the Kelvin sign. */
function dnsLabel(text: string): string | undefined {
  return text.startsWith('-') || text.endsWith('-') ? undefined : label(text)?.toLowerCase();
}

function segment(text: string): string | undefined {
  return SEGMENT.test(text) && text !== '.' && text !== '..' ? text : undefined;
}

function all(texts: readonly string[], parse: (text: string) => string | undefined): string[] | undefined {
  const parsed = texts.map(parse).filter((text) => text !== undefined);
  return parsed.length === texts.length ? parsed : undefined;
}

function after(form: string, rest: Pattern | undefined): Pattern | undefined {
  return rest && [literal(form), ...rest];
}

/** A wildcard certificate is asked for by a first label `*`; only a wildcard of the pattern covers it. */
const dnsNames: Parser = {
  parseName(name) {
    const wildcard = name.startsWith('*.') ? ['*'] : [];
    const labels = name.length > 253 ? undefined : all(name.split('.').slice(wildcard.length), dnsLabel);
    return labels && ['dns', ...wildcard, ...labels];
  },
  parsePattern: (pattern) => after('dns', parseElements(pattern.split('.'), dnsLabel)),
};

/** Scheme and host are one element, compared exactly. What is no `scheme://host/path` of plain segments is compared as a whole. */
const uris: Parser = {
  parseName(name) {
    const [, authority = '', path] = HIERARCHICAL.exec(name) ?? [];
    const segments = authority === '' ? undefined : all(path?.split('/') ?? [], segment);
    return segments === undefined ? exactName(name) : [authority, ...segments];
  },
  parsePattern(pattern) {
    const [, authority = '', path] = HIERARCHICAL.exec(pattern) ?? [];
    const segments = authority === '' ? undefined : parseElements(path?.split('/') ?? [], segment);
    return segments === undefined ? exactPattern(pattern) : after(authority, segments);
  },
};

const emailAddresses: Parser = {
  parseName(name) {
    const [local = '', domain, ...more] = name.split('@');
    const labels = domain === undefined || more.length > 0 || !LOCAL_PART.test(local) ? undefined : all(domain.split('.'), dnsLabel);
    return labels && ['mail', local, ...labels];
  },
  parsePattern(pattern) {
    const [local = '', domain, ...more] = pattern.split('@');
    if (domain === undefined || more.length > 0 || local === '**') return undefined;
    const first = parseElements([local], (text) => (LOCAL_PART.test(text) ? text : undefined));
    const labels = parseElements(domain.split('.'), dnsLabel);
    return first && labels && after('mail', [...first, ...labels]);
  },
};

/** Common names are compared with their case. They may look like a host name or a mail address; any other is compared as a whole. */
const commonNames: Parser = {
  parseName(name) {
    const labels = all(name.split('.'), label);
    return labels === undefined ? (emailAddresses.parseName(name) ?? exactName(name)) : ['name', ...labels];
  },
  parsePattern(pattern) {
    const labels = parseElements(pattern.split('.'), label);
    return labels === undefined ? (emailAddresses.parsePattern(pattern) ?? exactPattern(pattern)) : after('name', labels);
  },
};

function exactName(name: string): string[] {
  return ['exact', name];
}

/** A pattern that cannot be understood but holds a wildcard stands for nothing. */
function exactPattern(pattern: string): Pattern | undefined {
  return pattern.includes('*') ? undefined : [literal('exact'), literal(pattern)];
}

/** What a name that is asked for covers: a wildcard certificate is good for many. */
export function coverage(kind: NameKind, name: string): Pattern | undefined {
  return PARSERS[kind].parseName(name)?.map((element) => (element === '*' ? { kind: 'one' } : literal(element)));
}

export const PARSERS: Readonly<Record<NameKind, Parser>> = { commonNames, dnsNames, uris, emailAddresses };
