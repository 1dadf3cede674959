// One port: accept under a limit, handshake under a timeout, authorise, then hand the connection to HTTP or TCP.
// Rule: what a connection may do is judged at its handshake and again, for every connection, whenever new files are loaded.
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type Server as TlsServer, type TLSSocket } from 'node:tls';
import { clientFields } from './access-log.ts';
import type { Peer } from './authorize-peer.ts';
import { createConnection, tagSocket, type Connection } from './connection.ts';
import { grantAccess, mayGoOn, renewAccess } from './grant-access.ts';
import { HandshakeWatch } from './handshake-watch.ts';
import { Http1Front } from './http-listener.ts';
import { Http2Front } from './http2-front.ts';
import { identifyPeer } from './identify-peer.ts';
import type { ListenerView } from './listener-view.ts';
import type { LogFields } from './log.ts';
import type { Refusal, Traffic } from './metrics.ts';
import type { ExchangeServices } from './serve-exchange.ts';
import { serveTcp } from './tcp-front.ts';

export interface ListenerServices extends ExchangeServices {
  /** Of all listeners together; false when there are as many connections as allowed. */
  readonly admit: () => boolean;
  readonly release: () => void;
  readonly handshakeTimeoutMs: number;
}

export class Listener {
  readonly #services: ListenerServices;
  readonly #server: Server;
  readonly #connections = new Set<Connection>();
  readonly #handshakes: HandshakeWatch;
  #http1: Http1Front | undefined;
  #http2: Http2Front | undefined;
  #view: ListenerView;
  #tls: TlsServer | undefined;
  readonly #endCounting: () => void;
  readonly #closedBytes = { receivedBytes: 0, sentBytes: 0 };

  constructor(view: ListenerView, services: ListenerServices) {
    this.#services = services;
    this.#view = view;
    this.#handshakes = new HandshakeWatch(services.handshakeTimeoutMs, (socket) => this.#onHandshakeTimeout(socket));
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#onAccept(socket));
    this.#prepare(view);
    this.#endCounting = services.metrics.onScrape(() => this.#traffic());
  }

  get view(): ListenerView {
    return this.#view;
  }

  /** Also when it was 0 in the configuration. */
  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : this.#view.port;
  }

  async listen(): Promise<void> {
    const { port, model: { bind, name } } = this.#view;
    await new Promise<void>((resolve, reject) => {
      const fail = (error: NodeJS.ErrnoException) => reject(new Error(`listener ${name} cannot listen on ${bind}:${port}: ${error.code ?? 'failed'}`, { cause: error }));
      this.#server.once('error', fail);
      this.#server.listen({ port, ...(bind === '' ? {} : { host: bind, ipv6Only: bind.includes(':') }), backlog: 1024 }, () => {
        this.#server.off('error', fail);
        this.#server.on('error', (error) => this.#services.log.event('error', 'accepting failed', { listener: name, code: (error as NodeJS.ErrnoException).code }));
        resolve();
      });
    });
  }

  /** New connections get the new view; each open one is judged again and cut if it is no longer allowed. */
  update(view: ListenerView): void {
    this.#view = view;
    this.#prepare(view);
    for (const connection of this.#connections) this.#rejudge(connection);
  }

  /** Lets go of its port; `listen` takes it back. Connections stay. */
  pause(): void {
    this.#server.close();
  }

  /** Stops accepting. Resolves when the last connection is closed. */
  async drain(): Promise<void> {
    this.#server.close();
    this.#http1?.drain();
    this.#http2?.drain();
    // A handshake under way becomes a connection, and its client has not been told to go elsewhere: it gets one answer.
    for (let open = this.#openSockets(); open.length > 0; open = this.#openSockets()) {
      await Promise.all(open.map((socket) => new Promise((resolve) => socket.once('close', resolve))));
    }
    this.#http1?.close();
    this.#endCounting();
  }

  /** Cuts what is left. */
  destroy(): void {
    this.#server.close();
    for (const socket of this.#handshakes.pending()) socket.destroy();
    for (const { socket } of this.#connections) socket.destroy();
    this.#http1?.close();
    this.#endCounting();
  }

  #openSockets(): Socket[] {
    return [...this.#handshakes.pending(), ...[...this.#connections].map(({ socket }) => socket)].filter(({ closed }) => !closed);
  }

  #prepare({ model, tls, idleTimeoutMs }: ListenerView): void {
    if (model.protocol === 'HTTP') this.#http1 ??= new Http1Front(this.#services, idleTimeoutMs);
    this.#http1?.update(idleTimeoutMs);
    if (model.protocol === 'HTTP' && tls !== undefined) this.#http2 ??= new Http2Front(this.#services);
    this.#tls = tls === undefined ? undefined : this.#createTls(this.#view);
  }

  /** Never listens: it is handed the sockets. A new one for each view, so that a handshake begun under the old view ends under it. */
  #createTls(view: ListenerView): TlsServer {
    const { model, tls } = view;
    const server = createTlsServer({
      ...tls?.context,
      requestCert: model.tls?.clientAuth !== 'None',
      rejectUnauthorized: false, // judged by authorizePeer: a refusal is a 400, as with nginx
      ALPNProtocols: model.protocol === 'HTTP' ? ['h2', 'http/1.1'] : [],
      handshakeTimeout: this.#services.handshakeTimeoutMs * 2, // the watch is the one that counts
      allowHalfOpen: true,
      noDelay: true,
    });
    server.on('secureConnection', (socket) => this.#onSecure(socket, view));
    server.on('tlsClientError', (error, socket) => this.#onHandshakeFailure(error, socket));
    return server;
  }

  #onAccept(socket: Socket): void {
    if (!this.#services.admit()) {
      this.#refuse('limit', { client: socket.remoteAddress });
      socket.destroy();
      return;
    }
    this.#services.metrics.count('connectionsAccepted');
    socket.once('close', () => this.#services.release());
    socket.on('error', () => socket.destroy());
    if (this.#tls === undefined) {
      this.#onReady(socket, { kind: 'anonymous' }, this.#view);
      return;
    }
    this.#handshakes.begin(socket);
    this.#tls.emit('connection', socket);
  }

  #onSecure(socket: TLSSocket, view: ListenerView): void {
    const seconds = this.#handshakes.end(socket);
    this.#services.metrics.observeHandshake(seconds);
    this.#services.metrics.count('handshakes', 'success');
    if (socket.destroyed) return;
    try {
      this.#onReady(socket, identifyPeer(socket, view.tls?.trust), view);
    } catch {
      // What a stranger's certificate says may end the stranger's connection and nothing else.
      this.#refuse('bad_certificate', { client: socket.remoteAddress });
      socket.destroy();
    }
  }

  /** `view`: the one under which the handshake began; new files may have come meanwhile. */
  #onReady(socket: Socket | TLSSocket, peer: Peer, view: ListenerView): void {
    const connection = createConnection(socket, peer, grantAccess(peer, view));
    tagSocket(socket, connection);
    this.#connections.add(connection);
    socket.once('close', () => this.#onClose(connection));
    if (view !== this.#view) this.#rejudge(connection);
    if (socket.destroyed) return;
    if (this.#view.model.protocol === 'TCP') serveTcp(connection, this.#services);
    else if ('alpnProtocol' in socket && socket.alpnProtocol === 'h2') this.#http2?.accept(connection);
    else this.#http1?.accept(connection);
  }

  #onClose(connection: Connection): void {
    this.#connections.delete(connection);
    this.#closedBytes.receivedBytes += connection.socket.bytesRead;
    this.#closedBytes.sentBytes += connection.socket.bytesWritten;
  }

  #onHandshakeFailure(error: Error & { code?: string }, socket: TLSSocket): void {
    if (!this.#handshakes.isPending(socket)) return;
    this.#handshakes.end(socket);
    this.#services.metrics.count('handshakes', 'failure');
    this.#refuse('handshake', { client: socket.remoteAddress, code: error.code });
    socket.destroy();
  }

  #onHandshakeTimeout(socket: Socket): void {
    this.#services.metrics.count('handshakes', 'timeout');
    this.#refuse('handshake_timeout', { client: socket.remoteAddress });
    socket.destroy();
  }

  #rejudge(connection: Connection): void {
    const renewal = renewAccess(connection.peer, connection.access.view, this.#view);
    if (renewal.kind === 'keep') {
      connection.peer = renewal.peer;
      connection.access = renewal.access;
      this.#endForbidden(connection);
      return;
    }
    this.#refuse(renewal.reason, clientFields(connection));
    connection.socket.destroy();
  }

  #endForbidden(connection: Connection): void {
    for (const work of connection.underWay) {
      if (mayGoOn(connection.access, work)) continue;
      this.#refuse('no_route', clientFields(connection));
      work.abort();
    }
  }

  #refuse(reason: Refusal, fields: LogFields): void {
    this.#services.metrics.count('connectionsRefused', reason);
    this.#services.log.event('warn', 'connection refused', { listener: this.#view.model.name, reason, ...fields });
  }

  #traffic(): Traffic {
    const traffic = { open: this.#connections.size, ...this.#closedBytes };
    for (const { socket } of this.#connections) {
      traffic.receivedBytes += socket.bytesRead;
      traffic.sentBytes += socket.bytesWritten;
    }
    return traffic;
  }
}
