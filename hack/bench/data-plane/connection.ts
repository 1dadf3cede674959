// One client connection with one request at a time: the thinnest client there is, so that the server is what is measured.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls, createSecureContext } from 'node:tls';

export interface Target {
  readonly port: number;
  /** Absent: plain HTTP. */
  readonly tls?: { readonly ca: string; readonly cert: string; readonly key: string };
}

interface Asked {
  readonly resolve: (isGood: boolean) => void;
  /** Bytes of the body still to come; -1: the head is. */
  missing: number;
  head: Buffer;
  isGood: boolean;
}

/** Every server gets the same offer, whatever its library would like best. */
const OFFER = { minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3', ciphers: 'TLS_AES_128_GCM_SHA256', ecdhCurve: 'X25519' } as const;

let shared: { key: string; context: ReturnType<typeof createSecureContext> } | undefined;

/** Parsed once: that is work of the client only. */
function contextOf({ ca, cert, key }: NonNullable<Target['tls']>): ReturnType<typeof createSecureContext> {
  if (shared?.key !== key) shared = { key, context: createSecureContext({ ca, cert, key, ...OFFER }) };
  return shared.context;
}

export class Connection {
  readonly #socket: Socket;
  #asked: Asked | undefined;
  /** The server has said or shown that there is no next request. */
  isOver = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('error', () => {});
    socket.on('close', () => this.#end());
    socket.on('end', () => (this.isOver = true));
  }

  static async open({ port, tls }: Target): Promise<Connection> {
    const socket = tls === undefined ? connect({ host: '127.0.0.1', port, noDelay: true }) : connectTls({ host: '127.0.0.1', port, servername: 'localhost', secureContext: contextOf(tls), noDelay: true } as object);
    await once(socket, tls === undefined ? 'connect' : 'secureConnect');
    return new Connection(socket);
  }

  get isBusy(): boolean {
    return this.#asked !== undefined;
  }

  /** False: another status than 200 or 206, or no complete answer. */
  ask(request: Buffer | string): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#asked = { resolve, missing: -1, head: Buffer.alloc(0), isGood: false };
    if (this.#socket.destroyed) this.#end();
    else this.#socket.write(request);
    return promise;
  }

  /** Ends the connection properly; resolves when the server has as well, and so has read everything. */
  async close(): Promise<void> {
    if (this.#socket.destroyed) return;
    this.#socket.end();
    if (!this.#socket.closed) await once(this.#socket, 'close');
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    const asked = this.#asked;
    if (asked === undefined) return;
    if (asked.missing < 0) this.#readHead(asked, chunk);
    else asked.missing -= chunk.length;
    if (asked.missing === 0) this.#settle(asked.isGood);
  }

  #readHead(asked: Asked, chunk: Buffer): void {
    asked.head = asked.head.length === 0 ? chunk : Buffer.concat([asked.head, chunk]);
    const end = asked.head.indexOf('\r\n\r\n');
    if (end < 0) return;
    const text = asked.head.toString('latin1', 0, end);
    asked.isGood = /^HTTP\/1\.1 20[06] /.test(text);
    asked.missing = Number(/\r\ncontent-length: *(\d+)/i.exec(text)?.[1] ?? 0) - (asked.head.length - end - 4);
    if (/\r\nconnection: *close/i.test(text)) this.isOver = true;
  }

  #settle(isGood: boolean): void {
    const asked = this.#asked;
    this.#asked = undefined;
    asked?.resolve(isGood);
  }

  #end(): void {
    this.isOver = true;
    this.#settle(false);
  }
}
