// The HTTPS server under the admission app. One rule: every wait of a peer has an end, and only here are those ends chosen.
// HTTP/1.1 only, because that is what API servers speak to webhooks (HTTP/2 would pin them to one replica).
import { createServer } from 'node:https';
import type { Server } from 'node:https';
import type { RequestListener } from 'node:http';

/** PEM. The key is in memory only. */
export interface ServingCertificate {
  readonly certificate: string;
  readonly key: string;
}

/** Below the shortest time-out that matters, the API server's 5 s for us, nothing legitimate ends: these only stop idlers. */
const TIMEOUTS = {
  handshakeMs: 10_000,
  headersMs: 10_000,
  requestMs: 15_000,
  /** Longer than the 90 s for which Go keeps idle connections: the client closes first, so no request meets a closed socket. */
  keepAliveMs: 120_000,
  checkEveryMs: 1000,
} as const;

/** An API server opens one connection per review in flight; a dozen of them stay far below this. */
const MAX_CONNECTIONS = 4096;
const MIN_VERSION = 'TLSv1.2';

export type ServerTimeouts = { readonly [name in keyof typeof TIMEOUTS]: number };

export function createAdmissionServer(serving: ServingCertificate, listener: RequestListener, timeouts: Partial<ServerTimeouts> = {}): Server {
  const { handshakeMs, headersMs, requestMs, keepAliveMs, checkEveryMs } = { ...TIMEOUTS, ...timeouts };
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
  server.maxConnections = MAX_CONNECTIONS;
  server.maxRequestsPerSocket = 0;
  return server;
}

/** New connections get the new certificate, open ones live on. Throws, and changes nothing, when key and certificate do not match. */
export function renewServingCertificate(server: Server, serving: ServingCertificate): void {
  server.setSecureContext(secureContext(serving));
}

/** Complete in itself: setSecureContext forgets every option that it is not given again. */
function secureContext({ certificate, key }: ServingCertificate): { cert: string; key: string; minVersion: 'TLSv1.2' } {
  return { cert: certificate, key, minVersion: MIN_VERSION };
}
