import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after } from 'node:test';
import { KubeConfig } from '@kubernetes/client-node';
import { ApiClient } from '../../src/kube/api-client.ts';
import type { Logger } from '../../src/kube/logger.ts';

/**
 * A server that plays faults: each request gets the next line of a script. It knows nothing of Kubernetes;
 * what a real API server does is tested against a real one.
 */
export type Request = {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
};

export type Answer = (response: ServerResponse, request: Request) => void | Promise<void>;

export type ScriptedServer = {
  readonly url: string;
  readonly requests: Request[];
  /** Connections that were opened so far. */
  readonly connections: () => number;
  readonly client: ApiClient;
};

/** Answers with the script's lines in turn; the last one is repeated. */
export async function play(...script: Answer[]): Promise<ScriptedServer> {
  const requests: Request[] = [];
  let connections = 0;
  const answer = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const request = await read(incoming);
    requests.push(request);
    await script[Math.min(requests.length, script.length) - 1]?.(response, request);
  };
  const server = createServer((incoming, response) => void answer(incoming, response));
  server.on('connection', () => (connections += 1));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = new ApiClient(kubeConfigFor(url), { version: '1.2.3' });
  after(async () => {
    await client.close();
    server.closeAllConnections();
    server.close();
  });
  return { url, requests, connections: () => connections, client };
}

export function kubeConfigFor(url: string, user: object = { token: 'a-token' }): KubeConfig {
  const kubeConfig = new KubeConfig();
  // client-node refuses plain HTTP unless verification is off.
  kubeConfig.loadFromClusterAndUser({ name: 'scripted', server: url, skipTLSVerify: true }, { name: 'somebody', ...user });
  return kubeConfig;
}

export function json(body: unknown, code = 200, headers: Record<string, string> = {}): Answer {
  return (response) => void response.writeHead(code, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

export function status(code: number, reason: string, headers: Record<string, string> = {}): Answer {
  return json({ kind: 'Status', code, reason, message: `because of ${reason}` }, code, headers);
}

/** Cuts the connection without an answer. */
export const drop: Answer = (response) => void response.socket?.destroy();

/** Never answers. */
export const hang: Answer = () => undefined;

export const silentLogger: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

async function read(incoming: IncomingMessage): Promise<Request> {
  let body = '';
  for await (const chunk of incoming) body += String(chunk);
  const { pathname, searchParams } = new URL(incoming.url ?? '/', 'http://scripted');
  return { method: incoming.method ?? '', path: pathname, query: searchParams, headers: incoming.headers, body };
}
