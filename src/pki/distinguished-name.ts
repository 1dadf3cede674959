// Distinguished names: subject fields to DER, DER to the text that nginx prints in $ssl_client_s_dn (RFC 4514, most
// specific first), and such text back. One rule: two names are the same when their texts are.
import { AsnConvert } from '@peculiar/asn1-schema';
import { AttributeTypeAndValue, AttributeValue, Name, RelativeDistinguishedName } from '@peculiar/asn1-x509';

import { encode } from './der-schema.ts';
import { InvalidRequestError } from './invalid-request-error.ts';

/** The subject as a TenantCertificate spells it. Encoded in the order C, ST, L, O, OU, CN. */
export interface SubjectFields {
  readonly commonName?: string | undefined;
  readonly organizations?: readonly string[] | undefined;
  readonly organizationalUnits?: readonly string[] | undefined;
  readonly countries?: readonly string[] | undefined;
  readonly provinces?: readonly string[] | undefined;
  readonly localities?: readonly string[] | undefined;
}

interface SubjectAttribute {
  readonly oid: string;
  readonly field: string;
  readonly limit: number;
  readonly values: (subject: SubjectFields) => readonly string[];
}

/** Limits are the upper bounds of RFC 5280, appendix A.1, in characters. */
const ATTRIBUTES: readonly SubjectAttribute[] = [
  { oid: '2.5.4.6', field: 'spec.subject.countries', limit: 2, values: (s) => s.countries ?? [] },
  { oid: '2.5.4.8', field: 'spec.subject.provinces', limit: 128, values: (s) => s.provinces ?? [] },
  { oid: '2.5.4.7', field: 'spec.subject.localities', limit: 128, values: (s) => s.localities ?? [] },
  { oid: '2.5.4.10', field: 'spec.subject.organizations', limit: 64, values: (s) => s.organizations ?? [] },
  { oid: '2.5.4.11', field: 'spec.subject.organizationalUnits', limit: 64, values: (s) => s.organizationalUnits ?? [] },
  { oid: '2.5.4.3', field: 'spec.commonName', limit: 64, values: (s) => (s.commonName ? [s.commonName] : []) },
];

/** Control characters, and invisible ones that reorder or hide text (direction marks, zero-width, lone surrogates). */
const DECEPTIVE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;
const COUNTRY = /^[A-Z]{2}$/;
const COUNTRY_OID = '2.5.4.6';

/** Encodes a subject; an empty one is an empty SEQUENCE. Throws InvalidRequestError naming the field. */
export function encodeSubject(subject: SubjectFields): ArrayBuffer {
  return encode(new Name(ATTRIBUTES.flatMap((attribute) => encodeAttribute(attribute, subject))));
}

export function isEmptySubject(subject: SubjectFields): boolean {
  return ATTRIBUTES.every((attribute) => attribute.values(subject).length === 0);
}

function encodeAttribute(attribute: SubjectAttribute, subject: SubjectFields): RelativeDistinguishedName[] {
  return attribute.values(subject).map((text, index) => {
    const field = attribute.oid === '2.5.4.3' ? attribute.field : `${attribute.field}[${index}]`;
    checkText(text, field, attribute.limit);
    if (attribute.oid === COUNTRY_OID && !COUNTRY.test(text)) throw new InvalidRequestError(field, 'a country is two capital letters');
    const value = new AttributeValue(attribute.oid === COUNTRY_OID ? { printableString: text } : { utf8String: text });
    return new RelativeDistinguishedName([new AttributeTypeAndValue({ type: attribute.oid, value })]);
  });
}

function checkText(text: string, field: string, limit: number): void {
  if (text === '') throw new InvalidRequestError(field, 'must not be empty');
  if (DECEPTIVE.test(text)) throw new InvalidRequestError(field, 'contains a control character or an invisible one');
  const length = Array.from(text).length;
  if (length > limit) throw new InvalidRequestError(field, `has ${length} characters, X.509 allows ${limit}`);
}

/** One attribute; `type` is its short name, or the dotted OID where there is none. */
export interface NameAttribute {
  readonly type: string;
  readonly value: string;
}

/** In the order of the encoding: root first, CN last. The inner lists have one entry except in multi-valued RDNs. */
export type DistinguishedName = readonly (readonly NameAttribute[])[];

/** The names OpenSSL prints, which are what nginx, HAProxy and users compare with. */
const SHORT_NAMES: Readonly<Record<string, string>> = {
  '2.5.4.3': 'CN',
  '2.5.4.4': 'SN',
  '2.5.4.5': 'serialNumber',
  '2.5.4.6': 'C',
  '2.5.4.7': 'L',
  '2.5.4.8': 'ST',
  '2.5.4.9': 'street',
  '2.5.4.10': 'O',
  '2.5.4.11': 'OU',
  '2.5.4.12': 'title',
  '2.5.4.17': 'postalCode',
  '2.5.4.42': 'GN',
  '2.5.4.46': 'dnQualifier',
  '2.5.4.97': 'organizationIdentifier',
  '0.9.2342.19200300.100.1.1': 'UID',
  '0.9.2342.19200300.100.1.25': 'DC',
  '1.2.840.113549.1.9.1': 'emailAddress',
};

const CANONICAL_TYPES = new Map(Object.values(SHORT_NAMES).map((name) => [name.toUpperCase(), name]));

/** Decodes a Name. */
export function readDistinguishedName(der: ArrayBuffer | Uint8Array): DistinguishedName {
  const bytes = der instanceof ArrayBuffer ? der : new Uint8Array(der).buffer;
  return Array.from(AsnConvert.parse(bytes, Name), (rdn) => Array.from(rdn, readAttribute));
}

function readAttribute(attribute: AttributeTypeAndValue): NameAttribute {
  const type = SHORT_NAMES[attribute.type] ?? attribute.type;
  const known = type !== attribute.type && attribute.value.anyValue === undefined;
  return { type, value: known ? attribute.value.toString() : `#${Buffer.from(encode(attribute.value)).toString('hex').toUpperCase()}` };
}

/** RFC 4514 text, most specific first, as nginx prints it: `CN=customer1.example,O=Customer1,C=US`. */
export function formatDistinguishedName(name: DistinguishedName): string {
  return name.toReversed().map((rdn) => rdn.map(formatAttribute).join('+')).join(',');
}

function formatAttribute({ type, value }: NameAttribute): string {
  return type.includes('.') ? `${type}=${value}` : `${type}=${escapeValue(value)}`;
}

/** RFC 4514, 2.4; control characters as \XX, other characters as they are. */
function escapeValue(value: string): string {
  return value
    .replaceAll(/["+,;<>\\]|^[ #]| $/g, String.raw`\$&`)
    // oxlint-disable-next-line no-control-regex -- control characters are what is escaped here
    .replaceAll(/[\u0000-\u001f\u007f]/g, (character) => `\\${hexByte(character)}`);
}

function hexByte(character: string): string {
  return character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0');
}

// Around a value only the space is not part of it; other white space is.
const ATTRIBUTE = / *([A-Za-z][A-Za-z0-9-]*|\d+(?:\.\d+)+) *= *((?:\\(?:[0-9A-Fa-f]{2}|[^0-9A-Fa-f])|[^\\,+"<>;])*)/uy;

/** Reads RFC 4514 text. Throws SyntaxError when it is none; attribute types are not case-sensitive. */
export function parseDistinguishedName(text: string): DistinguishedName {
  const rdns: NameAttribute[][] = [];
  let separator = text === '' ? '' : ',';
  let position = 0;
  while (separator !== '') {
    const { attribute, end } = parseAttribute(text, position);
    if (separator === '+') rdns.at(-1)?.push(attribute);
    else rdns.push([attribute]);
    separator = text.charAt(end);
    position = end + 1;
  }
  return rdns.reverse();
}

function parseAttribute(text: string, position: number): { attribute: NameAttribute; end: number } {
  ATTRIBUTE.lastIndex = position;
  const match = ATTRIBUTE.exec(text);
  const end = ATTRIBUTE.lastIndex;
  if (match === null || !',+'.includes(text.charAt(end))) {
    throw new SyntaxError('not a distinguished name such as CN=customer1.example,O=Customer1,C=US');
  }
  return { attribute: { type: canonicalType(match[1] ?? ''), value: unescapeValue(match[2] ?? '') }, end };
}

function canonicalType(type: string): string {
  return SHORT_NAMES[type] ?? CANONICAL_TYPES.get(type.toUpperCase()) ?? type;
}

function unescapeValue(text: string): string {
  const trimmed = text.replace(/(?<!\\) +$/, '');
  const bytes = trimmed.replaceAll(/(?:\\[0-9A-Fa-f]{2})+/g, (run) => Buffer.from(run.replaceAll('\\', ''), 'hex').toString('utf8'));
  return bytes.replaceAll(/\\(.)/gsu, '$1');
}
