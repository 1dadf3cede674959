// The HTTPS server under the admission app. One rule: every wait of a peer has an end, and only here are those ends chosen.
// HTTP/1.1 only, because that is what API servers speak to webhooks (HTTP/2 would pin them to one replica).
import { createServer } from 'node:https';
import type { Server } from 'node:https';
import type { RequestListener } from 'node:http';
import type { Socket } from 'node:net';

/** PEM. The key is in memory only. */
export interface ServingCertificate {
  readonly certificate: string;
  readonly key: string;
}

/** The API server gives us 5 s for all of a review: what takes longer to arrive than that is of no use to anybody. */
const BOUNDS = {
  handshakeMs: 10_000,
  headersMs: 5000,
  requestMs: 5000,
  /** Longer than the 90 s for which Go keeps idle connections: the client closes first, so no request meets a closed socket. */
  keepAliveMs: 120_000,
  checkEveryMs: 1000,
  /** An API server opens one connection per review in flight; a dozen of them stay far below this. */
  connections: 4096,
  /** So that one pod cannot have them all. */
  connectionsOfAddress: 1024,
} as const;

const MIN_VERSION = 'TLSv1.2';

export type ServerBounds = { readonly [name in keyof typeof BOUNDS]: number };

export function createAdmissionServer(serving: ServingCertificate, listener: RequestListener, bounds: Partial<ServerBounds> = {}): Server {
  const { handshakeMs, headersMs, requestMs, keepAliveMs, checkEveryMs, connections, connectionsOfAddress } = { ...BOUNDS, ...bounds };
  const server = createServer(
    {
      ...secureContext(serving),
      ALPNProtocols: ['http/1.1'],
      handshakeTimeout: handshakeMs,
      headersTimeout: headersMs,
      requestTimeout: requestMs,
      keepAliveTimeout: keepAliveMs,
      connectionsCheckingInterval: checkEveryMs,
      noDelay: true,
    },
    listener,
  );
  server.maxConnections = connections;
  server.maxRequestsPerSocket = 0;
  server.prependListener('connection', closeAbove(connectionsOfAddress));
  return server;
}

/** Closes, before a handshake costs anything, what is more than an address may have open. */
function closeAbove(most: number): (socket: Socket) => void {
  const open = new Map<string, number>();
  return (socket) => {
    const address = socket.remoteAddress ?? '';
    const count = (open.get(address) ?? 0) + 1;
    open.set(address, count);
    socket.once('close', () => {
      const left = (open.get(address) ?? 1) - 1;
      if (left === 0) open.delete(address);
      else open.set(address, left);
    });
    if (count > most) socket.destroy();
  };
}

/** New connections get the new certificate, open ones live on. Throws, and changes nothing, when key and certificate do not match. */
export function renewServingCertificate(server: Server, serving: ServingCertificate): void {
  server.setSecureContext(secureContext(serving));
}

/** Complete in itself: setSecureContext forgets every option that it is not given again. */
function secureContext({ certificate, key }: ServingCertificate): { cert: string; key: string; minVersion: 'TLSv1.2' } {
  return { cert: certificate, key, minVersion: MIN_VERSION };
}
