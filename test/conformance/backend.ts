// The app behind the proxy: answers what it received as JSON, and misbehaves on request.
import { once } from 'node:events';
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTcpServer, type AddressInfo, type Server as TcpServer, type Socket } from 'node:net';

export interface Received {
  readonly method: string;
  readonly url: string;
  readonly httpVersion: string;
  readonly rawHeaders: readonly string[];
  readonly rawTrailers: readonly string[];
  readonly body: string;
}

export class HttpBackend implements AsyncDisposable {
  readonly server: Server;
  /** Every request, the newest last. */
  readonly received: Received[] = [];
  connections = 0;
  /** Bytes of /flood that were taken off its hands. */
  flooded = 0;
  readonly #sockets = new Set<Socket>();

  private constructor(name: string) {
    this.server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
      this.#answer(request, response, name).catch(() => {}); // the other side has gone in the middle of the body
    });
    this.server.on('connection', (socket) => {
      this.connections += 1;
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    this.server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => this.#upgrade(request, socket, head));
  }

  static async start(name = 'app', port = 0): Promise<HttpBackend> {
    const backend = new HttpBackend(name);
    backend.server.listen(port, '127.0.0.1');
    await once(backend.server, 'listening');
    return backend;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Cuts every connection, kept ones included. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.close();
    this.cut();
    if (this.server.listening) await once(this.server, 'close');
  }

  async #answer(request: IncomingMessage, response: ServerResponse, name: string): Promise<void> {
    const path = request.url?.split('?', 1)[0] ?? '/';
    if (path === '/hash') return this.#hash(request, response);
    if (path === '/flood') return this.#flood(response);
    if (path === '/echo-stream') {
      response.writeHead(200);
      response.flushHeaders();
      request.pipe(response);
      return;
    }
    let body = '';
    for await (const chunk of request) body += String(chunk);
    this.received.push({ method: request.method ?? '', url: request.url ?? '', httpVersion: request.httpVersion, rawHeaders: request.rawHeaders, rawTrailers: request.rawTrailers, body });
    const special = SPECIAL[path];
    if (special !== undefined) special(request, response);
    else response.writeHead(200, { 'content-type': 'application/json', 'x-backend': name }).end(JSON.stringify(this.received.at(-1)));
  }

  async #hash(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const hash = createHash('sha256');
    let length = 0;
    for await (const chunk of request) {
      hash.update(chunk as Buffer);
      length += (chunk as Buffer).length;
    }
    response.end(JSON.stringify({ length, sha256: hash.digest('hex') }));
  }

  /** As much as the other side takes. */
  async #flood(response: ServerResponse): Promise<void> {
    const block = Buffer.alloc(1 << 16);
    while (!response.destroyed) {
      if (!response.write(block)) await Promise.race([once(response, 'drain'), once(response, 'close')]);
      this.flooded += block.length;
    }
  }

  #upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    this.received.push({ method: request.method ?? '', url: request.url ?? '', httpVersion: request.httpVersion, rawHeaders: request.rawHeaders, rawTrailers: [], body: '' });
    if (request.url === '/refuses-upgrade') {
      socket.end('HTTP/1.1 426 Upgrade Required\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno');
      return;
    }
    socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: yes\r\n\r\n');
    socket.write(head);
    socket.pipe(socket);
    socket.on('error', () => socket.destroy());
  }
}

const SPECIAL: Readonly<Record<string, (request: IncomingMessage, response: ServerResponse) => void>> = {
  '/silent': () => {},
  '/cut-before-answer': (request) => request.socket.destroy(),
  '/cut-in-body': (request, response) => {
    response.writeHead(200, { 'content-length': '1000' });
    response.write('half', () => setTimeout(() => request.socket.destroy(), 20));
  },
  '/events': (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('data: first\n\n');
    setTimeout(() => response.end('data: second\n\n'), 300);
  },
  '/trailers': (_request, response) => {
    response.writeHead(200, { trailer: 'X-Checksum' });
    response.write('body');
    response.addTrailers({ 'X-Checksum': 'abc' });
    response.end();
  },
  '/bigger-header': (_request, response) => {
    response.writeHead(200, { 'x-big': 'b'.repeat(20_000), 'content-length': 2 }).end('ok');
  },
  '/big-header': (_request, response) => {
    response.writeHead(200, { 'x-big': 'b'.repeat(7000), 'content-length': 2 }).end('ok');
  },
  '/hop': (_request, response) => {
    response.writeHead(200, { connection: 'close, x-mine', 'keep-alive': 'timeout=99', 'x-kept': '1', 'set-cookie': ['a=1', 'b=2'] }).end('ok');
  },
  '/no-content': (_request, response) => {
    response.writeHead(204).end();
  },
  '/http1.0-style': (request) => {
    request.socket.end('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end');
  },
};

/** A raw TCP server; `serve` gets each connection (both ends may be half-closed). */
export async function startTcpBackend(serve: (socket: Socket) => void): Promise<{ readonly port: number; readonly server: TcpServer } & AsyncDisposable> {
  const sockets = new Set<Socket>();
  const server = createTcpServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => sockets.delete(socket));
    serve(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    server,
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      server.close();
      for (const socket of sockets) socket.destroy();
      if (server.listening) await once(server, 'close');
    },
  };
}
