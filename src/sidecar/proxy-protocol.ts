// The PROXY protocol header, version 2, with the client's identity in TLVs (haproxy's proxy-protocol.txt, section 2.2).
import { isIPv4, isIPv6 } from 'node:net';
import type { Connection } from './connection.ts';

const SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');
const VERSION_2_PROXY = 0x21;
const FAMILY = { v4: 0x11, v6: 0x21, unspecified: 0x00 } as const;
const TLV = { authority: 0x02, ssl: 0x20, sslVersion: 0x21, sslCommonName: 0x22, sslCipher: 0x23, sslCertificate: 0x28 } as const;
const CLIENT = { ssl: 0x01, certificateOnConnection: 0x02, certificateInSession: 0x04 } as const;
const MAX_LENGTH = 0xff_ff;

/** Without the certificate if it is too long for a header; undefined: the rest is, too. */
export function proxyProtocolHeader(connection: Connection): Buffer | undefined {
  const { peer } = connection;
  const certificate = peer.kind === 'anonymous' ? [] : [tlv(TLV.sslCertificate, peer.certificate.x509.raw)];
  return encodeHeader(connection, certificate) ?? encodeHeader(connection, []);
}

function encodeHeader(connection: Connection, certificate: readonly Buffer[]): Buffer | undefined {
  const [family, addresses] = encodeAddresses(connection);
  const name = connection.tls?.serverName;
  const authority = name === undefined ? [] : [tlv(TLV.authority, Buffer.from(name))];
  const body = Buffer.concat([addresses, ...authority, ...encodeTls(connection, certificate)]);
  if (body.length > MAX_LENGTH) return undefined;
  const length = Buffer.alloc(2);
  length.writeUInt16BE(body.length);
  return Buffer.concat([SIGNATURE, Buffer.from([VERSION_2_PROXY, family]), length, body]);
}

function encodeAddresses({ remoteAddress, remotePort, localAddress, localPort }: Connection): [number, Buffer] {
  const ports = Buffer.alloc(4);
  ports.writeUInt16BE(remotePort, 0);
  ports.writeUInt16BE(localPort, 2);
  if (isIPv4(remoteAddress) && isIPv4(localAddress)) return [FAMILY.v4, Buffer.concat([...[remoteAddress, localAddress].map(ipv4Bytes), ports])];
  if (isIPv6(remoteAddress) && isIPv6(localAddress)) return [FAMILY.v6, Buffer.concat([...[remoteAddress, localAddress].map(ipv6Bytes), ports])];
  return [FAMILY.unspecified, Buffer.alloc(0)];
}

function encodeTls({ tls, peer }: Connection, certificate: readonly Buffer[]): Buffer[] {
  if (tls === undefined) return [];
  const flags = CLIENT.ssl | (peer.kind === 'anonymous' ? 0 : CLIENT.certificateOnConnection | CLIENT.certificateInSession);
  const verify = Buffer.alloc(4);
  verify.writeUInt32BE(peer.kind === 'verified' ? 0 : 1); // 0: presented and verified
  const parts = [Buffer.from([flags]), verify, tlv(TLV.sslVersion, Buffer.from(tls.version)), tlv(TLV.sslCipher, Buffer.from(tls.cipher))];
  const commonName = peer.kind === 'verified' ? peer.certificate.subject.commonName : undefined;
  if (commonName !== undefined) parts.push(tlv(TLV.sslCommonName, Buffer.from(commonName)));
  return [tlv(TLV.ssl, Buffer.concat([...parts, ...certificate]))];
}

/** A value that is too long makes the whole header too long, which then is not sent. */
function tlv(type: number, value: Buffer): Buffer {
  const head = Buffer.alloc(3);
  head.writeUInt8(type, 0);
  head.writeUInt16BE(Math.min(value.length, MAX_LENGTH), 1);
  return Buffer.concat([head, value]);
}

function ipv4Bytes(address: string): Buffer {
  return Buffer.from(address.split('.').map(Number));
}

function ipv6Bytes(address: string): Buffer {
  const [head = '', tail] = (address.split('%', 1)[0] ?? '').split('::');
  const groups = (text: string) => (text === '' ? [] : text.split(':'));
  const [left, right] = [groups(head), groups(tail ?? '')];
  const missing = tail === undefined ? 0 : 8 - left.length - right.length;
  const all = [...left, ...Array<string>(Math.max(0, missing)).fill('0'), ...right];
  const bytes = Buffer.alloc(16);
  for (const [index, group] of all.entries()) bytes.writeUInt16BE(Number.parseInt(group, 16), index * 2);
  return bytes;
}
