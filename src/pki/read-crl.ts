// Certificate revocation lists, read and verified: foreign ones in trust sources, and our own before they are published.
import { verify, X509Certificate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import { AsnConvert } from '@peculiar/asn1-schema';
import { KeyUsage, KeyUsageFlags } from '@peculiar/asn1-x509';

import { OID } from './certificate-extensions.ts';
import { DerError, readElements, readOnlyElement, readTime, TAG } from './der.ts';
import type { DerElement } from './der.ts';
import { readCertificateSkeleton } from './certificate-content.ts';
import { parsePem, PemError } from './pem.ts';

export interface Crl {
  /** The whole of it, without anything that stood behind it. */
  readonly der: Buffer;
  /** DER of the issuer's name. */
  readonly issuer: Buffer;
  readonly thisUpdate: Date;
  /** Absent in CRLs that never expire. */
  readonly nextUpdate?: Date;
  /** The cRLNumber; absent in CRLs of version 1. */
  readonly number?: bigint;
  readonly signed: { readonly content: Buffer; readonly algorithm: Buffer; readonly signature: Buffer };
  /** The encoded entries; see `revokedSerials`. */
  readonly entries: Buffer;
}

/** Reads the first X509 CRL block, or `undefined` when there is none or it is malformed. */
export function readCrl(pem: string): Crl | undefined {
  try {
    const block = parsePem(pem).find(({ label }) => label === 'X509 CRL');
    return block && decodeCrl(block.der);
  } catch (error) {
    if (error instanceof DerError || error instanceof PemError) return undefined;
    throw error;
  }
}

/** Reads DER. Throws DerError. */
export function decodeCrl(bytes: Buffer): Crl {
  const outer = readOnlyElement(bytes, TAG.sequence);
  const [content, algorithm, signature, ...rest] = readElements(outer.content);
  if (!content || !algorithm || !signature || rest.length > 0) throw new DerError('not a CRL');
  return {
    der: outer.raw,
    ...readContent(readElements(content.content), algorithm),
    signed: { content: content.raw, algorithm: algorithm.raw, signature: readSignature(signature) },
  };
}

function readSignature({ tag, content }: DerElement): Buffer {
  if (tag !== TAG.bitString || content[0] !== 0) throw new DerError('not a signature');
  return content.subarray(1);
}

/** The serial numbers on it, as `openssl x509 -serial` prints them. */
export function revokedSerials({ entries }: Pick<Crl, 'entries'>): Set<string> {
  return new Set(readElements(entries).map(({ content }) => serialText(readElements(content)[0])));
}

export type CrlVerdict = 'Valid' | 'WrongIssuer' | 'BadSignature' | 'MayNotSignCrls';

/** Whether the CRL is the issuer's: by name, by signature, and by what its certificate allows. Its times are the caller's to judge. */
export function verifyCrl(crl: Crl, issuerDer: Buffer): CrlVerdict {
  if (!crl.issuer.equals(readCertificateSkeleton(issuerDer).subject)) return 'WrongIssuer';
  if (!isSignedBy(crl, new X509Certificate(issuerDer).publicKey)) return 'BadSignature';
  return maySignCrls(issuerDer) ? 'Valid' : 'MayNotSignCrls';
}

/**
 * Whether CRLs are accepted under this certificate. Twins always may sign them; a root may not when its KeyUsage lacks cRLSign (as those of
 * cert-manager do), and then a CRL shuts everybody out.
 */
export function maySignCrls(issuerDer: Buffer): boolean {
  const keyUsage = readCertificateSkeleton(issuerDer).extensions.get(OID.keyUsage);
  return keyUsage === undefined || (AsnConvert.parse(keyUsage, KeyUsage).toNumber() & KeyUsageFlags.cRLSign) !== 0;
}

/** OpenSSL throws where the algorithm is not one of the key's kind. */
function isSignedBy({ signed: { algorithm, content, signature } }: Crl, key: KeyObject): boolean {
  const hash = HASHES[algorithm.toString('hex')];
  if (hash === undefined) return false;
  try {
    return verify(hash, content, key, signature);
  } catch {
    return false;
  }
}

/** Hash by signature algorithm, as DER of the AlgorithmIdentifier. MD5 and SHA-1 are left out on purpose. */
const HASHES: Readonly<Record<string, string | null>> = {
  '300a06082a8648ce3d040302': 'sha256',
  '300a06082a8648ce3d040303': 'sha384',
  '300a06082a8648ce3d040304': 'sha512',
  '300d06092a864886f70d01010b0500': 'sha256',
  '300d06092a864886f70d01010c0500': 'sha384',
  '300d06092a864886f70d01010d0500': 'sha512',
  '300506032b6570': null,
};

const NO_ENTRIES = Buffer.alloc(0);

/** TBSCertList: version?, signature, issuer, thisUpdate, nextUpdate?, entries?, [0] extensions? */
function readContent(fields: readonly DerElement[], outerAlgorithm: DerElement): Omit<Crl, 'der' | 'signed'> {
  const withoutVersion = fields[0]?.tag === TAG.integer ? fields.slice(1) : fields;
  const [algorithm, issuer, thisUpdate, ...rest] = withoutVersion;
  if (algorithm === undefined || issuer?.tag !== TAG.sequence || thisUpdate === undefined) throw new DerError('not a CRL');
  // What is signed must say what it is signed with (RFC 5280, 5.1.1.2).
  if (!algorithm.raw.equals(outerAlgorithm.raw)) throw new DerError('a CRL names two signature algorithms');
  return { issuer: issuer.raw, thisUpdate: readTime(thisUpdate), ...readOptionalFields(rest) };
}

function readOptionalFields(fields: readonly DerElement[]): Pick<Crl, 'entries' | 'nextUpdate' | 'number'> {
  const nextUpdate = fields.find(({ tag }) => tag === TAG.utcTime || tag === TAG.generalizedTime);
  const number = readNumber(fields.find(({ tag }) => tag === TAG.context0));
  return {
    entries: fields.find(({ tag }) => tag === TAG.sequence)?.content ?? NO_ENTRIES,
    ...(nextUpdate && { nextUpdate: readTime(nextUpdate) }),
    ...(number !== undefined && { number }),
  };
}

const CRL_NUMBER_OID = Buffer.from([0x55, 0x1d, Number(OID.cRLNumber.split('.').at(-1))]);

function readNumber(extensions: DerElement | undefined): bigint | undefined {
  if (extensions === undefined) return undefined;
  const list = readElements(readOnlyElement(extensions.content, TAG.sequence).content).map(({ content }) => readElements(content));
  const value = list.find(([oid]) => oid?.content.equals(CRL_NUMBER_OID))?.at(-1);
  return value && BigInt(`0x${readOnlyElement(value.content, TAG.integer).content.toString('hex')}`);
}

function serialText(serial: DerElement | undefined): string {
  if (serial?.tag !== TAG.integer) throw new DerError('a CRL entry has no serial number');
  const { content } = serial;
  return (content.length > 1 && content[0] === 0 ? content.subarray(1) : content).toString('hex').toUpperCase();
}
