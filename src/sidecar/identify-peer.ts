// Who is at the other end of a finished handshake.
import type { TLSSocket } from 'node:tls';
import type { Peer } from './authorize-peer.ts';
import { readPeerCertificate } from './peer-certificate.ts';
import { findTenant, type Trust } from './trust.ts';

export function identifyPeer(socket: TLSSocket, trust: Trust | undefined): Peer {
  const x509 = socket.getPeerX509Certificate();
  if (x509 === undefined) return { kind: 'anonymous' };
  const certificate = readPeerCertificate(x509);
  if (!socket.authorized || trust === undefined) return { kind: 'unverified', certificate, error: errorCode(socket) };
  const tenant = findTenant(trust, x509);
  return { kind: 'verified', certificate, ...(tenant === undefined ? {} : { tenant }) };
}

function errorCode(socket: TLSSocket): string {
  // A code in practice, an Error by its type, and null once the socket is destroyed.
  const error: unknown = socket.authorizationError;
  if (error instanceof Error) return (error as NodeJS.ErrnoException).code ?? error.message;
  return typeof error === 'string' ? error : 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY';
}
