// An issuer as it stands in a CA Secret: certificate, chain and key, checked once. One rule: what is wrong is said with a
// reason from a closed set and a message that names tls.crt or tls.key, and never quotes them.
import { X509Certificate } from 'node:crypto';

import { readCertificateContent, readCertificateSkeleton } from './certificate-content.ts';
import type { CertificateContent } from './certificate-content.ts';
import { computeKeyId } from './certificate-extensions.ts';
import { hasExplicitParameters } from './explicit-parameters.ts';
import { sha256Hex } from './inspect-certificate.ts';
import type { NameConstraints } from './name-constraints.ts';
import { parsePem } from './pem.ts';
import { keyMatchesCertificate, PrivateKeyError, readPrivateKey } from './private-key.ts';
import type { PrivateKey, PrivateKeyFailure } from './private-key.ts';

export interface Issuer {
  readonly key: PrivateKey;
  readonly certificate: Buffer;
  /** The intermediates above it, nearest first, without the root; they travel in the chains of what it issues. */
  readonly chain: readonly Buffer[];
  readonly x509: X509Certificate;
  readonly content: CertificateContent;
  /** The DER of its subject, copied into what it issues. */
  readonly subject: Buffer;
  /** Its SubjectKeyIdentifier, computed where its certificate has none. */
  readonly subjectKeyId: Buffer;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly isSelfSigned: boolean;
  readonly pathLen?: number;
  readonly nameConstraints?: NameConstraints;
  /** SHA-256 of its certificate, lower-case hex. */
  readonly sha256: string;
}

export type IssuerFailure = 'CertificateMalformed' | PrivateKeyFailure | 'KeyMismatch' | 'NotACA';

export type ReadIssuerResult =
  | { readonly ok: true; readonly issuer: Issuer }
  | { readonly ok: false; readonly reason: IssuerFailure; readonly message: string };

/** More than this in one Secret is not a chain. */
const MAX_CERTIFICATES = 16;

/**
 * Reads a CA Secret. The CA is the certificate that belongs to the key; the others are put in order behind it, whatever
 * order they stand in, and those that do not belong to its chain are left out. Validity is `checkIssuerValidity`'s.
 */
export function readIssuer(secret: { readonly certificatePem: string; readonly keyPem: string }): ReadIssuerResult {
  try {
    return assembleIssuer(readCertificates(secret.certificatePem), readPrivateKey(secret.keyPem));
  } catch (error) {
    if (error instanceof PrivateKeyError) return failure(error.reason, `tls.key: ${error.message}`);
    if (error instanceof CertificateError) return failure('CertificateMalformed', `tls.crt: ${error.message}`);
    throw error;
  }
}

export type IssuerValidity = { readonly ok: true } | { readonly ok: false; readonly reason: 'Expired' | 'NotYetValid'; readonly message: string };

/** Whether the issuer may sign at this time. */
export function checkIssuerValidity(issuer: Pick<Issuer, 'notBefore' | 'notAfter'>, now: Date): IssuerValidity {
  if (now >= issuer.notAfter) {
    return { ok: false, reason: 'Expired', message: `tls.crt: the CA certificate expired at ${issuer.notAfter.toISOString()}` };
  }
  if (now < issuer.notBefore) {
    return { ok: false, reason: 'NotYetValid', message: `tls.crt: the CA certificate is not valid before ${issuer.notBefore.toISOString()}` };
  }
  return { ok: true };
}

class CertificateError extends Error {}

function failure(reason: IssuerFailure, message: string): ReadIssuerResult {
  return { ok: false, reason, message };
}

function readCertificates(pem: string): X509Certificate[] {
  let blocks;
  try {
    blocks = parsePem(pem);
  } catch {
    throw new CertificateError('is not well-formed PEM');
  }
  const certificates = blocks.filter((block) => block.label === 'CERTIFICATE' || block.label === 'TRUSTED CERTIFICATE');
  if (certificates.length === 0) throw new CertificateError('there is no CERTIFICATE block');
  if (certificates.length > MAX_CERTIFICATES) throw new CertificateError(`there are more than ${MAX_CERTIFICATES} certificates`);
  return certificates.map(({ der }, index) => decodeCertificate(der, index));
}

function decodeCertificate(der: Buffer, index: number): X509Certificate {
  try {
    return new X509Certificate(der);
  } catch {
    // Without cause: OpenSSL's errors may carry parts of what they parsed.
    throw new CertificateError(`certificate ${index + 1} cannot be decoded`);
  }
}

function assembleIssuer(certificates: readonly X509Certificate[], key: PrivateKey): ReadIssuerResult {
  const x509 = certificates.find((certificate) => keyMatchesCertificate(key, certificate));
  if (x509 === undefined) return failure('KeyMismatch', 'tls.key does not belong to a certificate in tls.crt');
  const content = readContent(x509.raw);
  const fault = findAuthorityFault(content);
  if (fault !== undefined) return failure('NotACA', `tls.crt: ${fault}`);
  const chain = orderChain(x509, certificates);
  refuseExplicitParameters([x509.raw, ...chain], certificates);
  return { ok: true, issuer: describeIssuer({ x509, content, key, chain }) };
}

const EXPLICIT = 'has a public key with explicit EC parameters, which TLS libraries refuse; have it issued anew for a key with a named curve (openssl pkey -ec_param_enc named_curve)';

function refuseExplicitParameters(chain: readonly Buffer[], certificates: readonly X509Certificate[]): void {
  const explicit = chain.find((der) => hasExplicitParameters(readCertificateSkeleton(der).publicKey));
  if (explicit === undefined) return;
  throw new CertificateError(`certificate ${certificates.findIndex(({ raw }) => raw.equals(explicit)) + 1} ${EXPLICIT}`);
}

function readContent(der: Buffer): CertificateContent {
  try {
    return readCertificateContent(der);
  } catch {
    throw new CertificateError('the CA certificate has an extension that cannot be decoded');
  }
}

function findAuthorityFault(content: CertificateContent): string | undefined {
  if (!content.isCA) return 'the certificate is not a CA (basicConstraints)';
  if (content.keyUsage !== undefined && !content.keyUsage.includes('keyCertSign')) return 'the certificate may not sign certificates (keyUsage)';
  return undefined;
}

interface IssuerParts extends Pick<Issuer, 'x509' | 'content' | 'key' | 'chain'> {}

/** Builds an Issuer from parts that were checked; also used for an authority we have just issued. */
export function describeIssuer({ x509, content, key, chain }: IssuerParts): Issuer {
  return {
    key,
    chain,
    x509,
    content,
    certificate: x509.raw,
    subject: content.subject,
    subjectKeyId: content.subjectKeyId ?? computeKeyId(content.publicKey),
    notBefore: content.notBefore,
    notAfter: content.notAfter,
    isSelfSigned: isSelfSigned(x509),
    sha256: sha256Hex(x509.raw),
    ...(content.pathLen !== undefined && { pathLen: content.pathLen }),
    ...(content.nameConstraints && { nameConstraints: content.nameConstraints }),
  };
}

/** Follows issuers upwards from the CA until a root, or until the next one is not there. */
function orderChain(start: X509Certificate, certificates: readonly X509Certificate[]): Buffer[] {
  const chain: Buffer[] = [];
  const left = new Set(certificates);
  for (let current: X509Certificate | undefined = start; current !== undefined && !isSelfSigned(current); ) {
    left.delete(current);
    const child: X509Certificate = current;
    current = [...left].find((candidate) => isIssuedBy(child, candidate));
    if (current !== undefined && !isSelfSigned(current)) chain.push(current.raw);
  }
  return chain;
}

export function isSelfSigned(certificate: X509Certificate): boolean {
  return isIssuedBy(certificate, certificate);
}

/** Names, key identifiers and signature all fit. */
export function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}
