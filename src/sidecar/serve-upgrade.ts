// A request for another protocol, such as WebSocket: judged like any other, then, after the upstream's 101, two joined sockets.
import { ServerResponse, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { connectionOf } from './connection.ts';
import { hasBody, Http1Exchange } from './http1-exchange.ts';
import { joinSockets } from './join-sockets.ts';
import { responseHeaders } from './request-headers.ts';
import { serveExchange, type ExchangeServices } from './serve-exchange.ts';

export interface UpgradeRequest {
  readonly request: IncomingMessage;
  readonly socket: Socket;
  /** What the client has sent of the new protocol already. */
  readonly head: Buffer;
}

/** Protocols in whose tunnel a client would write its own identity headers; anywhere in a list of them. */
const UNJUDGED = /h2|http|tls/i;

const LINGER_MS = 1000;

/** After a refusal, for a client that does not close: reads on, so that its end is seen, and cuts it after a moment. */
export function lingerBriefly(socket: Socket): void {
  socket.on('error', () => socket.destroy());
  socket.resume();
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once('close', () => clearTimeout(timer));
}

/** An upgrade with a body, or to another form of HTTP or TLS, is served as the ordinary request it also is, as nginx does. */
export function mayUpgrade(request: IncomingMessage): boolean {
  return !hasBody(request) && !UNJUDGED.test(request.headers.upgrade ?? '');
}

/**
 * Whether a request that is served as an ordinary one has asked for an upgrade. Node's parser stops behind it and loses what came in the same
 * packet: the connection must end with its answer, from which a client knows what to send again (RFC 9112, 9.3.2).
 */
export function hasDeclinedUpgrade({ headers: { upgrade, connection = '' } }: IncomingMessage): boolean {
  return upgrade !== undefined && /\bupgrade\b/i.test(connection);
}

/** Node has let go of the socket. As long as the answer is an ordinary one, what Node would do for it is done here. */
export function serveUpgrade(upgrade: UpgradeRequest, services: ExchangeServices): void {
  const { request, socket } = upgrade;
  const response = new ServerResponse(request);
  response.assignSocket(socket);
  response.shouldKeepAlive = false;
  response.once('finish', () => {
    response.detachSocket(socket);
    socket.end();
    lingerBriefly(socket);
  });
  socket.on('error', () => socket.destroy());
  socket.on('drain', () => response.emit('drain'));
  socket.setTimeout(connectionOf(socket).access.view.idleTimeoutMs * 2);
  socket.once('timeout', () => socket.destroy());
  serveExchange(new UpgradeExchange(upgrade, response), services, () => {});
}

class UpgradeExchange extends Http1Exchange {
  readonly upgrade;

  constructor({ request, socket, head }: UpgradeRequest, response: ServerResponse) {
    super(connectionOf(socket), request, response, 'none');
    const { idleTimeoutMs } = this.connection.access.view;
    this.upgrade = {
      protocol: request.headers.upgrade ?? '',
      join: (answer: IncomingMessage, upstream: Socket, upstreamHead: Buffer) => {
        response.detachSocket(socket);
        socket.write(switchingProtocols(answer));
        socket.write(upstreamHead);
        upstream.write(head);
        joinSockets(socket, upstream, { idleTimeoutMs, onClose: () => this.end() });
      },
    };
  }
}

function switchingProtocols({ rawHeaders, headers }: IncomingMessage): string {
  const fields = [...responseHeaders(rawHeaders), 'Connection', 'Upgrade', 'Upgrade', headers.upgrade ?? ''];
  const lines = fields.map((item, index) => (index % 2 === 0 ? `${item}: ` : `${item}\r\n`));
  return `HTTP/1.1 101 Switching Protocols\r\n${lines.join('')}\r\n`;
}
