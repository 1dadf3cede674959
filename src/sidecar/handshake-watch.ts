// Handshakes under way, each with a deadline counted from accept: a timer that traffic restarts would never end one that is dribbled byte by byte.
import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import type { TLSSocket } from 'node:tls';

export class HandshakeWatch {
  readonly #timeoutMs: number;
  readonly #onTimeout: (socket: Socket) => void;
  readonly #pending = new Map<Socket, { readonly startedAt: number; readonly timer: NodeJS.Timeout }>();

  constructor(timeoutMs: number, onTimeout: (socket: Socket) => void) {
    this.#timeoutMs = timeoutMs;
    this.#onTimeout = onTimeout;
  }

  begin(socket: Socket): void {
    const timer = setTimeout(() => {
      this.#pending.delete(socket);
      this.#onTimeout(socket);
    }, this.#timeoutMs);
    this.#pending.set(socket, { startedAt: performance.now(), timer });
    socket.once('close', () => this.#forget(socket));
  }

  isPending(socket: TLSSocket): boolean {
    return this.#pending.has(underlying(socket));
  }

  /** Seconds it took. */
  end(socket: TLSSocket): number {
    const startedAt = this.#forget(underlying(socket));
    return startedAt === undefined ? 0 : (performance.now() - startedAt) / 1000;
  }

  pending(): Socket[] {
    return [...this.#pending.keys()];
  }

  #forget(socket: Socket): number | undefined {
    const handshake = this.#pending.get(socket);
    clearTimeout(handshake?.timer);
    this.#pending.delete(socket);
    return handshake?.startedAt;
  }
}

/** The accepted socket that a TLS socket was put on. Node has no public name for it. */
function underlying(socket: TLSSocket): Socket {
  return (socket as TLSSocket & { readonly _parent?: Socket })._parent ?? socket;
}
