// The HTTP side of a listener: every request is judged on its own (a certificate problem is a 400, not a broken handshake), then forwarded or answered.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { page } from './answer-page.ts';
import { connectionOf, type Connection } from './connection.ts';
import { Http1Exchange } from './http1-exchange.ts';
import { serveExchange, type ExchangeServices } from './serve-exchange.ts';
import { hasDeclinedUpgrade, lingerBriefly, mayUpgrade, serveUpgrade } from './serve-upgrade.ts';

/** nginx's `large_client_header_buffers 4 8k`. */
export const MAX_HEADER_BYTES = 32 * 1024;
const HEADER_TIMEOUT_MS = 15_000;

export class Http1Front {
  readonly #server: Server;
  readonly #services: ExchangeServices;
  /** The request whose bytes are coming in. */
  readonly #latest = new WeakMap<Connection, Http1Exchange>();

  constructor(services: ExchangeServices, idleTimeoutMs: number) {
    this.#services = services;
    this.#server = createServer({
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: HEADER_TIMEOUT_MS,
      requestTimeout: 0, // a body may take as long as it moves
      insecureHTTPParser: false,
      requireHostHeader: false, // judged by decideRequest, so that the refusal is ours
      optimizeEmptyRequests: true,
      shouldUpgradeCallback: (request: IncomingMessage) => mayUpgrade(request) && connectionOf(request.socket).activeRequests === 0,
      noDelay: true,
    } as Parameters<typeof createServer>[0] & object);
    this.#server.maxRequestsPerSocket = 0;
    this.update(idleTimeoutMs);
    this.#server.on('request', (request, response) => this.#serve(request, response, 'none'));
    this.#server.on('checkContinue', (request, response) => this.#serve(request, response, 'continue'));
    // Node would answer 417 on its own, before the client is judged.
    this.#server.on('checkExpectation', (request, response) => this.#serve(request, response, 'none'));
    this.#server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
    this.#server.on('connect', (request, socket) => this.#refuseConnect(request, socket));
    this.#server.on('clientError', (error, socket) => this.#onClientError(error, socket));
    // The server never listens itself; this starts its check for slow headers.
    this.#server.emit('listening');
  }

  update(idleTimeoutMs: number): void {
    this.#server.keepAliveTimeout = idleTimeoutMs;
    // For a client that does not take its answer; twice, so that a silent upstream is a 504 first.
    this.#server.timeout = idleTimeoutMs * 2;
  }

  accept(connection: Connection): void {
    this.#server.emit('connection', connection.socket);
  }

  /** Idle connections close now; each other one with its next answer. */
  drain(): void {
    this.#server.closeIdleConnections();
  }

  close(): void {
    this.#server.close(() => {});
  }

  /** One after another, as nginx does: sent ahead in one connection they would open any number of connections to the app. */
  #serve(request: IncomingMessage, response: ServerResponse, expectation: 'continue' | 'none'): void {
    const connection = connectionOf(request.socket);
    const { socket, waiting } = connection;
    if (connection.activeRequests === 0) {
      this.#begin(request, response, expectation);
      return;
    }
    socket.pause();
    waiting.push(() => {
      if (waiting.length > 0) socket.pause(); // the end of the one before has let it run on
      else socket.resume();
      this.#begin(request, response, expectation);
    });
  }

  #begin(request: IncomingMessage, response: ServerResponse, expectation: 'continue' | 'none'): void {
    const connection = connectionOf(request.socket);
    if (connection.isClosing === true || connection.socket.destroyed) return;
    // What was wrong has cut it off while it waited.
    if (connection.whenIdle !== undefined && !request.complete) {
      connection.whenIdle();
      return;
    }
    const exchange = new Http1Exchange(connection, request, response, expectation);
    this.#latest.set(connection, exchange);
    if (this.#services.isDraining() || hasDeclinedUpgrade(request)) exchange.closeAfterwards();
    serveExchange(exchange, this.#services, () => exchange.closeAfterwards());
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    serveUpgrade({ request, socket: socket as Socket, head }, this.#services);
  }

  /** Node has let go of the socket: nobody else would read its end or hear of its errors, nor cut it when it stands still. */
  #refuseConnect(request: IncomingMessage, socket: Duplex): void {
    const connection = connectionOf(request.socket);
    this.#services.log.event('warn', 'request refused', { reason: 'bad_request', client: connection.remoteAddress, method: 'CONNECT' });
    lingerBriefly(connection.socket);
    // Its answer would come before those that are due first.
    if (connection.activeRequests > 0) socket.destroy();
    else endWith(socket, 405);
  }

  /** Answers keep the order of the requests: what is wrong behind a request is said after its answer. */
  #onClientError(error: Error & { code?: string }, socket: Duplex): void {
    const connection = connectionOf(socket as Socket);
    if (error.code === 'ECONNRESET' || !socket.writable) {
      socket.destroy();
      return;
    }
    const status = REFUSED_WITH[error.code ?? ''] ?? 400;
    if (this.#latest.get(connection)?.breakOff(status) === 'broken') this.#record(error, connection, status);
    else if (connection.activeRequests === 0) this.#refuse(error, connection, status);
    else connection.whenIdle ??= () => this.#refuse(error, connection, status);
  }

  #refuse(error: { code?: string }, connection: Connection, status: number): void {
    if (!connection.socket.writable) return; // the last answer has ended it
    this.#services.metrics.countResponse(status);
    this.#record(error, connection, status);
    endWith(connection.socket, status);
  }

  #record({ code = '' }: { code?: string }, { access: { view }, remoteAddress }: Connection, status: number): void {
    this.#services.metrics.count('connectionsRefused', 'bad_request');
    this.#services.log.event('warn', 'request refused', { listener: view.model.name, reason: 'bad_request', client: remoteAddress, code, status });
  }
}

/** What the parser could not take; anything else is a 400. */
const REFUSED_WITH: Readonly<Record<string, number>> = { HPE_HEADER_OVERFLOW: 431, ERR_HTTP_REQUEST_TIMEOUT: 408 };

function endWith(socket: Duplex, status: number): void {
  const body = page(status);
  socket.end(`HTTP/1.1 ${status} Refused\r\nContent-Type: text/html\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`);
}
