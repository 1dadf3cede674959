// Sends one request to an HTTP/1.1 upstream and streams the answer back.
// Rule: another address is tried only while nothing has been sent, or when the request is idempotent and has no body.
import { request as sendRequest, type ClientRequest, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { classifyError, isReady, whenReady } from './dial.ts';
import { startAnswer, type Exchange } from './exchange.ts';
import type { UpstreamError } from './metrics.ts';
import { relayBody } from './relay-body.ts';
import { addTrailers, requestTrailers, type HeaderPolicy, type RequestHeaders } from './request-headers.ts';
import type { Address } from './upstream-address.ts';
import type { UpstreamPool } from './upstream-pool.ts';

export interface ForwardRequest {
  readonly exchange: Exchange;
  readonly pool: UpstreamPool;
  readonly target: string;
  readonly headers: RequestHeaders;
  readonly policy: HeaderPolicy;
  readonly idleTimeoutMs: number;
  /** The answer's status is known. */
  readonly onAnswer: (status: number, address: Address) => void;
  /** No address gave an answer, or it broke off (then the exchange has been aborted). */
  readonly onFailure: (reason: UpstreamError, address: Address | undefined) => void;
}

const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);
/** Node announces a chunked body for any other method unless it is told the length. */
const NO_BODY_BY_DEFAULT = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT']);

/** As nginx's `proxy_buffer_size 32k`; Node would take half of it. */
const MAX_ANSWER_HEADER_BYTES = 32 * 1024;

const NOTHING = Buffer.alloc(0);

export function forwardHttp1(forward: ForwardRequest): void {
  const addresses = forward.pool.addresses.candidates();
  if (addresses.length === 0) forward.onFailure('no_address', undefined);
  else new Attempt(forward, addresses, 0).start();
}

class Attempt {
  readonly #forward: ForwardRequest;
  readonly #addresses: readonly Address[];
  readonly #index: number;
  #isOver = false;
  #isTimedOut = false;
  /** Of the body; once there are any, nobody else can be sent the whole. */
  #sentBytes = 0;
  #answer: IncomingMessage | undefined;

  constructor(forward: ForwardRequest, addresses: readonly Address[], index: number) {
    this.#forward = forward;
    this.#addresses = addresses;
    this.#index = index;
  }

  start(): void {
    const { exchange, pool, target, idleTimeoutMs } = this.#forward;
    const address = this.#addresses[this.#index] as Address;
    const request = sendRequest({ agent: pool.agent(address), method: exchange.method, path: target, headers: this.#fields(address), timeout: idleTimeoutMs, maxHeaderSize: MAX_ANSWER_HEADER_BYTES });
    request.on('response', (answer) => this.#onResponse(request, answer, address));
    request.on('information', ({ statusCode, rawHeaders }) => exchange.sendInformation(statusCode, rawHeaders));
    if (exchange.upgrade !== undefined) request.on('upgrade', (answer, socket, head) => this.#onUpgrade({ answer, socket, head }, address));
    request.on('error', (error) => this.#onError(error, request, address));
    request.on('timeout', () => this.#onTimeout(request));
    request.on('close', () => this.#onClose(request, address));
    exchange.onGone(() => {
      this.#isOver = true;
      request.destroy();
    });
    this.#sendBody(request);
  }

  #fields({ name, port }: Address): string[] {
    const { exchange, headers: { fields, host, contentLength, isChunked } } = this.#forward;
    const all = ['Host', host ?? `${name}:${port}`, ...fields];
    if (isChunked || (exchange.body !== undefined && contentLength === undefined)) all.push('Transfer-Encoding', 'chunked');
    else if (contentLength !== undefined) all.push('Content-Length', contentLength);
    else if (exchange.upgrade !== undefined) all.push('Connection', 'Upgrade', 'Upgrade', exchange.upgrade.protocol);
    else if (!NO_BODY_BY_DEFAULT.has(exchange.method)) all.push('Content-Length', '0');
    return all;
  }

  #sendBody(request: ClientRequest): void {
    const { exchange } = this.#forward;
    const { body } = exchange;
    if (body === undefined) {
      request.end();
      return;
    }
    const begin = () => {
      if (exchange.expectsContinue && !exchange.hasAnswered) exchange.sendContinue();
      request.write(NOTHING); // flushHeaders() would send bytes beyond ASCII as UTF-8 of what they were
      relayBody(body, request, {
        onChunk: (bytes) => {
          this.#sentBytes += bytes;
          exchange.traffic.bytesIn += bytes;
        },
        onEnd: () => this.#endBody(request),
      });
    };
    // The body can be read once only: not before there is somebody to send it to.
    request.once('socket', (socket: Socket) => whenReady(socket, begin));
  }

  /** What was announced and what was sent must never differ: the rest would be taken for the next request. */
  #endBody(request: ClientRequest): void {
    const { exchange, headers: { contentLength, isChunked }, policy } = this.#forward;
    if (!isChunked && contentLength !== undefined && Number(contentLength) !== this.#sentBytes) {
      request.destroy(new Error('the body is not as long as announced'));
      return;
    }
    addTrailers(request, requestTrailers(exchange.rawTrailers, policy));
    request.end();
  }

  #onResponse(request: ClientRequest, answer: IncomingMessage, address: Address): void {
    const { exchange, onAnswer } = this.#forward;
    this.#answer = answer;
    const status = answer.statusCode ?? 502;
    answer.on('error', () => this.#breakOff('reset', address));
    const sink = startAnswer(exchange, { status, message: answer.statusMessage ?? '', rawHeaders: answer.rawHeaders });
    if (sink === undefined) {
      this.#refuseAnswer(request, address);
      return;
    }
    onAnswer(status, address);
    relayBody(answer, sink, {
      onChunk: (bytes) => (exchange.traffic.bytesOut += bytes),
      onEnd: () => {
        this.#isOver = true;
        // Half a body must never be followed by the next request on a kept connection.
        if (!request.writableEnded) request.destroy();
        exchange.finish(answer.rawTrailers);
      },
    });
  }

  /** Node would not send on what the app has sent. */
  #refuseAnswer(request: ClientRequest, address: Address): void {
    this.#isOver = true;
    request.destroy();
    this.#forward.pool.reportFailure(address);
    this.#forward.onFailure('protocol', address);
  }

  #onUpgrade({ answer, socket, head }: { answer: IncomingMessage; socket: Socket; head: Buffer }, address: Address): void {
    this.#isOver = true;
    this.#answer = answer;
    this.#forward.onAnswer(101, address);
    this.#forward.exchange.upgrade?.join(answer, socket, head);
  }

  #onTimeout(request: ClientRequest): void {
    this.#isTimedOut = true;
    request.destroy(new Error('the upstream is silent'));
  }

  /** An answer that is none, such as an upgrade nobody asked for, closes without an error. */
  #onClose(request: ClientRequest, address: Address): void {
    if (this.#answer === undefined) this.#onError(Object.assign(new Error('no answer'), { code: 'HPE_NO_ANSWER' }), request, address);
  }

  #onError(error: Error, request: ClientRequest, address: Address): void {
    if (this.#isOver) return;
    const reason = this.#isTimedOut ? 'timeout' : classifyError(error, request.socket);
    if (this.#answer !== undefined || this.#forward.exchange.hasAnswered) {
      this.#breakOff(reason, address);
      return;
    }
    this.#isOver = true;
    const { pool, onFailure } = this.#forward;
    const isStale = request.reusedSocket && reason === 'reset';
    if (!isStale) pool.reportFailure(address);
    if (!this.#mayRetry(request, reason)) onFailure(reason, address);
    // A kept connection that the server closed meanwhile says nothing about the server: once more, on a new one.
    else new Attempt(this.#forward, isStale ? [address, ...this.#addresses.slice(this.#index)] : this.#addresses, this.#index + 1 - (isStale ? this.#index : 0)).start();
  }

  #mayRetry(request: ClientRequest, reason: UpstreamError): boolean {
    const { exchange } = this.#forward;
    if (exchange.isGone || reason === 'timeout' || this.#sentBytes > 0) return false;
    const isSafe = !isReady(request.socket) || (IDEMPOTENT.has(exchange.method) && exchange.body === undefined);
    const isStale = request.reusedSocket && reason === 'reset';
    return isSafe && (isStale || this.#index + 1 < this.#addresses.length);
  }

  #breakOff(reason: UpstreamError, address: Address): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const { exchange, pool, onFailure } = this.#forward;
    pool.reportFailure(address);
    exchange.abort();
    onFailure(reason, address);
  }
}
