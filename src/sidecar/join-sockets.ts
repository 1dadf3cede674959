// Joins two sockets: bytes are copied both ways with back-pressure, an end is passed on as an end (half-close), a cut as a cut.
import type { Socket } from 'node:net';

export interface JoinOptions {
  readonly idleTimeoutMs: number;
  /** Both are closed. */
  readonly onClose: (cause: 'end' | 'idle' | 'client_error' | 'upstream_error') => void;
}

export function joinSockets(client: Socket, upstream: Socket, { idleTimeoutMs, onClose }: JoinOptions): void {
  let cause: Parameters<JoinOptions['onClose']>[0] = 'end';
  let open = 2;
  const cut = (why: typeof cause) => {
    if (cause === 'end') cause = why;
    reset(client);
    reset(upstream);
  };
  const closed = () => {
    open -= 1;
    if (open === 0) onClose(cause);
  };
  client.on('error', () => cut('client_error'));
  upstream.on('error', () => cut('upstream_error'));
  client.once('close', () => {
    if (!client.readableEnded) cut('client_error');
    closed();
  });
  upstream.once('close', () => {
    if (!upstream.readableEnded) cut('upstream_error');
    closed();
  });
  upstream.setTimeout(0);
  // Every byte, whichever way, passes the client's socket: its timeout is that of both.
  client.setTimeout(idleTimeoutMs, () => cut('idle'));
  client.pipe(upstream);
  upstream.pipe(client);
}

/** Without a proper end (no close_notify, RST): the other side must be able to tell it from a complete stream. */
function reset(socket: Socket): void {
  if (socket.destroyed) return;
  if ('encrypted' in socket) socket.destroy();
  else socket.resetAndDestroy();
}
