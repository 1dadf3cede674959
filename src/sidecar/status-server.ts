// Port 15643: /healthz, /status, /metrics, and the pod's own probes where the injection asked for it.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { SidecarStatus } from '../api/manifest.ts';
import type { ForwardProbe } from './probe-forwarder.ts';

export interface StatusSource {
  /** undefined: nothing has been loaded yet; then `reason` says why. */
  readonly status: () => SidecarStatus | undefined;
  readonly reason: () => string;
  readonly metrics: () => string;
  readonly forwardProbe: ForwardProbe;
}

interface StatusAddress {
  readonly port: number;
  readonly host?: string;
}

/** Anybody in the cluster can connect, but the kubelet must always get its answer: else it would kill the sidecar. So nobody may stay. */
const PATIENCE = { headersTimeout: 2000, requestTimeout: 5000, keepAliveTimeout: 1000, connectionsCheckingInterval: 1000, maxHeaderSize: 16 * 1024 } as const;
/** Above what the kubelet, the operator and a scraper need together. */
const MAX_CONNECTIONS = 512;
const MAX_CONNECTIONS_OF_ONE_ADDRESS = 64;

export async function startStatusServer(source: StatusSource, { port, host }: StatusAddress): Promise<Server> {
  const server = createServer(PATIENCE, (request, response) => answer(source, request, response));
  server.maxConnections = MAX_CONNECTIONS;
  limitEachAddress(server);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(new Error(`the status server cannot listen on port ${port}: ${error.code ?? 'failed'}`, { cause: error })));
    server.listen({ port, ...(host === undefined ? {} : { host }) }, resolve);
  });
  return server;
}

function limitEachAddress(server: Server): void {
  const open = new Map<string, number>();
  server.on('connection', (socket: Socket) => {
    const { remoteAddress = '' } = socket;
    const count = (open.get(remoteAddress) ?? 0) + 1;
    open.set(remoteAddress, count);
    socket.once('close', () => {
      const left = (open.get(remoteAddress) ?? 1) - 1;
      if (left === 0) open.delete(remoteAddress);
      else open.set(remoteAddress, left);
    });
    if (count > MAX_CONNECTIONS_OF_ONE_ADDRESS) socket.destroy();
  });
}

function answer(source: StatusSource, request: IncomingMessage, response: ServerResponse): void {
  const path = request.url?.split('?', 1)[0] ?? '/';
  if (source.forwardProbe(path, request, response) === 'handled') return;
  if (path === '/healthz') healthz(source, response);
  else if (path === '/status') status(source, response);
  else if (path === '/metrics') send(response, 200, 'text/plain; version=0.0.4; charset=utf-8', source.metrics());
  else send(response, 404, 'text/plain', 'not found\n');
}

/** A set that could not be loaded is no reason to restart or to stop the traffic: the one before is still served. */
function healthz({ status, reason }: StatusSource, response: ServerResponse): void {
  if (status() === undefined) send(response, 503, 'text/plain', `${reason()}\n`);
  else send(response, 200, 'text/plain', 'ok\n');
}

function status({ status, reason }: StatusSource, response: ServerResponse): void {
  const body = status();
  if (body === undefined) send(response, 503, 'application/json', `${JSON.stringify({ engine: 'node', state: 'pending', message: reason() })}\n`);
  else send(response, 200, 'application/json', `${JSON.stringify(body)}\n`);
}

function send(response: ServerResponse, code: number, contentType: string, body: string): void {
  response.writeHead(code, { 'content-type': contentType, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}
