// Anchors and CRLs from PEM. A CRL that would shut everybody out (foreign, badly signed, expired) is refused before it is loaded.
import { createHash, X509Certificate } from 'node:crypto';
import type { Authority, TrustModel } from '../proxy-model/model.ts';
import { readChildren, readValue } from './der.ts';
import { readRevocationList, type RevocationList } from './revocation-list.ts';
import type { Anchor, Trust } from './trust.ts';

/** A client's clock may be ahead of the issuer's by so much. */
const CLOCK_SKEW_MS = 5 * 60_000;

export interface TrustFiles {
  readonly certificates: Buffer | undefined;
  readonly crls: Buffer | undefined;
}

/** Throws with what is wrong, never quoting content. */
export function loadTrust({ authorities, certificates: path, crls: crlPath }: TrustModel, files: TrustFiles, nowMs: number): Trust {
  const anchors = files.certificates === undefined ? [] : readAnchors(files.certificates, authorities, path ?? '');
  const sha256 = createHash('sha256').update(files.certificates ?? '').update('\0').update(files.crls ?? '').update(JSON.stringify(authorities)).digest('hex');
  if (files.crls === undefined) return { sha256, anchors };
  const crls = pemBlocks(files.crls, 'X509 CRL').map((der) => attempt(`reading ${crlPath}`, () => readRevocationList(der)));
  for (const [index, crl] of crls.entries()) judge(crl, anchors, nowMs, `CRL ${index + 1} of ${crlPath}`);
  const uncovered = anchors.find(({ subjectHex }) => !crls.some(({ issuerNameHex }) => issuerNameHex === subjectHex));
  if (uncovered !== undefined) throw new Error(`${crlPath} holds no CRL of ${uncovered.authority.subject}: all its clients would be refused`);
  return { sha256, anchors, crls };
}

function readAnchors(pem: Buffer, authorities: readonly Authority[], path: string): Anchor[] {
  const anchors = pemBlocks(pem, 'CERTIFICATE').map((der) => {
    const x509 = attempt(`reading ${path}`, () => new X509Certificate(der));
    const sha256 = createHash('sha256').update(der).digest('hex');
    const authority = authorities.find((candidate) => candidate.sha256 === sha256);
    if (authority === undefined) throw new Error(`${path} holds a certificate that the configuration does not name`);
    return { x509, authority, subjectHex: subjectHexOf(der) };
  });
  if (anchors.length === 0) throw new Error(`${path} holds no certificate`);
  return anchors;
}

function judge(crl: RevocationList, anchors: readonly Anchor[], nowMs: number, name: string): void {
  const issuers = anchors.filter(({ subjectHex }) => subjectHex === crl.issuerNameHex);
  if (issuers.length === 0) throw new Error(`${name} is of no trusted issuer`);
  if (!issuers.some(({ x509 }) => crl.isSignedBy(x509))) throw new Error(`${name} is not signed by its issuer`);
  if (crl.thisUpdateMs > nowMs + CLOCK_SKEW_MS) throw new Error(`${name} is not valid yet`);
  if (crl.nextUpdateMs !== undefined && crl.nextUpdateMs <= nowMs) throw new Error(`${name} has expired: every client would be refused`);
}

function subjectHexOf(der: Buffer): string {
  const [tbs] = readChildren(der, readValue(der, 0));
  const fields = tbs === undefined ? [] : readChildren(der, tbs);
  const subject = fields[0]?.tag === 0xa0 ? fields[5] : fields[4];
  return subject === undefined ? '' : der.toString('hex', subject.start, subject.end);
}

/** DER of each block. */
export function pemBlocks(pem: Buffer, label: string): Buffer[] {
  return pemTexts(pem, label).map((text) => Buffer.from(text.replaceAll(/-----[A-Z0-9 ]+-----/g, ''), 'base64'));
}

/** Each block by itself, still PEM. */
export function pemTexts(pem: Buffer, label: string): string[] {
  const pattern = new RegExp(`-----BEGIN ${label}-----[A-Za-z0-9+/=\\s]+-----END ${label}-----`, 'g');
  return pem.toString('latin1').match(pattern) ?? [];
}

/** `what: reason`, without the library's message, which may quote what it read. */
export function attempt<T>(what: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw new Error(`${what}: ${error instanceof RangeError ? error.message : ((error as NodeJS.ErrnoException).code ?? 'not valid')}`, { cause: error });
  }
}
