// The last look at a certificate before it is stored. One rule: nothing of the issuing code is trusted; what is checked
// is what a stranger would check, from the bytes. (node:crypto has no path validation of its own.)
import { X509Certificate } from 'node:crypto';

import { readCertificateContent } from './certificate-content.ts';
import type { CertificateContent } from './certificate-content.ts';
import { readDistinguishedName } from './distinguished-name.ts';
import { isIssuedBy } from './issuer.ts';
import { findConstraintViolation, withCommonNames } from './name-constraint-check.ts';
import { keyMatchesCertificate } from './private-key.ts';
import type { PrivateKey } from './private-key.ts';

export interface IssuedMaterial {
  readonly certificateDer: Buffer;
  /** The intermediates that travel with it, nearest first. */
  readonly chain: readonly Buffer[];
  readonly anchorDer: Buffer;
  readonly key: PrivateKey;
  /** Serial numbers the issuer's CRL revokes, as `openssl x509 -serial` prints them. */
  readonly revokedSerials?: ReadonlySet<string>;
}

export type VerifyFailure =
  | 'Malformed'
  | 'KeyMismatch'
  | 'ChainBroken'
  | 'NotIssuedByAnchor'
  | 'NotValidNow'
  | 'NotACA'
  | 'PathTooLong'
  | 'NameConstraintViolated'
  | 'UsageNotAllowed'
  | 'Revoked';

export type VerifyResult = { readonly ok: true } | { readonly ok: false; readonly reason: VerifyFailure; readonly message: string };

interface Link {
  readonly x509: X509Certificate;
  readonly content: CertificateContent;
}

interface Path extends Pick<IssuedMaterial, 'key' | 'revokedSerials'> {
  readonly leaf: Link;
  readonly chain: readonly Link[];
  readonly anchor: Link;
  readonly now: Date;
}

/** Verifies that the certificate belongs to the key and holds under its chain and under the anchor, at this time. */
export function verifyIssued(material: IssuedMaterial, now: Date): VerifyResult {
  let path: Path;
  try {
    const { certificateDer, chain, anchorDer, ...rest } = material;
    path = { leaf: readLink(certificateDer), chain: chain.map(readLink), anchor: readLink(anchorDer), now, ...rest };
  } catch {
    return { ok: false, reason: 'Malformed', message: 'a certificate of the chain cannot be decoded' };
  }
  for (const { reason, find } of CHECKS) {
    const message = find(path);
    if (message !== undefined) return { ok: false, reason, message };
  }
  return { ok: true };
}

function readLink(der: Buffer): Link {
  return { x509: new X509Certificate(der), content: readCertificateContent(der) };
}

/** In order; the first finding wins. */
const CHECKS: readonly { readonly reason: VerifyFailure; readonly find: (path: Path) => string | undefined }[] = [
  { reason: 'KeyMismatch', find: keyMismatch },
  { reason: 'ChainBroken', find: brokenChain },
  { reason: 'NotIssuedByAnchor', find: strangeAnchor },
  { reason: 'NotValidNow', find: outOfTime },
  { reason: 'NotACA', find: notAnAuthority },
  { reason: 'PathTooLong', find: pathTooLong },
  { reason: 'NameConstraintViolated', find: forbiddenName },
  { reason: 'UsageNotAllowed', find: forbiddenUsage },
  { reason: 'Revoked', find: revoked },
];

function keyMismatch({ leaf, key }: Path): string | undefined {
  return keyMatchesCertificate(key, leaf.x509) ? undefined : 'the certificate does not belong to the private key';
}

function brokenChain({ leaf, chain }: Path): string | undefined {
  const broken = chain.findIndex((issuer, index) => !isIssuedBy((chain[index - 1] ?? leaf).x509, issuer.x509));
  return broken === -1 ? undefined : `certificate ${broken + 1} of the chain did not issue the one before it`;
}

/** Our anchors are the issuing authorities themselves (roots or twins), so there is nothing between leaf and anchor. */
function strangeAnchor({ leaf, anchor }: Path): string | undefined {
  if (!isIssuedBy(anchor.x509, anchor.x509)) return 'the anchor is not self-signed';
  return isIssuedBy(leaf.x509, anchor.x509) ? undefined : 'the certificate was not issued by the anchor';
}

function outOfTime({ leaf, chain, anchor, now }: Path): string | undefined {
  const invalid = [leaf, ...chain, anchor].find(({ content }) => now < content.notBefore || now >= content.notAfter);
  if (invalid === undefined) return undefined;
  const { notBefore, notAfter } = invalid.content;
  return `a certificate is valid from ${notBefore.toISOString()} to ${notAfter.toISOString()} only`;
}

function notAnAuthority({ chain, anchor }: Path): string | undefined {
  const maySign = ({ content }: Link): boolean => content.isCA && (content.keyUsage?.includes('keyCertSign') ?? true);
  return [...chain, anchor].every(maySign) ? undefined : 'an issuer in the chain is not a CA';
}

function pathTooLong({ leaf, chain, anchor }: Path): string | undefined {
  const below = (index: number): number => index + (leaf.content.isCA ? 1 : 0);
  const holds = (issuer: Link, index: number): boolean => (issuer.content.pathLen ?? Infinity) >= below(index);
  return chain.every(holds) && holds(anchor, 0) ? undefined : 'the path length of an issuer is exceeded';
}

function forbiddenName({ leaf, chain, anchor }: Path): string | undefined {
  const { names, subject, isCA } = leaf.content;
  const commonNames = readDistinguishedName(subject).flat().flatMap(({ type, value }) => (type === 'CN' ? [value] : []));
  const judged = isCA ? names : withCommonNames(names, commonNames);
  for (const { content } of [...chain, anchor]) {
    const name = content.nameConstraints && findConstraintViolation(judged, content.nameConstraints);
    if (name !== undefined) return `the issuer's name constraints do not allow ${name}`;
  }
  return undefined;
}

const ANY_USAGE = '2.5.29.37.0';

/** Not in RFC 5280, but all TLS stacks do it: an authority's ExtendedKeyUsage limits what is below it. */
function forbiddenUsage({ leaf, chain, anchor }: Path): string | undefined {
  const wanted = leaf.content.extendedKeyUsage ?? [];
  const limits = [...chain, anchor].flatMap(({ content }) => (content.extendedKeyUsage ? [content.extendedKeyUsage] : []));
  const holds = limits.every((limit) => limit.includes(ANY_USAGE) || wanted.every((usage) => limit.includes(usage)));
  return holds ? undefined : 'the extended key usage of an issuer does not allow the usages of the certificate';
}

function revoked({ leaf, revokedSerials }: Path): string | undefined {
  return revokedSerials?.has(leaf.x509.serialNumber) ? 'the certificate is revoked' : undefined;
}
