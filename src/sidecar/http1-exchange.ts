// An Exchange over HTTP/1.0 or 1.1.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Readable, Writable } from 'node:stream';
import { answerPage } from './answer-page.ts';
import type { Connection } from './connection.ts';
import type { Exchange } from './exchange.ts';
import { addTrailers } from './request-headers.ts';

/** A request has a body if, and only if, it says so (RFC 9112, 6.3). */
export function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

export class Http1Exchange implements Exchange {
  readonly connection: Connection;
  readonly expectsContinue: boolean;
  readonly traffic = { bytesIn: 0, bytesOut: 0 };
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #hasBody: boolean;
  refusedWith: number | undefined;
  readonly #whenGone: (() => void)[] = [];
  #whenOver: () => void = () => {};

  constructor(connection: Connection, request: IncomingMessage, response: ServerResponse, expectation: 'continue' | 'none') {
    this.connection = connection;
    this.#request = request;
    this.#response = response;
    this.#hasBody = hasBody(request);
    this.expectsContinue = expectation === 'continue';
    response.once('close', () => this.end());
  }

  get method(): string {
    return this.#request.method ?? 'GET';
  }

  get target(): string {
    return this.#request.url ?? '/';
  }

  /** The parser also takes lines of HTTP/0.9 and HTTP/2.0, whose messages look different. */
  get httpVersion(): Exchange['httpVersion'] {
    const { httpVersion } = this.#request;
    return httpVersion === '1.1' || httpVersion === '1.0' ? httpVersion : 'other';
  }

  get rawHeaders(): readonly string[] {
    return this.#request.rawHeaders;
  }

  /** The same from the first look to the last: a body that has been read is still one. */
  get body(): Readable | undefined {
    return this.#hasBody ? this.#request : undefined;
  }

  get rawTrailers(): readonly string[] {
    return this.#request.rawTrailers;
  }

  get hasAnswered(): boolean {
    return this.#response.headersSent;
  }

  get isGone(): boolean {
    return this.#response.closed || this.#request.socket.destroyed;
  }

  sendContinue(): void {
    this.#response.writeContinue();
  }

  sendInformation(status: number, headers: readonly string[]): void {
    // Node has no public way to send any 1xx but these; others are advice that may be lost.
    if (status !== 103 || this.#request.httpVersion === '1.0') return;
    const links = headers.filter((_, index) => index % 2 === 1 && headers[index - 1]?.toLowerCase() === 'link');
    if (links.length === 0) return;
    try {
      this.#response.writeEarlyHints({ link: [...links] });
    } catch {
      // Node takes fewer forms of Link than there are; a hint may be lost
    }
  }

  answer(status: number, message: string, headers: readonly string[]): Writable {
    this.#response.writeHead(status, message, headers as string[]);
    return this.#response;
  }

  answerWith(status: number, headers: readonly string[], body: string): void {
    this.#response.writeHead(status, [...headers, 'Content-Length', String(Buffer.byteLength(body))]);
    this.#response.end(body);
  }

  finish(rawTrailers: readonly string[]): void {
    addTrailers(this.#response, rawTrailers);
    this.#response.end();
  }

  abort(): void {
    this.#request.socket.destroy();
  }

  onGone(action: () => void): void {
    this.#whenGone.push(action);
  }

  onOver(action: () => void): void {
    this.#whenOver = action;
  }

  /** The connection closes after this answer. */
  closeAfterwards(): void {
    this.#response.shouldKeepAlive = false;
    this.connection.isClosing = true;
  }

  /** The rest of the request is not HTTP. A request that is complete stays as it is: what is wrong comes behind it. */
  breakOff(status: number): 'broken' | 'complete' {
    if (this.#request.complete) return 'complete';
    for (const action of this.#whenGone.splice(0)) action();
    this.closeAfterwards();
    if (this.hasAnswered) this.abort();
    else answerPage(this, status);
    this.refusedWith = status;
    return 'broken';
  }

  /** The answer is complete, or the client is gone. */
  protected end(): void {
    if (!this.#response.writableFinished) for (const action of this.#whenGone) action();
    const whenOver = this.#whenOver;
    this.#whenOver = () => {};
    whenOver();
  }
}
