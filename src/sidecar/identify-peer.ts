// Who is at the other end of a finished handshake.
// Rule: anybody may show any certificate, so one that cannot be read is no fault of ours: it is refused like any other bad one.
import type { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import type { Peer } from './authorize-peer.ts';
import { readPeerCertificate, type PeerCertificate } from './peer-certificate.ts';
import { findTenant, type Trust } from './trust.ts';

export function identifyPeer(socket: TLSSocket, trust: Trust | undefined): Peer {
  const x509 = socket.getPeerX509Certificate();
  if (x509 === undefined) return { kind: 'anonymous' };
  const certificate = readOrUndefined(x509);
  if (certificate === undefined) return { kind: 'unverified', certificate: unreadable(x509), error: 'CERT_REJECTED' };
  if (!socket.authorized || trust === undefined) return { kind: 'unverified', certificate, error: errorCode(socket) };
  const tenant = findTenant(trust, x509);
  return { kind: 'verified', certificate, ...(tenant === undefined ? {} : { tenant }) };
}

function readOrUndefined(x509: X509Certificate): PeerCertificate | undefined {
  try {
    return readPeerCertificate(x509);
  } catch {
    return undefined;
  }
}

/** What the log may say of it; nothing that a rule could match. */
function unreadable(x509: X509Certificate): PeerCertificate {
  const certificateSHA256 = x509.fingerprint256.replaceAll(':', '').toLowerCase();
  return { x509, subject: { text: '', commonName: undefined, escapedCommonName: undefined }, dnsNames: [], uris: [], serialNumber: '', issuerNameHex: '', certificateSHA256, publicKeySHA256: '' };
}

function errorCode(socket: TLSSocket): string {
  // A code in practice, an Error by its type, and null once the socket is destroyed.
  const error: unknown = socket.authorizationError;
  if (error instanceof Error) return (error as NodeJS.ErrnoException).code ?? error.message;
  return typeof error === 'string' ? error : 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY';
}
