// The line of one request or connection, with the fields of proxy-model/access-log.ts; '' stands for "does not apply".
// The key exchange group is absent: Node does not tell a server.
import type { ProxyModel } from '../proxy-model/model.ts';
import type { Peer } from './authorize-peer.ts';
import type { Connection } from './connection.ts';
import { VERIFY_ERRORS } from './identity-headers.ts';
import type { LogFields } from './log.ts';

export interface Transfer {
  readonly listener: string;
  readonly protocol: string;
  readonly method?: string;
  readonly path?: string;
  readonly status: number;
  readonly sentBytes: number;
  readonly receivedBytes: number;
  readonly seconds: number;
  /** Index in the listener. */
  readonly route: number | undefined;
  readonly upstream: string | undefined;
  readonly upstreamAddress: string | undefined;
}

/** `Errors`: as the nginx engine, what ended with a status of 400 or more. */
export function isLogged(accessLog: ProxyModel['accessLog'], status: number): boolean {
  return accessLog === 'All' || (accessLog === 'Errors' && status >= 400);
}

export function accessLine(transfer: Transfer, connection: Connection): LogFields {
  const { listener, method, path, protocol, status, sentBytes, receivedBytes, route, upstream = '', upstreamAddress = '' } = transfer;
  const request = method === undefined ? {} : { method, path };
  const seconds = Math.round(transfer.seconds * 1000) / 1000;
  return { listener, client: connection.remoteAddress, ...request, protocol, status, sentBytes, receivedBytes, seconds, route: String(route ?? ''), upstream, upstreamAddress, ...tlsFields(connection) };
}

/** Who was refused, for the audit. */
export function clientFields(connection: Connection): LogFields {
  return { client: connection.remoteAddress, ...tlsFields(connection) };
}

function tlsFields({ tls, peer }: Connection): LogFields {
  if (tls === undefined) return { tlsVersion: '', cipher: '', verify: '', subject: '', serial: '' };
  return { tlsVersion: tls.version, cipher: tls.cipher, ...peerFields(peer) };
}

function peerFields(peer: Peer): LogFields {
  if (peer.kind === 'anonymous') return { verify: 'NONE', subject: '', serial: '' };
  const { subject, serialNumber, uris } = peer.certificate;
  const names = { subject: subject.text, serial: serialNumber };
  if (peer.kind === 'unverified') return { verify: `FAILED:${VERIFY_ERRORS[peer.error] ?? peer.error}`, ...names };
  return { verify: 'SUCCESS', ...names, tenant: peer.tenant ?? '', uris };
}
