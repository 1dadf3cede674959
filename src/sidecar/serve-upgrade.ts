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

/** An upgrade with a body, or to another form of HTTP or TLS, is served as the ordinary request it also is, as nginx does. */
export function mayUpgrade(request: IncomingMessage): boolean {
  return !hasBody(request) && !UNJUDGED.test(request.headers.upgrade ?? '');
}

export function serveUpgrade(upgrade: UpgradeRequest, services: ExchangeServices): void {
  const { request, socket } = upgrade;
  const response = new ServerResponse(request);
  response.assignSocket(socket);
  response.shouldKeepAlive = false;
  response.once('finish', () => {
    response.detachSocket(socket);
    socket.end();
    socket.resume(); // what is not read is never at its end, and the socket would stay
  });
  socket.on('error', () => socket.destroy());
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
