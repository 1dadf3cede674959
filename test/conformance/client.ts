// Clients of the conformance sentences: requests over TLS, and raw bytes for what a proper client would not send.
import { once } from 'node:events';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';
import type { Identity } from './fleet.ts';
import type { Received } from './backend.ts';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly trailers: NodeJS.Dict<string>;
  readonly body: string;
}

export interface Sent extends RequestOptions {
  readonly body?: string | Buffer;
}

/** One request on a connection of its own (unless an agent is given). */
export async function send(port: number, identity: Identity | undefined, path: string, { body, ...options }: Sent = {}): Promise<Answer> {
  const request = httpsRequest({ host: '127.0.0.1', port, path, rejectUnauthorized: false, agent: false, ...credentials(identity), ...options });
  request.end(body);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  let text = '';
  for await (const chunk of response) text += String(chunk);
  return { status: response.statusCode ?? 0, headers: response.headers, rawHeaders: response.rawHeaders, trailers: response.trailers, body: text };
}

/** What the app received of such a request. */
export async function sendAndSee(port: number, identity: Identity | undefined, path: string, options: Sent = {}): Promise<Received> {
  const answer = await send(port, identity, path, options);
  if (answer.status !== 200) throw new Error(`status ${answer.status}: ${answer.body}`);
  return JSON.parse(answer.body) as Received;
}

export function credentials(identity: Identity | undefined): { cert?: string; key?: string } {
  return identity === undefined ? {} : { cert: identity.cert, key: identity.key };
}

/** A TLS connection that has finished its handshake (in TLS 1.3 the server may still refuse). */
export async function openTls(port: number, identity: Identity | undefined, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const all: ConnectionOptions & { allowHalfOpen: boolean } = { host: '127.0.0.1', port, rejectUnauthorized: false, allowHalfOpen: true, ...credentials(identity), ...options };
  const socket = connectTls(all);
  socket.on('error', () => {});
  await once(socket, 'secureConnect');
  return socket;
}

/** Sends bytes as they are, closes, and returns everything that came back. */
export async function sendRaw(port: number, identity: Identity | undefined, text: string): Promise<string> {
  const socket = await openTls(port, identity);
  let received = '';
  socket.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')));
  socket.write(text);
  await Promise.race([once(socket, 'end'), once(socket, 'close')]);
  socket.destroy();
  return received;
}

/** Values of a header, whatever its case, in a raw list. */
export function valuesOf(rawHeaders: readonly string[], name: string): string[] {
  return rawHeaders.filter((_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === name.toLowerCase());
}

/** Reads until `length` bytes have come or the stream ends. */
export async function readBytes(socket: TLSSocket, length: number): Promise<string> {
  let text = '';
  while (text.length < length) {
    const chunk = socket.read() as Buffer | null;
    if (chunk !== null) text += chunk.toString('latin1');
    else if (socket.readableEnded || socket.destroyed) break;
    else await Promise.race([once(socket, 'readable'), once(socket, 'end'), once(socket, 'close')]);
  }
  return text;
}

/** Resolves when the other side has ended or cut the connection (Node tells a client no difference), and lets go of it. */
export async function isOver(socket: TLSSocket): Promise<void> {
  if (!socket.destroyed && !socket.readableEnded) await Promise.race([once(socket.resume(), 'end'), once(socket, 'close')]);
  socket.destroy();
}
