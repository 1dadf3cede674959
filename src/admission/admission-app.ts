// The HTTP side of the webhook: POST /mutate, GET /healthz, GET /readyz. One rule: whatever arrives is answered, a review by a
// review and anything else by a 4xx, with bounded memory and without a crash.
import type { Server } from 'node:https';
import { fastify } from 'fastify';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from '../kube/logger.ts';
import { createAdmissionServer } from './admission-server.ts';
import type { ServerTimeouts, ServingCertificate } from './admission-server.ts';
import { InFlightBudget } from './in-flight-budget.ts';
import type { InFlightLimits } from './in-flight-budget.ts';
import type { AdmissionMetrics, Mutate } from './review-handler.ts';
import { handleReview } from './review-handler.ts';
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
  readonly tls?: { readonly serving: ServingCertificate; readonly timeouts?: Partial<ServerTimeouts> };
  readonly limits?: Partial<AdmissionLimits>;
}

export function buildAdmissionApp(options: AdmissionAppOptions): FastifyInstance {
  const limits = { ...LIMITS, ...options.limits };
  const app = createApp(options, limits.bodyBytes);
  // Plain JSON.parse: an object key such as __proto__ is data here, and nothing merges the object into another.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => parseJson(body as Buffer, done));
  app.addHook('onRequest', limitInFlight(new InFlightBudget(limits)));
  app.setErrorHandler((error: FastifyError, request, reply) => answerError(options, { error, request, reply }));
  app.setNotFoundHandler((_request, reply) => reply.code(404).send({ message: 'there is POST /mutate, GET /healthz and GET /readyz' }));
  app.post('/mutate', async (request, reply) => {
    const review = parseReview(request.body);
    if (review.outcome === 'malformed') return await reply.code(400).send({ message: review.message });
    const answer = await handleReview(options, review.request);
    return await reply.type('application/json; charset=utf-8').send(writeAnswer(answer));
  });
  addHealthRoutes(app, options.notReadyBecause);
  return app;
}

function createApp({ tls }: AdmissionAppOptions, bodyLimit: number): FastifyInstance {
  // While it closes, what still comes on open connections is answered as before: a 503 would be a refused pod.
  const common = { bodyLimit, logger: false, routerOptions: { maxParamLength: 100 }, forceCloseConnections: 'idle', return503OnClosing: false } as const;
  if (tls === undefined) return fastify(common);
  const { serving, timeouts } = tls;
  return fastify({
    ...common,
    serverFactory: (listener): Server => createAdmissionServer(serving, listener, timeouts),
  });
}

function addHealthRoutes(app: FastifyInstance, notReadyBecause: () => readonly string[]): void {
  app.get('/healthz', () => ({ status: 'ok' }));
  app.get('/readyz', async (_request, reply) => {
    const reasons = app.server.listening ? notReadyBecause() : ['the listener is not up'];
    return await reply.code(reasons.length === 0 ? 200 : 503).send({ status: reasons.length === 0 ? 'ok' : 'not ready', reasons });
  });
}

function parseJson(body: Buffer, done: (error: Error | null, value?: unknown) => void): void {
  try {
    done(null, JSON.parse(body.toString('utf8')));
  } catch {
    // The parser's message quotes the body, which may be anybody's.
    done(Object.assign(new Error('the body is not JSON'), { statusCode: 400 }));
  }
}

/** API servers always announce the length; refusing bodies without one is what lets the budget be exact. */
function limitInFlight(budget: InFlightBudget) {
  return (request: FastifyRequest, reply: FastifyReply, done: () => void): void => {
    if (request.method !== 'POST') return done();
    if (request.headers['transfer-encoding'] !== undefined) return void refuse(reply, 411, 'a Content-Length is needed');
    const release = budget.take(Number(request.headers['content-length'] ?? 0));
    if (release === undefined) return void refuse(reply.header('retry-after', '1'), 503, 'too many reviews in flight');
    reply.raw.once('close', release);
    done();
  };
}

/** The body was not read: the connection cannot be used again. */
function refuse(reply: FastifyReply, code: number, message: string): FastifyReply {
  return reply.code(code).header('connection', 'close').send({ message });
}

function answerError({ log, metrics }: AdmissionAppOptions, { error, request, reply }: { error: FastifyError; request: FastifyRequest; reply: FastifyReply }): void {
  const code = error.statusCode ?? 500;
  metrics.requestRejected(code);
  if (code >= 500) log.error({ error: error.message, path: request.url.slice(0, 100) }, 'admission request failed');
  void reply.code(code).send({ message: code >= 500 ? 'internal error' : error.message });
}
