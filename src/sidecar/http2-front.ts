// The HTTP/2 side of a listener: each stream is judged on its own, like a request of HTTP/1.1.
import { performServerHandshake, type ServerHttp2Session } from 'node:http2';
import type { Connection } from './connection.ts';
import { Http2Exchange, type RawStreamListener } from './http2-exchange.ts';
import { MAX_HEADER_BYTES } from './http-listener.ts';
import { serveExchange, type ExchangeServices } from './serve-exchange.ts';

/** As nginx's http2_max_concurrent_streams. */
const MAX_STREAMS = 128;
const WINDOW_BYTES = 1 << 18;
const LINGER_MS = 1000;

export class Http2Front {
  readonly #services: ExchangeServices;
  readonly #sessions = new Map<ServerHttp2Session, Connection>();

  constructor(services: ExchangeServices) {
    this.#services = services;
  }

  accept(connection: Connection): void {
    // HTTP/2 knows no half-open connections, and a session does not notice that its client has gone while the socket allows them.
    connection.socket.allowHalfOpen = false;
    const session = performServerHandshake(connection.socket, {
      maxSendHeaderBlockLength: 64 * 1024,
      strictSingleValueFields: false, // an app that repeats a field it should not is no reason to fail
      settings: { maxConcurrentStreams: MAX_STREAMS, maxHeaderListSize: MAX_HEADER_BYTES, initialWindowSize: WINDOW_BYTES, enableConnectProtocol: false },
    });
    this.#sessions.set(session, connection);
    const onStream: RawStreamListener = (stream, _headers, _flags, rawHeaders) => {
      const exchange = new Http2Exchange(connection, stream, rawHeaders);
      serveExchange(exchange, this.#services, () => closeRefused(session, connection));
    };
    session.on('stream', onStream as Parameters<ServerHttp2Session['on']>[1]);
    // A session that was closing anyway would wait for its client to close, without reading.
    session.on('error', () => connection.socket.destroy());
    session.on('close', () => this.#sessions.delete(session));
    closeWhenIdle(session, connection);
    if (this.#services.isDraining()) close(session, connection);
  }

  /** GOAWAY; streams under way finish. */
  drain(): void {
    for (const [session, connection] of this.#sessions) close(session, connection);
  }
}

/**
 * Twice in a row with requests under way: a silent upstream would have been a 504 in between, so it is the client that does not take its answers
 * or send its body. A listener, for the callback of `setTimeout` is called once only.
 */
function closeWhenIdle(session: ServerHttp2Session, connection: Connection): void {
  const { idleTimeoutMs } = connection.access.view;
  let lastBytes = -1;
  session.on('timeout', () => {
    const { bytesRead, bytesWritten } = connection.socket;
    if (connection.activeRequests === 0) close(session, connection);
    else if (bytesRead + bytesWritten === lastBytes) connection.socket.destroy();
    else session.setTimeout(idleTimeoutMs);
    lastBytes = bytesRead + bytesWritten;
  });
  session.setTimeout(idleTimeoutMs);
}

/** A client that is refused is so on every stream; a single bad request is no reason to close. It may not even read its answers, so it gets a moment only. */
function closeRefused(session: ServerHttp2Session, connection: Connection): void {
  if (connection.access.verdict.kind === 'allow' || session.closed) return;
  session.close();
  setTimeout(() => connection.socket.destroy(), LINGER_MS);
}

/** GOAWAY and the end of the streams; then a moment for the client to leave, for which Node would wait without an end. */
function close(session: ServerHttp2Session, connection: Connection): void {
  const linger = () => void setTimeout(() => connection.socket.destroy(), LINGER_MS);
  session.close();
  connection.whenIdle = linger;
  if (connection.activeRequests === 0) linger();
}
