// From the parts of a certificate to its signed DER. One rule: names, keys and extensions are placed byte for byte.
import { X509Certificate } from 'node:crypto';

import { AlgorithmIdentifier, Validity } from '@peculiar/asn1-x509';

import { authorityKeyExtension, remember } from './certificate-extensions.ts';
import type { EncodedExtension } from './certificate-extensions.ts';
import { encode, exactBytes, Signed, TbsCertificate } from './der-schema.ts';
import { sha256Hex } from './inspect-certificate.ts';
import { signatureScheme } from './key-specification.ts';
import type { KeyDescription } from './key-specification.ts';
import { encodePem } from './pem.ts';
import type { PrivateKey } from './private-key.ts';

/** Everything a certificate says, encoded. Without `authorityKeyId` there is no AuthorityKeyIdentifier (roots). */
export interface CertificateParts {
  readonly subject: ArrayBuffer;
  readonly publicKey: Buffer;
  readonly extensions: readonly EncodedExtension[];
  readonly issuer: ArrayBuffer;
  readonly serial: Uint8Array;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly authorityKeyId?: Uint8Array;
}

export async function signCertificate(parts: CertificateParts, signer: PrivateKey): Promise<Buffer> {
  const authorityKey = parts.authorityKeyId ? [authorityKeyExtension(parts.authorityKeyId)] : [];
  const tbs = Object.assign(new TbsCertificate(), {
    serialNumber: positiveSerial(parts.serial),
    signature: encodeSignatureAlgorithm(signer.description),
    issuer: parts.issuer,
    validity: new Validity({ notBefore: parts.notBefore, notAfter: parts.notAfter }),
    subject: parts.subject,
    subjectPublicKeyInfo: exactBytes(parts.publicKey),
    extensions: [...parts.extensions, ...authorityKey],
  });
  return signContent(encode(tbs), signer);
}

/** Wraps the DER of a certificate's or a CRL's content with the signature of the signer. */
export async function signContent(content: ArrayBuffer, signer: PrivateKey): Promise<Buffer> {
  const signature = exactBytes(await signer.sign(new Uint8Array(content)));
  const signed = { content, algorithm: encodeSignatureAlgorithm(signer.description), signature };
  return Buffer.from(encode(Object.assign(new Signed(), signed)));
}

const algorithmCache = new Map<string, ArrayBuffer>();

export function encodeSignatureAlgorithm(signer: KeyDescription): ArrayBuffer {
  const { oid, parameters } = signatureScheme(signer);
  return remember(algorithmCache, oid, () => encode(new AlgorithmIdentifier({ algorithm: oid, ...(parameters === 'null' && { parameters: null }) })));
}

function positiveSerial(serial: Uint8Array): ArrayBuffer {
  if (serial.length < 8 || serial.length > 20) throw new RangeError('a serial number has 8 to 20 bytes');
  const bytes = Uint8Array.from(serial);
  bytes[0] = (bytes[0] ?? 0) & 0x7f;
  const start = bytes.findIndex((byte) => byte !== 0);
  if (start === -1) throw new RangeError('a serial number must not be zero');
  // DER wants the shortest form, in which a leading zero stays only before a byte that would otherwise read as negative.
  return exactBytes(bytes.subarray(start > 0 && (bytes[start] ?? 0) > 0x7f ? start - 1 : start));
}

/** A certificate we signed, in the forms its readers want. */
export interface SignedCertificate {
  readonly der: Buffer;
  readonly pem: string;
  /** Leaf first, then the intermediates, without a root. */
  readonly chainPem: string;
  readonly chain: readonly Buffer[];
  /** As `openssl x509 -serial` prints it. */
  readonly serialNumber: string;
  readonly sha256: string;
}

export function describeSigned(der: Buffer, chain: readonly Buffer[]): SignedCertificate {
  const pem = encodePem('CERTIFICATE', der);
  return {
    der,
    pem,
    chain,
    chainPem: pem + chain.map((certificate) => encodePem('CERTIFICATE', certificate)).join(''),
    serialNumber: new X509Certificate(der).serialNumber,
    sha256: sha256Hex(der),
  };
}
