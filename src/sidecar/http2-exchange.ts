// An Exchange over one HTTP/2 stream.
import type { Http2Stream, IncomingHttpHeaders, OutgoingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { Readable, Writable } from 'node:stream';
import type { Connection } from './connection.ts';
import type { Exchange } from './exchange.ts';

export type RawStreamListener = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, flags: number, rawHeaders: string[]) => void;

const [NO_ERROR, INTERNAL_ERROR] = [0, 2];

/** Fields that HTTP/2 forbids (RFC 9113, 8.2.2). */
const FORBIDDEN = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade', 'http2-settings', 'te']);

export class Http2Exchange implements Exchange {
  readonly connection: Connection;
  readonly method: string;
  readonly target: string;
  readonly httpVersion = '2.0';
  readonly rawHeaders: readonly string[];
  readonly expectsContinue: boolean;
  readonly traffic = { bytesIn: 0, bytesOut: 0 };
  readonly #stream: ServerHttp2Stream;
  readonly #hasBody: boolean;
  #rawTrailers: readonly string[] = [];
  #answerTrailers: readonly string[] = [];
  #isFinished = false;
  #whenGone: (() => void)[] = [];
  #whenOver: () => void = () => {};

  constructor(connection: Connection, stream: ServerHttp2Stream, raw: readonly string[]) {
    this.connection = connection;
    this.#stream = stream;
    this.#hasBody = !stream.endAfterHeaders;
    const { pseudo, fields } = splitPseudoFields(raw);
    this.method = pseudo.get(':method') ?? 'GET';
    this.target = pseudo.get(':path') ?? '';
    const authority = pseudo.get(':authority');
    // One host only: `:authority` wins over a Host field that could say something else (RFC 9113, 8.3.1).
    this.rawHeaders = authority === undefined ? fields : ['Host', authority, ...fields.filter((_, index) => fields[index - (index % 2)] !== 'host')];
    this.expectsContinue = fields.some((name, index) => index % 2 === 0 && name === 'expect' && fields[index + 1]?.toLowerCase() === '100-continue');
    stream.on('trailers', ((_headers: unknown, _flags: number, rawTrailers: string[]) => {
      this.#rawTrailers = rawTrailers;
    }) as (headers: IncomingHttpHeaders, flags: number) => void);
    stream.on('error', () => {});
    stream.once('close', () => this.#end());
  }

  get body(): Readable | undefined {
    return this.#hasBody ? this.#stream : undefined;
  }

  get rawTrailers(): readonly string[] {
    return this.#rawTrailers;
  }

  get hasAnswered(): boolean {
    return this.#stream.headersSent;
  }

  get isGone(): boolean {
    return this.#stream.destroyed || this.#stream.closed;
  }

  sendContinue(): void {
    if (!this.isGone) this.#stream.additionalHeaders({ ':status': 100 });
  }

  sendInformation(status: number, headers: readonly string[]): void {
    if (this.isGone || status === 101) return;
    try {
      this.#stream.additionalHeaders({ ':status': status, ...toHeaders(headers) });
    } catch {
      // with a field that must not be sent on; advice may be lost
    }
  }

  answer(status: number, _message: string, headers: readonly string[]): Writable {
    if (this.isGone) return this.#stream;
    this.#stream.once('wantTrailers', () => sendTrailers(this.#stream, this.#answerTrailers));
    this.#stream.respond({ ':status': status, ...toHeaders(headers) }, { waitForTrailers: true });
    return this.#stream;
  }

  answerWith(status: number, headers: readonly string[], body: string): void {
    if (this.isGone) return;
    this.#stream.respond({ ':status': status, ...toHeaders(headers), 'content-length': Buffer.byteLength(body) });
    this.#endWith(this.method === 'HEAD' ? undefined : body);
  }

  finish(rawTrailers: readonly string[]): void {
    this.#answerTrailers = rawTrailers;
    this.#endWith(undefined);
  }

  abort(): void {
    this.#stream.close(INTERNAL_ERROR);
  }

  onGone(action: () => void): void {
    this.#whenGone.push(action);
  }

  onOver(action: () => void): void {
    this.#whenOver = action;
  }

  /** What is left of the request is not wanted any more (RFC 9113, 8.1): a stream of which only one half has ended would stay. */
  #endWith(body: string | undefined): void {
    const stream = this.#stream;
    this.#isFinished = true;
    stream.once('finish', () => {
      if (!stream.readableEnded) stream.close(NO_ERROR);
    });
    stream.end(body);
    stream.resume();
  }

  #end(): void {
    if (!this.#isFinished || this.#stream.rstCode !== 0) for (const action of this.#whenGone) action();
    const whenOver = this.#whenOver;
    this.#whenOver = () => {};
    whenOver();
  }
}

function splitPseudoFields(raw: readonly string[]): { pseudo: Map<string, string>; fields: string[] } {
  const pseudo = new Map<string, string>();
  const fields: string[] = [];
  for (let index = 0; index < raw.length; index += 2) {
    const [name, value] = [raw[index] ?? '', raw[index + 1] ?? ''];
    if (name.startsWith(':')) pseudo.set(name, value);
    else fields.push(name, value);
  }
  return { pseudo, fields };
}

/** Trailers that Node would not send are left out as a whole: the body they follow is complete. */
export function sendTrailers(stream: Http2Stream, raw: readonly string[]): void {
  try {
    stream.sendTrailers(toHeaders(raw));
  } catch {
    stream.sendTrailers({});
  }
}

/** Names and values in turn -> the form node:http2 sends: lower case, repeated fields as lists. */
export function toHeaders(flat: readonly string[]): OutgoingHttpHeaders {
  // A field may be called `constructor`.
  const headers = Object.create(null) as Record<string, string | string[]>;
  for (let index = 0; index < flat.length; index += 2) {
    const name = (flat[index] ?? '').toLowerCase();
    if (FORBIDDEN.has(name)) continue;
    const value = flat[index + 1] ?? '';
    const known = headers[name];
    headers[name] = known === undefined ? value : [known, value].flat();
  }
  return headers;
}
