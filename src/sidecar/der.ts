// Reads DER (X.690): tag, length, content; nothing else. Definite lengths only, and a value never reaches beyond its parent.

export interface DerValue {
  readonly tag: number;
  /** Offsets in the buffer: of the tag, of the content, and behind the content. */
  readonly start: number;
  readonly content: number;
  readonly end: number;
}

export const TAG = { boolean: 0x01, integer: 0x02, bitString: 0x03, octetString: 0x04, oid: 0x06, utcTime: 0x17, generalizedTime: 0x18, sequence: 0x30, set: 0x31 } as const;

/** The value at `offset`; throws if it does not end before `limit`. */
export function readValue(der: Buffer, offset: number, limit = der.length): DerValue {
  if (offset + 2 > Math.min(limit, der.length)) throw new RangeError('DER ends too early');
  const [tag, first] = [der.readUInt8(offset), der.readUInt8(offset + 1)];
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
  const content = offset + 2 + lengthBytes;
  if (first === 0x80 || lengthBytes > 4 || content > limit) throw new RangeError('DER length is not valid');
  const end = content + (lengthBytes === 0 ? first : der.readUIntBE(offset + 2, lengthBytes));
  if (end > limit) throw new RangeError('DER value reaches beyond its end');
  return { tag, start: offset, content, end };
}

/** The values inside a constructed value. */
export function readChildren(der: Buffer, parent: DerValue): DerValue[] {
  const children: DerValue[] = [];
  for (let offset = parent.content; offset < parent.end;) {
    const child = readValue(der, offset, parent.end);
    children.push(child);
    offset = child.end;
  }
  return children;
}

export function readOid(der: Buffer, value: DerValue): string {
  const first = der[value.content] ?? 0;
  const arcs = [Math.min(2, Math.floor(first / 40)), first - 40 * Math.min(2, Math.floor(first / 40))];
  for (let offset = value.content + 1, arc = 0; offset < value.end; offset += 1) {
    const byte = der[offset] ?? 0;
    arc = arc * 128 + (byte & 0x7f);
    if (byte < 0x80) {
      arcs.push(arc);
      arc = 0;
    }
  }
  return arcs.join('.');
}

/** An INTEGER that is not negative, as openssl prints serial numbers: upper-case hex, an even number of digits. */
export function readSerialNumber(der: Buffer, value: DerValue): string {
  const hex = der.toString('hex', value.content, value.end).toUpperCase();
  return hex.length > 2 && hex.startsWith('00') ? hex.slice(2) : hex;
}

/** UTCTime or GeneralizedTime in the form of RFC 5280 (Z, with seconds), in milliseconds. */
export function readTimeMs(der: Buffer, value: DerValue): number {
  const text = der.toString('latin1', value.content, value.end);
  const match = /^(\d{2}|\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/.exec(text);
  if (match === null) throw new RangeError('DER time is not valid');
  const [, year = '', ...rest] = match;
  const [month = 1, day = 1, hour = 0, minute = 0, second = 0] = rest.map(Number);
  const fullYear = year.length === 4 ? Number(year) : Number(year) + (Number(year) < 50 ? 2000 : 1900);
  return Date.UTC(fullYear, month - 1, day, hour, minute, second);
}
