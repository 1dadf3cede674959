// One trust policy, loaded: the anchors, whose they are, and their CRLs. Answers which authority a client was verified by.
// Rule: a tenant is named only when every path that could have verified the client ends in that tenant's anchors.
import type { X509Certificate } from 'node:crypto';
import type { Authority } from '../proxy-model/model.ts';
import type { PeerCertificate } from './peer-certificate.ts';
import type { RevocationList } from './revocation-list.ts';

export interface Anchor {
  readonly x509: X509Certificate;
  readonly authority: Authority;
  /** DER of its subject, as hex. */
  readonly subjectHex: string;
}

export interface Trust {
  /** SHA-256 of anchors and CRLs: equal trust needs no second judgement of a connection. */
  readonly sha256: string;
  readonly anchors: readonly Anchor[];
  /** Absent: no revocation checking. */
  readonly crls?: readonly RevocationList[];
}

const MAX_SENT_CERTIFICATES = 8;

/**
 * The tenant that verified a client which OpenSSL has accepted; undefined where the anchors have none or more than one could have done it.
 * OpenSSL prefers anchors to certificates sent by the client, so a leaf signed by an anchor itself was verified by it. Else each path of signatures through the
 * certificates sent counts, whether or not OpenSSL would take it; if none is seen (Node 24.21 hides them, nodejs/node#65579) every anchor counts.
 */
export function findTenant(trust: Trust, leaf: X509Certificate): string | undefined {
  // Of one tenant's anchors it does not matter which: the signature is not checked once more (a sixth of a handshake).
  return isOfOneTenant(trust.anchors) ? trust.anchors[0]?.authority.tenant : findTenantOfMany(trust, leaf);
}

function isOfOneTenant([first, ...others]: readonly Anchor[]): boolean {
  return others.every(({ authority }) => authority.tenant === first?.authority.tenant);
}

function findTenantOfMany(trust: Trust, leaf: X509Certificate): string | undefined {
  const direct = issuersAmong(trust.anchors, leaf);
  const sent = sentCertificates(leaf);
  // More than we are ready to follow: the one path that OpenSSL took could be among the rest.
  const possible = direct.length > 0 || sent.length > MAX_SENT_CERTIFICATES ? direct : anchorsBehind(trust.anchors, leaf, sent);
  const tenants = new Set((possible.length > 0 ? possible : trust.anchors).map(({ authority }) => authority.tenant));
  return tenants.size === 1 ? [...tenants][0] : undefined;
}

export type Standing = 'trusted' | 'revoked' | 'not_trusted';

/**
 * Whether a connected client, verified under `before`, still stands under `after`. The certificates between a leaf and its anchor are not seen again, so a client
 * with any stands only if no anchor has gone and nothing more has been revoked; else it has to connect again.
 */
export function reassess(before: Trust, after: Trust, { x509, serialNumber, issuerNameHex }: PeerCertificate): Standing {
  if (before.sha256 === after.sha256) return 'trusted';
  const isRevoked = after.crls?.some((crl) => crl.issuerNameHex === issuerNameHex && crl.revokedSerials.has(serialNumber)) ?? false;
  if (isRevoked) return 'revoked';
  if (issuersAmong(after.anchors, x509).length > 0) return 'trusted';
  const hasDirectIssuer = issuersAmong(before.anchors, x509).length > 0;
  return !hasDirectIssuer && isNoStricter(before, after) ? 'trusted' : 'not_trusted';
}

function isNoStricter(before: Trust, after: Trust): boolean {
  const anchors = new Set(after.anchors.map(({ authority }) => authority.sha256));
  const revoked = new Set(revokedBy(before));
  return before.anchors.every(({ authority }) => anchors.has(authority.sha256)) && revokedBy(after).every((entry) => revoked.has(entry));
}

function revokedBy({ crls = [] }: Trust): string[] {
  return crls.flatMap(({ issuerNameHex, revokedSerials }) => [...revokedSerials].map((serial) => `${issuerNameHex} ${serial}`));
}

function issuersAmong(anchors: readonly Anchor[], certificate: X509Certificate): Anchor[] {
  return anchors.filter(({ x509 }) => hasIssued(x509, certificate));
}

function hasIssued(issuer: X509Certificate, certificate: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

/** Each certificate is looked at once: of a few that have signed one another the paths are too many to follow. */
function anchorsBehind(anchors: readonly Anchor[], leaf: X509Certificate, sent: readonly X509Certificate[]): Anchor[] {
  const reached = new Set([leaf]);
  for (const certificate of reached) {
    for (const candidate of sent) if (!reached.has(candidate) && hasIssued(candidate, certificate)) reached.add(candidate);
  }
  return [...reached].flatMap((certificate) => issuersAmong(anchors, certificate));
}

function sentCertificates(leaf: X509Certificate): X509Certificate[] {
  const sent: X509Certificate[] = [];
  for (let next = leaf.issuerCertificate; next !== undefined && sent.length <= MAX_SENT_CERTIFICATES; next = next.issuerCertificate) sent.push(next);
  return sent;
}
