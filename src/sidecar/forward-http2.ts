// Sends one request to an HTTP/2 upstream (cleartext or TLS), which is what gRPC servers speak, and streams both ways at once.
import type { ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2';
import { classifyError, isReady, whenReady } from './dial.ts';
import { startAnswer } from './exchange.ts';
import type { ForwardRequest } from './forward-http1.ts';
import { sendTrailers, toHeaders } from './http2-exchange.ts';
import type { Http2Sessions } from './http2-sessions.ts';
import type { UpstreamError } from './metrics.ts';
import { relayBody } from './relay-body.ts';
import { requestTrailers } from './request-headers.ts';
import type { Address } from './upstream-address.ts';

export function forwardHttp2(forward: ForwardRequest): void {
  new Attempt(forward, forward.pool.addresses.candidates()).start();
}

class Attempt {
  readonly #forward: ForwardRequest;
  readonly #addresses: readonly Address[];
  #isOver = false;
  #isTimedOut = false;
  #trailers: readonly string[] = [];

  constructor(forward: ForwardRequest, addresses: readonly Address[]) {
    this.#forward = forward;
    this.#addresses = addresses;
  }

  /** The request goes out when the connection stands: until then nothing has been sent and the next address may be tried. */
  start(): void {
    const { exchange, pool, onFailure } = this.#forward;
    const [address] = this.#addresses;
    if (address === undefined) {
      onFailure('no_address', undefined);
      return;
    }
    const sessions = pool.sessions(address);
    const lease = sessions.acquire();
    const onDown = (error?: Error) => {
      if (this.#isOver) return;
      lease.release();
      this.#fail(classifyError(error ?? new Error('closed'), lease.socket), address, isReady(lease.socket));
    };
    lease.socket.once('close', onDown);
    exchange.onGone(() => {
      this.#isOver = true;
    });
    whenReady(lease.socket, () => {
      lease.socket.off('close', onDown);
      if (this.#isOver || exchange.isGone) lease.release();
      else this.#send(lease.session.request(this.#fields(sessions, address), { endStream: exchange.body === undefined, waitForTrailers: exchange.body !== undefined }), address, lease.release);
    });
  }

  #fields({ scheme }: Http2Sessions, { name, port }: Address): Record<string, string> {
    const { exchange, target, headers } = this.#forward;
    return {
      ':method': exchange.method, ':path': target, ':scheme': scheme, ':authority': headers.host ?? `${name}:${port}`,
      ...toHeaders(headers.fields) as Record<string, string>,
      ...(headers.acceptsTrailers ? { te: 'trailers' } : {}),
      ...(headers.contentLength === undefined ? {} : { 'content-length': headers.contentLength }),
    };
  }

  #send(stream: ClientHttp2Stream, address: Address, release: () => void): void {
    const { exchange, policy, idleTimeoutMs } = this.#forward;
    stream.once('close', release);
    stream.on('response', ((headers: IncomingHttpHeaders & { ':status'?: number }, _flags: number, raw: string[]) => this.#onResponse(stream, { status: headers[':status'] ?? 502, raw }, address)) as never);
    stream.on('headers', ((headers: { ':status'?: number }, _flags: number, raw: string[]) => exchange.sendInformation(headers[':status'] ?? 100, withoutPseudo(raw))) as never);
    stream.on('trailers', ((_headers: unknown, _flags: number, raw: string[]) => {
      this.#trailers = raw;
    }) as never);
    stream.on('error', () => {});
    stream.once('close', () => this.#fail(this.#isTimedOut ? 'timeout' : 'reset', address, true));
    stream.setTimeout(idleTimeoutMs, () => {
      this.#isTimedOut = true;
      stream.close(8); // CANCEL
    });
    exchange.onGone(() => stream.close(8));
    const { body } = exchange;
    if (body === undefined) return;
    if (exchange.expectsContinue) exchange.sendContinue();
    relayBody(body, stream, {
      onChunk: (bytes) => (exchange.traffic.bytesIn += bytes),
      onEnd: () => {
        stream.once('wantTrailers', () => sendTrailers(stream, requestTrailers(exchange.rawTrailers, policy)));
        stream.end();
      },
    });
  }

  #onResponse(stream: ClientHttp2Stream, { status, raw }: { status: number; raw: readonly string[] }, address: Address): void {
    const { exchange, onAnswer, onFailure } = this.#forward;
    const sink = startAnswer(exchange, { status, message: '', rawHeaders: withoutPseudo(raw) });
    if (sink === undefined) {
      this.#isOver = true;
      stream.close(8);
      onFailure('protocol', address);
      return;
    }
    onAnswer(status, address);
    relayBody(stream, sink, {
      onChunk: (bytes) => (exchange.traffic.bytesOut += bytes),
      onEnd: () => {
        if (stream.rstCode !== 0) return; // not an end: `close` follows
        this.#isOver = true;
        exchange.finish(this.#trailers);
      },
    });
  }

  #fail(reason: UpstreamError, address: Address, wasSent: boolean): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const { exchange, pool, onFailure } = this.#forward;
    pool.reportFailure(address);
    if (exchange.hasAnswered) exchange.abort();
    else if (!wasSent && !exchange.isGone && this.#addresses.length > 1) {
      new Attempt(this.#forward, this.#addresses.slice(1)).start();
      return;
    }
    onFailure(reason, address);
  }
}

function withoutPseudo(raw: readonly string[]): string[] {
  return raw.filter((_, index) => !(raw[index - (index % 2)] ?? '').startsWith(':'));
}
