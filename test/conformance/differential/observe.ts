// Sends bytes through an engine and takes down what became of them: the answers, what reached the app, and the connection.
import type { TLSSocket } from 'node:tls';
import { openTls } from '../client.ts';
import type { Identity } from '../fleet.ts';
import { SENTINEL } from './hostile-requests.ts';
import type { RecordingApp, Seen } from './recording-app.ts';

export interface Outcome {
  /** Of every answer, in order. HTTP/0.9 has none: `unnumbered` then. */
  readonly statuses: readonly number[];
  readonly unnumbered: boolean;
  readonly requests: readonly Seen[];
  /** `waits`: the engine wants more bytes; `closed`: it has ended the connection itself. */
  readonly fate: 'closed' | 'waits';
}

const CLOSE_MS = 2000;

/** `quietMs`: an engine that says nothing for so long waits for more. `app` is the one behind `port`, and nobody else uses either meanwhile. */
export async function observe(port: number, { bytes, identity, app }: { bytes: string; identity: Identity; app: RecordingApp }, quietMs: number): Promise<Outcome> {
  app.take();
  const socket = await openTls(port, identity);
  let text = '';
  let lastAt = performance.now();
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
    lastAt = performance.now();
  });
  socket.write(Buffer.from(bytes + SENTINEL, 'latin1'));
  const isClosed = await endsUnasked(socket, () => performance.now() - lastAt > quietMs);
  const answered = text;
  socket.end();
  await new Promise((resolve) => {
    const timer = setTimeout(resolve, isClosed ? CLOSE_MS : 20);
    socket.once('close', () => resolve(clearTimeout(timer)));
    if (socket.closed) resolve(clearTimeout(timer));
  });
  socket.destroy();
  const statuses = Array.from(answered.matchAll(/HTTP\/1\.[01] (\d{3}) /g), ([, status]) => Number(status));
  return { statuses, unnumbered: answered !== '' && !answered.startsWith('HTTP/'), requests: app.take(), fate: isClosed ? 'closed' : 'waits' };
}

function endsUnasked(socket: TLSSocket, isQuiet: () => boolean): Promise<boolean> {
  return new Promise((resolve) => {
    const settle = (isOver: boolean) => {
      clearInterval(timer);
      resolve(isOver);
    };
    const timer = setInterval(() => isQuiet() && settle(false), 20);
    socket.once('end', () => settle(true)).once('close', () => settle(true));
    if (socket.destroyed || socket.readableEnded) settle(true);
  });
}
