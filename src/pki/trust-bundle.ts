// Trust sources in, trust bundles out. One rule: only CERTIFICATE and X509 CRL blocks pass, decoded and encoded again; any
// other block refuses the whole source, and no error quotes any of it. Otherwise naming a Secret as a trust source
// would be a way to read it.
import { createHash, X509Certificate } from 'node:crypto';

import { readCertificateSkeleton } from './certificate-content.ts';
import { DerError } from './der.ts';
import { encodePem, PemError, scanPem } from './pem.ts';
import type { PemBlock } from './pem.ts';
import { decodeCrl } from './read-crl.ts';

export interface TrustMaterial {
  readonly certificates: readonly Buffer[];
  readonly crls: readonly Buffer[];
}

export type TrustFailure = 'Malformed' | 'ForbiddenContent' | 'CertificateMalformed' | 'CrlMalformed' | 'NoAnchor';

export type ParseTrustResult =
  | ({ readonly ok: true } & TrustMaterial)
  | { readonly ok: false; readonly reason: TrustFailure; readonly message: string };

/** Reads a trust source; where certificates and CRL stand under two keys, join both texts with a newline. */
export function parseTrust(text: string): ParseTrustResult {
  const blocks = readBlocks(text);
  if (!Array.isArray(blocks)) return blocks;
  const certificates = readCertificates(blocks.filter((block) => block.label === 'CERTIFICATE'));
  const crls = readCrls(blocks.filter((block) => block.label === 'X509 CRL'));
  if (certificates === undefined) return refuse('CertificateMalformed', 'a CERTIFICATE block cannot be decoded');
  if (crls === undefined) return refuse('CrlMalformed', 'an X509 CRL block cannot be decoded');
  if (!certificates.some((certificate) => certificate.checkIssued(certificate))) {
    return refuse('NoAnchor', 'there is no self-signed certificate, and TLS servers accept no other as an anchor');
  }
  return { ok: true, certificates: certificates.map((certificate) => certificate.raw), crls };
}

type Refusal = Extract<ParseTrustResult, { ok: false }>;

function refuse(reason: TrustFailure, message: string): Refusal {
  return { ok: false, reason, message };
}

function readBlocks(text: string): PemBlock[] | Refusal {
  try {
    const { blocks, outside } = scanPem(text);
    const isClean = !/PRIVATE KEY/i.test(outside) && blocks.every(({ label }) => label === 'CERTIFICATE' || label === 'X509 CRL');
    return isClean ? blocks : refuse('ForbiddenContent', 'something else than CERTIFICATE and X509 CRL blocks is in it');
  } catch (error) {
    if (error instanceof PemError) return refuse('Malformed', error.message);
    throw error;
  }
}

/** `raw` is OpenSSL's own encoding again, without anything that stood behind the certificate in its block. */
function readCertificates(blocks: readonly PemBlock[]): X509Certificate[] | undefined {
  try {
    const certificates = blocks.map(({ der }) => new X509Certificate(der));
    // Whoever reads on may rely on it that names and times can be read.
    for (const { raw } of certificates) readCertificateSkeleton(raw);
    return certificates;
  } catch {
    return undefined;
  }
}

function readCrls(blocks: readonly PemBlock[]): Buffer[] | undefined {
  try {
    return blocks.map(({ der }) => decodeCrl(der).der);
  } catch (error) {
    if (error instanceof DerError) return undefined;
    throw error;
  }
}

/**
 * Whether every certificate has a CRL of its own name. TLS servers demand a CRL of every CA of a chain as soon as they
 * have one, so `Some` refuses clients at random and must not be rendered.
 */
export function crlCoverage({ certificates, crls }: TrustMaterial): 'All' | 'None' | 'Some' {
  if (crls.length === 0) return 'None';
  const covered = new Set(crls.map((crl) => decodeCrl(crl).issuer.toString('hex')));
  return certificates.every((der) => covered.has(readCertificateSkeleton(der).subject.toString('hex'))) ? 'All' : 'Some';
}

export interface TrustBundle {
  readonly certificatesPem: string;
  /** Empty when no source has a CRL. */
  readonly crlsPem: string;
}

/** Joins sources. The same content gives the same text, whatever the order of the sources and however often it occurs. */
export function buildTrustBundle(sources: readonly TrustMaterial[]): TrustBundle {
  return {
    certificatesPem: joinPem('CERTIFICATE', sources.flatMap((source) => source.certificates)),
    crlsPem: joinPem('X509 CRL', sources.flatMap((source) => source.crls)),
  };
}

function joinPem(label: string, blocks: readonly Buffer[]): string {
  const byHash = new Map(blocks.map((der) => [createHash('sha256').update(der).digest('hex'), der]));
  const sorted = [...byHash].sort(([a], [b]) => (a < b ? -1 : 1));
  return sorted.map(([, der]) => encodePem(label, der)).join('');
}
