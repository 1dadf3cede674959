import { setTimeout as sleep } from 'node:timers/promises';
import type { Dispatcher } from 'undici';
import { ApiError, parseStatus } from './api-error.ts';
import type { Connection } from './connection.ts';
import { parseJson } from './json.ts';
import { retryDelayMs } from './retry.ts';
import { ServerClock } from './server-clock.ts';

/**
 * Sends one request and gives back its JSON: deadlines, retries and the translation of failures into ApiError
 * stand here and nowhere else. Bodies are never logged and never part of an error.
 */
export type HttpRequest = {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  /** What is being attempted, for errors: `create Secret shop/hello-tls`. */
  readonly attempt: string;
  readonly body?: string;
  readonly contentType?: string;
  readonly accept?: string;
  /** Is doing it twice the same as doing it once? */
  readonly idempotent: boolean;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
};

export type TransportOptions = {
  readonly connection: Connection;
  readonly userAgent: string;
  readonly random?: () => number;
};

const JSON_TYPE = 'application/json';

export class Transport {
  readonly clock = new ServerClock();
  readonly #connection: Connection;
  readonly #userAgent: string;
  readonly #random: () => number;

  constructor({ connection, userAgent, random = Math.random }: TransportOptions) {
    this.#connection = connection;
    this.#userAgent = userAgent;
    this.#random = random;
  }

  async send(request: HttpRequest): Promise<unknown> {
    for (let failures = 1; ; failures += 1) {
      try {
        return await this.#once(request);
      } catch (error) {
        request.signal?.throwIfAborted();
        const delayMs = this.#delayBeforeRetry(request, error, failures);
        if (delayMs === undefined) throw wrap(request.attempt, error);
        await sleep(delayMs, undefined, request.signal === undefined ? {} : { signal: request.signal });
      }
    }
  }

  /** Opens a watch: the body as it arrives, without a deadline. The signal ends it. */
  async stream(request: HttpRequest & { readonly signal: AbortSignal }): Promise<AsyncIterable<Buffer>> {
    try {
      const response = await this.#dispatch('watches', request, request.signal);
      if (response.statusCode === 200) return response.body;
      throw await this.#failure(request, response);
    } catch (error) {
      throw wrap(request.attempt, error);
    }
  }

  async #once(request: HttpRequest): Promise<unknown> {
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(new Timeout(request.timeoutMs)), request.timeoutMs);
    const cancel = (): void => deadline.abort(request.signal?.reason);
    request.signal?.addEventListener('abort', cancel);
    try {
      request.signal?.throwIfAborted();
      const response = await this.#dispatch('calls', request, deadline.signal);
      if (response.statusCode >= 300) throw await this.#failure(request, response);
      return parseJson(await response.body.text(), 'the answer');
    } finally {
      clearTimeout(timer);
      request.signal?.removeEventListener('abort', cancel);
    }
  }

  async #dispatch(pool: 'calls' | 'watches', request: HttpRequest, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    const { method, path, body, accept, contentType } = request;
    const route = await this.#connection.route();
    const headers: Record<string, string> = { ...route.headers, accept: accept ?? JSON_TYPE, 'user-agent': this.#userAgent };
    if (body !== undefined) headers['content-type'] = contentType ?? JSON_TYPE;
    const options = { origin: route.origin, path: route.prefix + path, method, headers, signal, headersTimeout: request.timeoutMs };
    const response = await route[pool].request(body === undefined ? options : { ...options, body });
    this.clock.hear(response.headers['date']);
    return response;
  }

  async #failure(request: HttpRequest, response: Dispatcher.ResponseData): Promise<ApiError> {
    if (response.statusCode === 401) this.#connection.expire();
    const status = parseStatus(response.statusCode, await response.body.text());
    return new ApiError(request.attempt, status, parseRetryAfter(response.headers['retry-after']));
  }

  #delayBeforeRetry(request: HttpRequest, error: unknown, failures: number): number | undefined {
    // Once more with fresh credentials.
    if (error instanceof ApiError && error.code === 401) return failures === 1 ? 0 : undefined;
    return retryDelayMs({ error, idempotent: request.idempotent, failures }, this.#random);
  }
}

/** A call took longer than it was given. */
export class Timeout extends Error {
  override readonly name = 'Timeout';

  constructor(timeoutMs: number) {
    super(`no answer within ${timeoutMs} ms`);
  }
}

function wrap(attempt: string, error: unknown): unknown {
  if (error instanceof ApiError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new Error(`${attempt}: ${reason}`, { cause: error });
}

function parseRetryAfter(header: string | string[] | undefined): number | undefined {
  const seconds = typeof header === 'string' ? Number(header) : Number.NaN;
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : undefined;
}
