// An app that takes down byte for byte what a proxy sends it, by a reader of its own: Node's parser would mend or refuse what is to be seen.
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';

export interface Seen {
  readonly line: string;
  /** As sent. */
  readonly headers: readonly string[];
  body: string;
  isComplete: boolean;
}

const ANSWER = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: text/plain\r\n\r\nok';
const ANSWER_WITHOUT_BODY = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n';

export class RecordingApp implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #seen: Seen[] = [];

  private constructor() {
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
      socket.on('error', () => socket.destroy());
      this.#read(socket);
    });
  }

  static async start(): Promise<RecordingApp> {
    const app = new RecordingApp();
    app.#server.listen(0, '127.0.0.1');
    await once(app.#server, 'listening');
    return app;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** What came since the last call. */
  take(): readonly Seen[] {
    const seen = this.#seen;
    this.#seen = [];
    return seen;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await once(this.#server, 'close');
  }

  #read(socket: Socket): void {
    let bytes = '';
    let current: Seen | undefined;
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.toString('latin1');
      for (;;) {
        if (current === undefined) {
          const end = bytes.indexOf('\r\n\r\n');
          if (end < 0) return;
          const [line = '', ...headers] = bytes.slice(0, end).split('\r\n');
          bytes = bytes.slice(end + 4);
          current = { line, headers, body: '', isComplete: false };
          this.#seen.push(current);
        }
        const rest = takeBody(current, bytes);
        if (rest === undefined) return;
        current.isComplete = true;
        socket.write(current.line.startsWith('HEAD ') ? ANSWER_WITHOUT_BODY : ANSWER);
        bytes = rest;
        current = undefined;
      }
    });
  }
}

/** What follows the body; undefined while it is not complete. */
function takeBody(seen: Seen, bytes: string): string | undefined {
  if (valueOf(seen, 'transfer-encoding') !== undefined) return takeChunks(seen, bytes);
  const length = Number(valueOf(seen, 'content-length') ?? 0);
  seen.body = bytes.slice(0, length);
  return bytes.length < length ? undefined : bytes.slice(length);
}

function takeChunks(seen: Seen, bytes: string): string | undefined {
  let [body, at] = ['', 0];
  for (;;) {
    const end = bytes.indexOf('\r\n', at);
    const size = Number.parseInt(bytes.slice(at, Math.max(end, at)), 16);
    seen.body = body;
    if (end < 0 || Number.isNaN(size)) return undefined;
    if (size === 0) {
      // Trailers up to an empty line.
      const over = bytes.startsWith('\r\n', end + 2) ? end + 2 : bytes.indexOf('\r\n\r\n', end + 2) + 2;
      return over < 2 || bytes.length < over + 2 ? undefined : bytes.slice(over + 2);
    }
    if (bytes.length < end + 2 + size + 2) return undefined;
    body += bytes.slice(end + 2, end + 2 + size);
    at = end + 2 + size + 2;
  }
}

export function valueOf({ headers }: Pick<Seen, 'headers'>, name: string): string | undefined {
  return headers.find((line) => line.toLowerCase().startsWith(`${name}:`))?.slice(name.length + 1).trim();
}
