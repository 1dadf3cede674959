// A proxy in front of the API server that writes down every request and plays faults. It speaks plain HTTP on loopback, so that it
// needs no certificate; towards the API server it hands on what the client sent.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import https from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Cluster } from './cluster.ts';

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly isWatch: boolean;
}

/**
 * `cut`: the connection is closed before anything is handed on. `swallow`: the API server gets the request, the client no
 * answer. An object is answered in the API server's place. Undefined: nothing happens.
 */
export type Fault = 'cut' | 'swallow' | { readonly status: number; readonly headers?: Record<string, string>; readonly body: object };

export class FaultProxy {
  readonly requests: SeenRequest[] = [];
  /** Asked for each request. */
  fault: (request: SeenRequest) => Fault | undefined = () => undefined;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #target: URL;
  readonly #agent: https.Agent;

  constructor(target: URL, ca: Buffer) {
    this.#target = target;
    this.#agent = new https.Agent({ ca, keepAlive: true });
    this.#server = createServer((request, response) => this.#handle(request, response));
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket)).on('error', () => undefined);
    });
  }

  static async start({ kubeConfig }: Cluster): Promise<FaultProxy> {
    const { server = '', caData = '' } = kubeConfig.getCurrentCluster() ?? {};
    const proxy = new FaultProxy(new URL(server), Buffer.from(caData, 'base64'));
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** What was asked to be changed since request number `from`, Leases left out. */
  writes(from = 0): readonly SeenRequest[] {
    return this.requests.slice(from).filter(({ method, path }) => method !== 'GET' && !path.includes('/leases'));
  }

  /** As when a load balancer restarts: all connections end at once, whatever is on them. */
  cutConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    this.cutConnections();
    this.#agent.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #handle(incoming: IncomingMessage, response: ServerResponse): void {
    const url = new URL(incoming.url ?? '/', this.url);
    const request = { method: incoming.method ?? 'GET', path: url.pathname, query: url.searchParams, isWatch: url.searchParams.get('watch') === 'true' };
    this.requests.push(request);
    const fault = this.fault(request);
    if (fault === 'cut') return void incoming.socket.destroy();
    if (typeof fault === 'object') {
      incoming.resume();
      return void response.writeHead(fault.status, { 'content-type': 'application/json', ...fault.headers }).end(`${JSON.stringify(fault.body)}\n`);
    }
    this.#forward(incoming, response, fault === 'swallow');
  }

  #forward(incoming: IncomingMessage, response: ServerResponse, isSwallowed: boolean): void {
    const { method, url: path, headers } = incoming;
    const outgoing = https.request({ agent: this.#agent, host: this.#target.hostname, port: this.#target.port, method, path, headers: { ...headers, host: this.#target.host } }, (answer) => {
      if (isSwallowed) {
        answer.resume().on('end', () => incoming.socket.destroy());
        return;
      }
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      response.flushHeaders();
      answer.on('error', () => incoming.socket.destroy()).pipe(response);
    });
    outgoing.on('error', () => incoming.socket.destroy());
    response.on('close', () => outgoing.destroy());
    incoming.pipe(outgoing);
  }
}

/** The end of a watch that is too far behind, as the API server writes it. */
export const GONE: Fault = { status: 200, body: { type: 'ERROR', object: { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'Expired', code: 410, message: 'too old resource version' } } };

export const TOO_MANY_REQUESTS: Fault = { status: 429, headers: { 'retry-after': '1' }, body: { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'TooManyRequests', code: 429 } };
