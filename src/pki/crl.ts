// Certificate revocation lists, written. One rule: linear time in slices, so that signing 20 000 entries never holds up
// the event loop (the library's generator is quadratic, and its PEM label is one that OpenSSL does not know).
import { setImmediate as nextTurn } from 'node:timers/promises';

import { authorityKeyExtension, encodeExtension, OID } from './certificate-extensions.ts';
import { der, derInteger, derTime, TAG } from './der.ts';
import { exactBytes } from './der-schema.ts';
import type { Issuer } from './issuer.ts';
import { encodePem } from './pem.ts';
import { encodeSignatureAlgorithm } from './sign-certificate.ts';

const REASON_CODES = {
  unspecified: 0,
  keyCompromise: 1,
  cACompromise: 2,
  affiliationChanged: 3,
  superseded: 4,
  cessationOfOperation: 5,
  privilegeWithdrawn: 9,
} as const;

export type RevocationReason = keyof typeof REASON_CODES;

export interface RevokedEntry {
  /** As `openssl x509 -serial` prints it. */
  readonly serialNumber: string;
  readonly revocationDate: Date;
  readonly reason: RevocationReason;
}

export interface CrlContent {
  /** The cRLNumber; must rise with every CRL of an issuer. */
  readonly number: bigint;
  readonly thisUpdate: Date;
  readonly nextUpdate: Date;
  /** Each serial once; they are written in this order. */
  readonly entries: readonly RevokedEntry[];
}

export interface EncodedCrl {
  readonly der: Buffer;
  readonly pem: string;
}

const REASON_CODE_OID = Buffer.from([0x55, 0x1d, 0x15]);

/** 1 000 entries take about 2 ms, so a slice stays far below the 20 ms that other work may have to wait. */
const ENTRIES_PER_TURN = 1000;

/** Signs a CRL of the issuer (RFC 5280, 5.1: version 2, with AuthorityKeyIdentifier and cRLNumber). */
export async function encodeCrl(issuer: Issuer, content: CrlContent): Promise<EncodedCrl> {
  const algorithm = Buffer.from(encodeSignatureAlgorithm(issuer.key.description));
  const entries = await encodeEntries(content.entries);
  const tbs = der(
    TAG.sequence,
    derInteger(Buffer.from([1])),
    algorithm,
    issuer.subject,
    derTime(content.thisUpdate),
    derTime(content.nextUpdate),
    // An empty list must be left out (RFC 5280, 5.1.2.6).
    ...(entries.length === 0 ? [] : [der(TAG.sequence, ...entries)]),
    der(TAG.context0, der(TAG.sequence, ...encodeExtensions(issuer, content.number))),
  );
  const signature = await issuer.key.sign(tbs);
  const crl = der(TAG.sequence, tbs, algorithm, der(TAG.bitString, Buffer.from([0]), signature));
  return { der: crl, pem: encodePem('X509 CRL', crl) };
}

async function encodeEntries(entries: readonly RevokedEntry[]): Promise<Buffer[]> {
  const slices: Buffer[] = [];
  for (let start = 0; start < entries.length; start += ENTRIES_PER_TURN) {
    if (start > 0) await nextTurn();
    slices.push(Buffer.concat(entries.slice(start, start + ENTRIES_PER_TURN).map(encodeEntry)));
  }
  return slices;
}

function encodeEntry({ serialNumber, revocationDate, reason }: RevokedEntry): Buffer {
  if (!/^(?:[0-9A-F]{2}){1,20}$/.test(serialNumber)) throw new RangeError('a serial number is 1 to 20 bytes in upper-case hex');
  return der(TAG.sequence, derInteger(Buffer.from(serialNumber, 'hex')), derTime(revocationDate), ...(REASON_EXTENSIONS.get(reason) ?? []));
}

/** `unspecified` is said by leaving the reason out (RFC 5280, 5.3.1), and then there is no list of extensions at all. */
const REASON_EXTENSIONS = new Map(
  Object.entries(REASON_CODES).map(([reason, code]) => [reason, code === 0 ? [] : [der(TAG.sequence, reasonExtension(code))]]),
);

function reasonExtension(code: number): Buffer {
  const value = der(TAG.octetString, der(TAG.enumerated, Buffer.from([code])));
  return der(TAG.sequence, der(TAG.objectIdentifier, REASON_CODE_OID), value);
}

function encodeExtensions(issuer: Issuer, number: bigint): Buffer[] {
  if (number < 0n || number >= 1n << 159n) throw new RangeError('a cRLNumber has at most 20 bytes and is not negative');
  const hex = number.toString(16);
  const value = derInteger(Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex'));
  return [
    Buffer.from(authorityKeyExtension(issuer.subjectKeyId)),
    Buffer.from(encodeExtension(OID.cRLNumber, 'plain', exactBytes(value))),
  ];
}
