// The names a certificate speaks for. One rule: `canonicalNames` runs before policy and again when issuing, so that what
// policy judged is letter for letter what the certificate contains.
import { isIPv4, isIPv6 } from 'node:net';
import { domainToASCII } from 'node:url';

import { GeneralName, SubjectAlternativeName } from '@peculiar/asn1-x509';

import { encode } from './der-schema.ts';
import { InvalidRequestError } from './invalid-request-error.ts';

export interface AlternativeNames {
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
  readonly uris: readonly string[];
  readonly emailAddresses: readonly string[];
}

/** Every name in the one spelling certificates use, without repetition. Throws InvalidRequestError naming the field. */
export function canonicalNames(names: Partial<AlternativeNames>): AlternativeNames {
  const { dnsNames, ipAddresses, uris, emailAddresses } = canonicalSpellings(names);
  return { dnsNames: unique(dnsNames), ipAddresses: unique(ipAddresses), uris: unique(uris), emailAddresses: unique(emailAddresses) };
}

/** The same name by name, so that each stands where it was asked for. */
export function canonicalSpellings(names: Partial<AlternativeNames>): AlternativeNames {
  return {
    dnsNames: canonicalList(names.dnsNames, 'spec.dnsNames', canonicalDnsName),
    ipAddresses: canonicalList(names.ipAddresses, 'spec.ipAddresses', canonicalIpAddress),
    uris: canonicalList(names.uris, 'spec.uris', canonicalUri),
    emailAddresses: canonicalList(names.emailAddresses, 'spec.emailAddresses', canonicalEmailAddress),
  };
}

export function hasAlternativeNames(names: AlternativeNames): boolean {
  return Object.values(names).some((list: readonly string[]) => list.length > 0);
}

/** The value of the extension; the names must be canonical. */
export function encodeAlternativeNames(names: AlternativeNames): ArrayBuffer {
  return encode(
    new SubjectAlternativeName([
      ...names.dnsNames.map((dNSName) => new GeneralName({ dNSName })),
      ...names.ipAddresses.map((iPAddress) => new GeneralName({ iPAddress })),
      ...names.uris.map((uniformResourceIdentifier) => new GeneralName({ uniformResourceIdentifier })),
      ...names.emailAddresses.map((rfc822Name) => new GeneralName({ rfc822Name })),
    ]),
  );
}

function canonicalList(list: readonly string[] | undefined, field: string, canonical: Canonical): string[] {
  return (list ?? []).map((text, index) => canonical(text, `${field}[${index}]`));
}

function unique(list: readonly string[]): string[] {
  return [...new Set(list)];
}

type Canonical = (text: string, field: string) => string;

const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
/** Letters, marks and digits of any script; other dots than the ASCII one would let a name change its number of labels. */
const INTERNATIONAL = /^[\p{L}\p{M}\p{N}.*-]+$/u;
const ASCII = /^[!-~]+$/;

/** Lower case, A-labels for an international name, one leading `*.` allowed. */
export function canonicalDnsName(text: string, field: string): string {
  const name = toAscii(text, field);
  const labels = (name.startsWith('*.') ? name.slice(2) : name).split('.');
  const isHostName = name.length <= 253 && labels.every((label) => LABEL.test(label));
  if (!isHostName) throw new InvalidRequestError(field, 'is not a DNS name');
  if (/^\d+$/.test(labels.at(-1) ?? '')) throw new InvalidRequestError(field, 'is an IP address, which belongs in spec.ipAddresses');
  return name;
}

function toAscii(text: string, field: string): string {
  if (ASCII.test(text)) return text.toLowerCase();
  if (text.length > 253 || !INTERNATIONAL.test(text) || text.normalize('NFKC') !== text) {
    throw new InvalidRequestError(field, 'is not a DNS name; an international name is best asked for in its xn-- form');
  }
  const wildcard = text.startsWith('*.') ? '*.' : '';
  const ascii = domainToASCII(text.slice(wildcard.length));
  if (ascii === '') throw new InvalidRequestError(field, 'has no xn-- form (IDNA), which is what certificates contain');
  return wildcard + ascii;
}

/** Dotted quad, or the shortest IPv6 form. */
export function canonicalIpAddress(text: string, field: string): string {
  if (isIPv4(text)) return text;
  // isIPv6 accepts zones (fe80::1%eth0), which mean something on one machine only.
  if (!isIPv6(text) || text.includes('%')) throw new InvalidRequestError(field, 'is not an IP address');
  return new URL(`http://[${text}]/`).hostname.slice(1, -1);
}

const URI = /^([a-z][a-z0-9+.-]*):(?:\/\/([^/?#]*))?([^?#]*)(?:[?#].*)?$/;
const URI_CHARACTERS = /^[A-Za-z0-9\-._~:/?#[\]@!$&'()*+,;=%]{1,2048}$/;
const DOT_SEGMENT = /(?:^|\/)(?:\.|%2e){1,2}(?:\/|$)/i;

/** An absolute URI with a lower-case scheme and host. Dot segments and user names are refused: readers disagree about them. */
export function canonicalUri(text: string, field: string): string {
  const match = URI_CHARACTERS.test(text) ? URI.exec(text) : null;
  if (match === null) throw new InvalidRequestError(field, 'is not an absolute URI in ASCII with a lower-case scheme');
  const [, , authority, path] = match;
  if (DOT_SEGMENT.test(path ?? '')) throw new InvalidRequestError(field, 'has a path with . or .. in it');
  if (authority !== undefined && !isPlainAuthority(authority)) {
    throw new InvalidRequestError(field, 'must have a lower-case DNS name or an IP address as its host, and no user');
  }
  return text;
}

function isPlainAuthority(authority: string): boolean {
  const host = authority.replace(/:\d{1,5}$/, '');
  if (isIPv4(host) || (host.startsWith('[') && isIPv6(host.slice(1, -1)) && !host.includes('%'))) return true;
  return host.length <= 253 && host.split('.').every((label) => LABEL.test(label));
}

const LOCAL_PART = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/;

/** A mailbox without quoting; the domain becomes lower case and ASCII, the local part stays as it is. */
export function canonicalEmailAddress(text: string, field: string): string {
  const at = text.lastIndexOf('@');
  const local = text.slice(0, Math.max(at, 0));
  const domain = text.slice(at + 1);
  if (local.length > 64 || !LOCAL_PART.test(local) || domain.startsWith('*')) throw new InvalidRequestError(field, 'is not an e-mail address');
  return `${local}@${canonicalDnsName(domain, field)}`;
}
