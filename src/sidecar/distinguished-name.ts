// Prints a distinguished name as nginx's $ssl_client_s_dn does (RFC 4514, OpenSSL's XN_FLAG_RFC2253): last attribute first,
// special characters escaped, every byte of a character beyond ASCII escaped. So the result is always printable ASCII.
import { readChildren, readOid, type DerValue } from './der.ts';

const SHORT_NAMES: Readonly<Record<string, string>> = {
  '2.5.4.3': 'CN', '2.5.4.4': 'SN', '2.5.4.5': 'serialNumber', '2.5.4.6': 'C', '2.5.4.7': 'L', '2.5.4.8': 'ST', '2.5.4.9': 'street', '2.5.4.10': 'O',
  '2.5.4.11': 'OU', '2.5.4.12': 'title', '2.5.4.13': 'description', '2.5.4.15': 'businessCategory', '2.5.4.17': 'postalCode', '2.5.4.41': 'name',
  '2.5.4.42': 'GN', '2.5.4.43': 'initials', '2.5.4.44': 'generationQualifier', '2.5.4.45': 'x500UniqueIdentifier', '2.5.4.46': 'dnQualifier',
  '2.5.4.65': 'pseudonym', '2.5.4.97': 'organizationIdentifier', '0.9.2342.19200300.100.1.1': 'UID', '0.9.2342.19200300.100.1.25': 'DC',
  '1.2.840.113549.1.9.1': 'emailAddress',
};

const COMMON_NAME = '2.5.4.3';
const [UTF8, BMP, UNIVERSAL] = [0x0c, 0x1e, 0x1c];
const ONE_BYTE_STRINGS = new Set([0x12, 0x13, 0x14, 0x16, 0x1a]);

interface Attribute {
  readonly oid: string;
  /** Index of the RDN it belongs to: attributes of one RDN are joined by `+`. */
  readonly rdn: number;
  readonly value: DerValue;
}

export interface DistinguishedName {
  /** RFC 4514. */
  readonly text: string;
  /** The most specific CN, the first in `text`, not escaped: of several only this one names anybody. Undefined: there is none, or it is no text. */
  readonly commonName: string | undefined;
  /** The same as it stands in `text`. */
  readonly escapedCommonName: string | undefined;
}

export function readDistinguishedName(der: Buffer, sequence: DerValue): DistinguishedName {
  const attributes = readAttributes(der, sequence).reverse();
  const text = attributes.map((attribute, index) => {
    const separator = index === 0 ? '' : attributes[index - 1]?.rdn === attribute.rdn ? '+' : ',';
    return `${separator}${SHORT_NAMES[attribute.oid] ?? attribute.oid}=${printValue(der, attribute)}`;
  }).join('');
  const name = attributes.find(({ oid }) => oid === COMMON_NAME);
  return {
    text,
    commonName: name === undefined ? undefined : decodeString(der, name.value),
    escapedCommonName: name === undefined ? undefined : printValue(der, name),
  };
}

function readAttributes(der: Buffer, name: DerValue): Attribute[] {
  return readChildren(der, name).flatMap((set, rdn) => readChildren(der, set).flatMap((pair) => {
    const [type, value] = readChildren(der, pair);
    return type === undefined || value === undefined ? [] : [{ oid: readOid(der, type), rdn, value }];
  }));
}

function printValue(der: Buffer, { oid, value }: Attribute): string {
  const text = SHORT_NAMES[oid] === undefined ? undefined : decodeString(der, value);
  return text === undefined ? `#${der.toString('hex', value.start, value.end).toUpperCase()}` : escape(text);
}

function decodeString(der: Buffer, { tag, content, end }: DerValue): string | undefined {
  if (tag === UTF8) return der.toString('utf8', content, end);
  if (ONE_BYTE_STRINGS.has(tag)) return der.toString('latin1', content, end);
  if (tag === BMP && (end - content) % 2 === 0) return Buffer.from(der.subarray(content, end)).swap16().toString('utf16le');
  if (tag === UNIVERSAL && (end - content) % 4 === 0) return decodeUniversal(der.subarray(content, end));
  return undefined;
}

function decodeUniversal(bytes: Buffer): string | undefined {
  const points = Array.from({ length: bytes.length / 4 }, (_, index) => bytes.readUInt32BE(index * 4));
  return points.every((point) => point <= 0x10_ff_ff) ? String.fromCodePoint(...points) : undefined;
}

function escape(text: string): string {
  const bytes = Buffer.from(text, 'utf8');
  let escaped = '';
  for (const [index, byte] of bytes.entries()) {
    const character = String.fromCharCode(byte);
    const isEdge = (index === 0 && (character === ' ' || character === '#')) || (index === bytes.length - 1 && character === ' ');
    if (byte < 0x20 || byte >= 0x7f) escaped += `\\${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    else escaped += isEdge || ',+"\\<>;'.includes(character) ? `\\${character}` : character;
  }
  return escaped;
}
