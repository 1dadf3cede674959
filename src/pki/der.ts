// Just enough DER to write CRLs, whose size rules the library's object tree out (20 000 entries are 200 000 objects there),
// and to walk through the outer structure of what is read. Certificates are not written with this; see der-schema.ts.

export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectIdentifier: 0x06,
  enumerated: 0x0a,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  context0: 0xa0,
  context3: 0xa3,
} as const;

/** One element: its tag, its content, and `raw` with tag and length. */
export interface DerElement {
  readonly tag: number;
  readonly content: Buffer;
  readonly raw: Buffer;
}

/** Thrown for bytes that are not DER of the expected shape; never quotes them. */
export class DerError extends Error {
  override readonly name = 'DerError';
}

export function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const length = contents.reduce((sum, content) => sum + content.length, 0);
  return Buffer.concat([Buffer.from([tag, ...lengthBytes(length)]), ...contents]);
}

/** A non-negative INTEGER from its big-endian bytes. */
export function derInteger(bytes: Uint8Array): Buffer {
  const first = bytes.findIndex((byte) => byte !== 0);
  const shortest = first === -1 ? Buffer.from([0]) : bytes.subarray(first);
  const sign = (shortest[0] ?? 0) > 0x7f ? [Buffer.from([0])] : [];
  return der(TAG.integer, ...sign, shortest);
}

/** UTCTime before 2050 and GeneralizedTime from then on, as RFC 5280 wants it. */
export function derTime(time: Date): Buffer {
  const digits = `${time.toISOString().slice(0, 19).replaceAll(/[-:T]/g, '')}Z`;
  const isLate = time.getUTCFullYear() >= 2050;
  return isLate ? der(TAG.generalizedTime, Buffer.from(digits)) : der(TAG.utcTime, Buffer.from(digits.slice(2)));
}

/** The elements that stand one after the other in these bytes. */
export function readElements(bytes: Buffer): DerElement[] {
  const elements: DerElement[] = [];
  for (let offset = 0; offset < bytes.length; ) {
    const element = readElement(bytes, offset);
    elements.push(element);
    offset += element.raw.length;
  }
  return elements;
}

/** The only element of these bytes; anything behind it is an error. */
export function readOnlyElement(bytes: Buffer, tag: number): DerElement {
  const [element, ...rest] = readElements(bytes);
  if (element?.tag !== tag || rest.length > 0) throw new DerError('not the expected DER structure');
  return element;
}

export function readTime({ tag, content }: DerElement): Date {
  const text = content.toString('latin1');
  const digits = tag === TAG.utcTime ? (text < '50' ? '20' : '19') + text : text;
  const iso = digits.replace(/^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z');
  const time = new Date(iso);
  if (iso === digits || Number.isNaN(time.getTime())) throw new DerError('not a time in DER');
  return time;
}

function lengthBytes(length: number): number[] {
  if (length < 0x80) return [length];
  const bytes = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return [0x80 | bytes.length, ...bytes];
}

function readElement(bytes: Buffer, offset: number): DerElement {
  const [tag, first] = [bytes[offset], bytes[offset + 1]];
  if (tag === undefined || first === undefined) throw new DerError('DER ends too early');
  const lengthSize = first < 0x80 ? 0 : first & 0x7f;
  // 0x80 is the indefinite form, which DER forbids; more than four bytes is more than any CRL.
  if (first === 0x80 || lengthSize > 4 || offset + 2 + lengthSize > bytes.length) throw new DerError('not a length in DER');
  const length = lengthSize === 0 ? first : bytes.readUIntBE(offset + 2, lengthSize);
  const start = offset + 2 + lengthSize;
  if (start + length > bytes.length) throw new DerError('DER ends too early');
  return { tag, content: bytes.subarray(start, start + length), raw: bytes.subarray(offset, start + length) };
}
