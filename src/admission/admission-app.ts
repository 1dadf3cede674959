// The HTTP side of the webhook: POST /mutate, GET /healthz, GET /readyz. One rule: whatever arrives is answered, a review by a
// review and anything else by a 4xx, with bounded memory and without a crash.
import type { Server } from 'node:https';
import { fastify } from 'fastify';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from '../kube/logger.ts';
import { createAdmissionServer } from './admission-server.ts';
import type { ServerBounds, ServingCertificate } from './admission-server.ts';
import { InFlightBudget } from './in-flight-budget.ts';
import type { InFlightLimits } from './in-flight-budget.ts';
import type { AdmissionMetrics, Mutate } from './review-handler.ts';
import { handleReview } from './review-handler.ts';
import { checkLength, readBody, RequestError } from './read-body.ts';
import { parseReview, writeAnswer } from './review.ts';

export interface AdmissionLimits extends InFlightLimits {
  /** Objects have at most 1.5 MiB in etcd, but a review of an update carries two, and JSON is longer than protobuf. */
  readonly bodyBytes: number;
}

const LIMITS: AdmissionLimits = { requests: 1024, bytes: 128 * 1024 * 1024, bodyBytes: 8 * 1024 * 1024 };

export interface AdmissionAppOptions {
  readonly mutate: Mutate;
  readonly log: Logger;
  readonly metrics: AdmissionMetrics;
  /** Why reviews cannot be answered well yet, such as a cache that has not synced; empty when they can. */
  readonly notReadyBecause: () => readonly string[];
  /** Absent: plain HTTP, for tests by `inject`. */
  readonly tls?: { readonly serving: ServingCertificate; readonly bounds?: Partial<ServerBounds> };
  readonly limits?: Partial<AdmissionLimits>;
}

export function buildAdmissionApp(options: AdmissionAppOptions): FastifyInstance {
  const limits = { ...LIMITS, ...options.limits };
  const app = createApp(options, limits.bodyBytes);
  app.removeAllContentTypeParsers();
  // The handler reads the body itself, as far as memory allows.
  app.addContentTypeParser('application/json', (_request, _body, done) => done(null));
  app.setErrorHandler((error: FastifyError, request, reply) => answerError(options, { error, request, reply }));
  app.setNotFoundHandler((_request, reply) => reply.code(404).send({ message: 'there is POST /mutate, GET /healthz and GET /readyz' }));
  const budget = new InFlightBudget(limits);
  app.post('/mutate', async ({ raw }, reply) => {
    checkLength(raw, limits.bodyBytes);
    const review = parseReview(parseJson(await readBody(raw, reply.raw, budget)));
    if (review.outcome === 'malformed') throw new RequestError(400, review.message);
    const answer = await handleReview(options, review.request);
    answerDirectly(reply, writeAnswer(answer));
  });
  addHealthRoutes(app, options.notReadyBecause);
  return app;
}

/** Past the framework's own way of sending: this is the one route that is asked thousands of times a second. */
function answerDirectly(reply: FastifyReply, text: string): void {
  reply.hijack();
  const length = Buffer.byteLength(text);
  // Most answers are ASCII, as which a string is written faster.
  reply.raw.writeHead(200, { 'content-type': 'application/json; charset=utf-8', 'content-length': length }).end(text, length === text.length ? 'latin1' : 'utf8');
}

function createApp({ tls }: AdmissionAppOptions, bodyLimit: number): FastifyInstance {
  // While it closes, what still comes on open connections is answered as before: a 503 would be a refused pod.
  const common = { bodyLimit, logger: false, routerOptions: { maxParamLength: 100 }, forceCloseConnections: 'idle', return503OnClosing: false } as const;
  if (tls === undefined) return fastify(common);
  const { serving, bounds } = tls;
  return fastify({
    ...common,
    serverFactory: (listener): Server => createAdmissionServer(serving, listener, bounds),
  });
}

function addHealthRoutes(app: FastifyInstance, notReadyBecause: () => readonly string[]): void {
  app.get('/healthz', () => ({ status: 'ok' }));
  app.get('/readyz', async (_request, reply) => {
    const reasons = app.server.listening ? notReadyBecause() : ['the listener is not up'];
    return await reply.code(reasons.length === 0 ? 200 : 503).send({ status: reasons.length === 0 ? 'ok' : 'not ready', reasons });
  });
}

/** Plain JSON.parse: an object key such as __proto__ is data here, and nothing merges the object into another. */
function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    // The parser's message quotes the body, which may be anybody's.
    throw new RequestError(400, 'the body is not JSON');
  }
}

function answerError({ log, metrics }: AdmissionAppOptions, { error, request, reply }: { error: FastifyError; request: FastifyRequest; reply: FastifyReply }): void {
  const code = error.statusCode ?? 500;
  metrics.requestRejected(code);
  if (code >= 500 && code !== 503) log.error({ error: error.message, path: request.url.slice(0, 100) }, 'admission request failed');
  // A connection whose body was not read to its end cannot be used again.
  if (!request.raw.complete) void reply.header('connection', 'close');
  if (code === 503) void reply.header('retry-after', '1');
  void reply.code(code).send({ message: code >= 500 && !(error instanceof RequestError) ? 'internal error' : error.message });
}
