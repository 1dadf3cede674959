// Name constraints of an authority (RFC 5280, 4.2.1.10): made from what a tenant may ask for, read from certificates, and
// checked. One rule: a kind of name that is not allowed at all is closed, not left out, for what is left out is free.
// No dirName: Go refuses certificates with it, so names in the DN are bound by policy and by one anchor per tenant.
import { isIPv4 } from 'node:net';

import { AsnConvert } from '@peculiar/asn1-schema';
import { GeneralName, GeneralSubtree, GeneralSubtrees, NameConstraints as NameConstraintsSequence } from '@peculiar/asn1-x509';

import { encode } from './der-schema.ts';
import { canonicalIpAddress } from './subject-alternative-names.ts';

/** DNS names: the name and all below it, empty is every name. URI hosts and mail domains: `.x` is all below x, `x` is x. IP: CIDR. */
export interface Subtrees {
  readonly dnsNames: readonly string[];
  readonly uriHosts: readonly string[];
  readonly emails: readonly string[];
  readonly ipRanges: readonly string[];
}

export interface NameConstraints {
  readonly permitted: Subtrees;
  readonly excluded: Subtrees;
  /** A constraint on a kind of name that is not understood here; a certificate under it cannot be verified. */
  readonly hasOthers: boolean;
}

/** The part of a Tenant's `allow` that constraints can express. */
export interface AllowedNames {
  readonly commonNames?: readonly string[] | undefined;
  readonly dnsNames?: readonly string[] | undefined;
  readonly uris?: readonly string[] | undefined;
  readonly emailAddresses?: readonly string[] | undefined;
  readonly ipAddresses?: readonly string[] | undefined;
}

/** RFC 2606: nobody can have a name here. Permitting only this closes a kind, in OpenSSL and in Go alike. */
const NOBODY = 'nothing.invalid';
const NONE: Subtrees = { dnsNames: [], uriHosts: [], emails: [], ipRanges: [] };
const EVERY_ADDRESS = ['0.0.0.0/0', '::/0'];

/** The narrowest constraints that let through everything the patterns allow. Policy still judges each name by itself. */
export function nameConstraintsFor(allow: AllowedNames): NameConstraints {
  const addresses = allow.ipAddresses ?? [];
  return {
    permitted: {
      dnsNames: permitted([...(allow.dnsNames ?? []), ...(allow.commonNames ?? []).filter(mayBeHost)], belowWildcards),
      uriHosts: permitted(allow.uris, uriHost),
      emails: permitted(allow.emailAddresses, mailDomain),
      ipRanges: unique(addresses.map(canonicalRange)),
    },
    excluded: { ...NONE, ipRanges: addresses.length === 0 ? EVERY_ADDRESS : [] },
    hasOthers: false,
  };
}

/** Where a certificate has no DNS name, OpenSSL (and so nginx and Node) holds a common name like `a.b` to the constraints on DNS names. */
function mayBeHost(pattern: string): boolean {
  return pattern === '**' || (pattern.includes('.') && !/[@\s]/.test(pattern));
}

/** What a pattern is narrowed to when constraints cannot narrow it. */
const ANY = '';
/** A host, `.` and a host, or a mailbox. Go refuses the whole authority for a constraint of another form. */
const PLAIN = /^(?:\.|[\w+-]+(?:\.[\w+-]+)*@)?(?=.{1,253}$)(?!-)\w[\w-]{0,62}(?<!-)(?:\.(?!-)\w[\w-]{0,62}(?<!-))*$/;

/** No entry closes the kind; one pattern that constraints cannot narrow opens it. What is of no plain form is in no certificate. */
function permitted(patterns: readonly string[] = [], narrow: (pattern: string) => string): string[] {
  const subtrees = patterns.map(narrow).filter((subtree) => subtree === ANY || PLAIN.test(subtree));
  if (subtrees.length === 0) return [NOBODY];
  return subtrees.includes(ANY) ? [] : unique(subtrees);
}

/** What stands after the last label with a wildcard: `*.shop.svc` and `a.*.shop.svc` -> `shop.svc`. Lower case. */
function belowWildcards(pattern: string): string {
  const labels = pattern.split('.');
  const lastWildcard = labels.findLastIndex((label) => label.includes('*'));
  return labels.slice(lastWildcard + 1).join('.').toLowerCase();
}

function canonicalRange(range: string): string {
  const [address = '', prefix = ''] = range.split('/');
  return `${canonicalIpAddress(address, 'spec.allow.ipAddresses')}/${prefix}`;
}

/** A pattern of hosts as constraints write it: `x` for one host, `.x` for those below. */
function hostConstraint(pattern: string): string {
  const below = belowWildcards(pattern);
  return below !== '' && pattern.includes('*') ? `.${below}` : below;
}

/** Constraints cannot say a URI without a host, nor one whose host is an address. */
function uriHost(pattern: string): string {
  const host = /^[^:/?#]+:\/\/([^/?#]*)/.exec(pattern)?.[1]?.replace(/:[\d*]+$/, '');
  return host === undefined || host.startsWith('[') || isIPv4(host) ? ANY : hostConstraint(host);
}

function mailDomain(pattern: string): string {
  const [local = '', domain = ANY] = pattern.split('@');
  return local.includes('*') || domain.includes('*') ? hostConstraint(domain) : `${local}@${belowWildcards(domain)}`;
}

function unique(list: readonly string[]): string[] {
  return [...new Set(list)].sort();
}

/** The value of the extension; it must be marked critical. */
export function encodeNameConstraints({ permitted, excluded }: NameConstraints): ArrayBuffer {
  const sequence = new NameConstraintsSequence();
  const permittedSubtrees = toSubtrees(permitted);
  const excludedSubtrees = toSubtrees(excluded);
  if (permittedSubtrees.length > 0) sequence.permittedSubtrees = permittedSubtrees;
  if (excludedSubtrees.length > 0) sequence.excludedSubtrees = excludedSubtrees;
  return encode(sequence);
}

export function readNameConstraints(der: ArrayBuffer): NameConstraints {
  const { permittedSubtrees = [], excludedSubtrees = [] } = AsnConvert.parse(der, NameConstraintsSequence);
  const all = [...permittedSubtrees, ...excludedSubtrees];
  return {
    permitted: fromSubtrees(permittedSubtrees),
    excluded: fromSubtrees(excludedSubtrees),
    hasOthers: all.some(({ base }) => !isUnderstood(base)),
  };
}

function toSubtrees({ dnsNames, uriHosts, emails, ipRanges }: Subtrees): GeneralSubtrees {
  const bases = [
    ...dnsNames.map((dNSName) => new GeneralName({ dNSName })),
    ...uriHosts.map((uniformResourceIdentifier) => new GeneralName({ uniformResourceIdentifier })),
    ...emails.map((rfc822Name) => new GeneralName({ rfc822Name })),
    ...ipRanges.map((iPAddress) => new GeneralName({ iPAddress })),
  ];
  return new GeneralSubtrees(bases.map((base) => new GeneralSubtree({ base })));
}

function fromSubtrees(subtrees: readonly GeneralSubtree[]): Subtrees {
  const pick = (kind: 'dNSName' | 'uniformResourceIdentifier' | 'rfc822Name' | 'iPAddress'): string[] =>
    Array.from(subtrees).flatMap(({ base }) => base[kind] ?? []);
  return { dnsNames: pick('dNSName'), uriHosts: pick('uniformResourceIdentifier'), emails: pick('rfc822Name'), ipRanges: pick('iPAddress') };
}

function isUnderstood(base: GeneralName): boolean {
  return [base.dNSName, base.uniformResourceIdentifier, base.rfc822Name, base.iPAddress].some((value) => value !== undefined);
}
