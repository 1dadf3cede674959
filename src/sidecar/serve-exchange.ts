// One exchange from judgement to log line: refuse, answer or forward.
import { performance } from 'node:perf_hooks';
import type { RouteTarget } from '../proxy-model/model.ts';
import { accessLine, clientFields, isLogged } from './access-log.ts';
import { answerPage } from './answer-page.ts';
import { decideRequest, type Decision } from './decide-request.ts';
import type { Exchange, ExchangeRecord } from './exchange.ts';
import { forwardHttp1, type ForwardRequest } from './forward-http1.ts';
import { forwardHttp2 } from './forward-http2.ts';
import type { ListenerView } from './listener-view.ts';
import type { Log } from './log.ts';
import type { Metrics } from './metrics.ts';
import type { HeaderPolicy } from './request-headers.ts';
import { rewriteTarget } from './select-route.ts';

export interface ExchangeServices {
  readonly metrics: Metrics;
  readonly log: Log;
  readonly isDraining: () => boolean;
}

const FAILURES: Readonly<Record<string, number>> = { connect_timeout: 504, timeout: 504 };

/** `closeAfterwards` ends the connection after this answer: a refusal does, as with nginx, except for want of a route. */
export function serveExchange(exchange: Exchange, services: ExchangeServices, closeAfterwards: () => void): void {
  const startedAt = performance.now();
  const { connection } = exchange;
  const { access } = connection;
  const record: ExchangeRecord = { status: 0 };
  connection.activeRequests += 1;
  exchange.onOver(() => {
    connection.activeRequests -= 1;
    if (record.work !== undefined) connection.underWay.delete(record.work);
    if (connection.activeRequests === 0) settle(exchange, services);
    conclude(exchange, services, { record, view: access.view, seconds: (performance.now() - startedAt) / 1000 });
  });
  try {
    judgeAndServe(exchange, { services, record, closeAfterwards });
  } catch (error) {
    // Nothing a client sends may end the process. What gets here is a name or value that Node refuses to send on.
    services.log.event('warn', 'request cannot be sent on', { listener: access.view.model.name, code: (error as NodeJS.ErrnoException).code, ...clientFields(connection) });
    if (exchange.hasAnswered) exchange.abort();
    else refuseAsBad(exchange, record);
  }
}

/** An answer that began before the drain has promised to keep the connection; HTTP/2 has been told with GOAWAY. */
function settle({ connection, httpVersion }: Exchange, { isDraining }: ExchangeServices): void {
  const next = connection.waiting.shift();
  if (next !== undefined) next();
  else if (connection.whenIdle !== undefined) connection.whenIdle();
  else if (isDraining() && httpVersion !== '2.0') connection.socket.end();
}

function refuseAsBad(exchange: Exchange, record: ExchangeRecord): void {
  record.status = 400;
  answerPage(exchange, 400);
}

interface Serving {
  readonly services: ExchangeServices;
  readonly record: ExchangeRecord;
  readonly closeAfterwards: () => void;
}

function judgeAndServe(exchange: Exchange, { services, record, closeAfterwards }: Serving): void {
  const { connection } = exchange;
  const { access } = connection;
  const { policy } = access.view;
  const decision = decideRequest(exchange, access, { policy, remoteAddress: connection.remoteAddress });
  if (decision.kind === 'route') {
    serveRoute(decision, exchange, { record, policy, view: access.view });
    return;
  }
  record.status = decision.status;
  if (decision.kind === 'redirect') {
    exchange.answerWith(decision.status, ['Location', decision.location], '');
    return;
  }
  services.metrics.count('connectionsRefused', decision.reason);
  services.log.event('warn', 'request refused', { listener: access.view.model.name, reason: decision.reason, method: exchange.method, ...clientFields(connection) });
  if (decision.status !== 503) closeAfterwards();
  answerPage(exchange, decision.status, decision.detail);
}

interface RouteContext {
  readonly record: ExchangeRecord;
  readonly policy: HeaderPolicy;
  readonly view: ListenerView;
}

function serveRoute({ route, target, headers }: Extract<Decision, { kind: 'route' }>, exchange: Exchange, { record, policy, view }: RouteContext): void {
  record.route = route.index;
  if (route.upstream === undefined) {
    answerCanned(exchange, route.model.target, record);
    return;
  }
  record.upstream = route.upstream.name;
  const work = { upstream: route.upstream.name, target, abort: () => exchange.abort() };
  record.work = work;
  exchange.connection.underWay.add(work);
  const forward: ForwardRequest = {
    exchange, headers, policy,
    pool: route.upstream,
    target: rewriteTarget(route.model, target, exchange.connection.peer),
    idleTimeoutMs: view.idleTimeoutMs,
    onAnswer: (status, address) => {
      record.status = status;
      record.address = address.text;
    },
    onFailure: (reason, address) => {
      if (address !== undefined) record.address = address.text;
      if (exchange.hasAnswered || exchange.isGone) return;
      record.status = FAILURES[reason] ?? 502;
      answerPage(exchange, record.status);
    },
  };
  if (route.upstream.material.model.protocol === 'H2C') forwardHttp2(forward);
  else forwardHttp1(forward);
}

function answerCanned(exchange: Exchange, target: RouteTarget, record: ExchangeRecord): void {
  if (target.kind !== 'response') throw new TypeError('a route without an upstream has a response');
  const { statusCode, contentType, body } = target;
  record.status = statusCode;
  exchange.answerWith(statusCode, ['Content-Type', contentType], body);
}

interface Conclusion {
  readonly record: ExchangeRecord;
  readonly view: ListenerView;
  readonly seconds: number;
}

/** 499 is what nginx writes for a client that left before there was a status. */
function conclude(exchange: Exchange, { metrics, log }: ExchangeServices, { record, view, seconds }: Conclusion): void {
  const status = record.status === 0 ? (exchange.refusedWith ?? 499) : record.status;
  metrics.countResponse(status);
  if (!isLogged(view.accessLog, status)) return;
  const { method, target: path, httpVersion, traffic: { bytesIn, bytesOut } } = exchange;
  const request = { listener: view.model.name, method, path, protocol: `HTTP/${httpVersion}`, status, sentBytes: bytesOut, receivedBytes: bytesIn, seconds };
  log.access(accessLine({ ...request, route: record.route, upstream: record.upstream, upstreamAddress: record.address }, exchange.connection));
}
