// TLS as a client might speak it: every parameter it may choose, every kind of certificate, and a ClientHello with bytes changed.
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import fc from 'fast-check';
import { credentials } from '../client.ts';
import type { Fleet, Identity } from '../fleet.ts';

export type Who = 'nobody' | 'alice' | 'stranger' | 'expired' | 'not yet valid' | 'server only';

export async function identitiesOf(fleet: Fleet): Promise<Readonly<Record<Who, Identity | undefined>>> {
  const { customer, stranger, alice } = fleet;
  const hours = 3_600_000;
  return {
    nobody: undefined, alice,
    stranger: await stranger.issue('alice'),
    expired: await customer.issue('alice', { atMs: -20 * hours, durationSeconds: 3600 }),
    'not yet valid': await customer.issue('alice', { atMs: 5 * hours }),
    'server only': await customer.issue('alice', { usages: ['digital signature', 'server auth'] }),
  };
}

export interface Offer {
  readonly who: Who;
  /** For ALPN. */
  readonly protocols: readonly string[];
  readonly options: ConnectionOptions;
}

/** Together, since OpenSSL has nothing to offer where no cipher fits a version. */
const VERSIONS_AND_CIPHERS: readonly Pick<ConnectionOptions, 'minVersion' | 'maxVersion' | 'ciphers'>[] = [
  {}, {}, { minVersion: 'TLSv1.3' }, { maxVersion: 'TLSv1.2' }, { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }, { minVersion: 'TLSv1', maxVersion: 'TLSv1.2', ciphers: 'DEFAULT@SECLEVEL=0' },
  ...['TLS_AES_128_GCM_SHA256', 'TLS_CHACHA20_POLY1305_SHA256', 'TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256'].map((ciphers) => ({ minVersion: 'TLSv1.3', ciphers }) as const),
  ...[
    'ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-ECDSA-AES256-GCM-SHA384', 'ECDHE-ECDSA-CHACHA20-POLY1305', 'ECDHE-RSA-AES128-GCM-SHA256', 'ECDHE-ECDSA-AES128-SHA', 'AES128-SHA', 'ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256',
  ].map((ciphers) => ({ maxVersion: 'TLSv1.2', ciphers }) as const),
];

export const OFFER: fc.Arbitrary<Offer> = fc
  .record({
    who: fc.constantFrom<Who>('nobody', 'alice', 'alice', 'alice', 'stranger', 'expired', 'not yet valid', 'server only'),
    versions: fc.constantFrom(...VERSIONS_AND_CIPHERS),
    ecdhCurve: fc.constantFrom('auto', 'X25519', 'P-256', 'P-384', 'P-521', 'X448', 'X25519MLKEM768:X25519', 'secp256k1:P-256', 'P-521:X25519'),
    protocols: fc.constantFrom<string[]>([], [], ['http/1.1'], ['h2'], ['h2', 'http/1.1'], ['http/1.0'], ['spdy/3', 'http/1.1'], ['x']),
    servername: fc.constantFrom('', 'localhost', 'server.test', 'wrong.example', `${'a'.repeat(60)}.example`),
    sigalgs: fc.constantFrom(undefined, undefined, 'ecdsa_secp256r1_sha256', 'ecdsa_secp384r1_sha384:ecdsa_secp256r1_sha256'),
  })
  .map(({ who, protocols, versions, sigalgs, ...options }) => ({ who, protocols, options: { ...versions, ...options, ...(sigalgs === undefined ? {} : { sigalgs }) } }));

const REQUEST = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
const PATIENCE_MS = 5000;

/** What a client is told: what was agreed on and the answer, or that there is no handshake; undefined where it cannot even offer this. */
export async function shakeHands(port: number, { options, protocols }: Offer, identity: Identity | undefined): Promise<string | undefined> {
  let socket;
  try {
    socket = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false, ALPNProtocols: [...protocols], ...credentials(identity), ...options });
  } catch {
    return undefined;
  }
  let [agreed, text] = ['no handshake', ''];
  socket.on('error', () => {});
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
  socket.once('secureConnect', () => {
    agreed = `${socket.getProtocol()} ${socket.getCipher().name} ${socket.alpnProtocol || 'no protocol'}`;
    if (socket.alpnProtocol !== 'h2') socket.write(REQUEST);
    else socket.end();
  });
  const timer = setTimeout(() => socket.destroy(), PATIENCE_MS);
  await new Promise((resolve) => socket.once('close', resolve));
  clearTimeout(timer);
  return `${agreed} ${/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? ''}`;
}

/** A real one, as bytes. */
export async function captureHello(options: ConnectionOptions = {}): Promise<Buffer> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connectTls({ host: '127.0.0.1', port: (server.address() as AddressInfo).port, servername: 'localhost', ...options }).on('error', () => {});
  const [accepted] = (await once(server, 'connection')) as [Socket];
  const [hello] = (await once(accepted, 'data')) as [Buffer];
  client.destroy();
  accepted.destroy();
  server.close();
  return hello;
}

export interface Mutation {
  readonly at: number;
  readonly byte: number;
  readonly how: 'replace' | 'insert' | 'remove' | 'truncate';
}

export const MUTATION: fc.Arbitrary<Mutation> = fc.record({ at: fc.nat(400), byte: fc.nat(255), how: fc.constantFrom('replace', 'replace', 'replace', 'insert', 'remove', 'truncate') });

export function mutate(hello: Buffer, { at, byte, how }: Mutation): Buffer {
  const index = at % hello.length;
  const rest = how === 'truncate' ? Buffer.alloc(0) : hello.subarray(how === 'insert' ? index : index + 1);
  return Buffer.concat([hello.subarray(0, index), how === 'remove' || how === 'truncate' ? Buffer.alloc(0) : Buffer.from([byte]), rest]);
}

/** The first thing said in return: a handshake goes on, an alert, an end, or nothing yet. */
export async function say(port: number, bytes: Buffer, quietMs: number): Promise<string> {
  const socket = connect(port, '127.0.0.1').on('error', () => {});
  socket.write(bytes);
  const first = await new Promise<Buffer | undefined>((resolve) => {
    const timer = setTimeout(() => resolve(undefined), quietMs);
    const settle = (chunk: Buffer) => {
      clearTimeout(timer);
      resolve(chunk);
    };
    socket.once('data', settle).once('close', () => settle(Buffer.alloc(0)));
  });
  socket.destroy();
  if (first === undefined) return 'waits';
  return ({ 21: 'alert', 22: 'handshake', 72: 'answers in plain HTTP' } as Record<number, string>)[first[0] ?? 0] ?? (first.length === 0 ? 'closes' : 'something else');
}
