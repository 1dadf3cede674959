// The same bytes to both engines, valid and malformed: what reaches the app must be the same, or our stricter parser has refused it.
// DIFFERENTIAL_RUNS sets how many; without it a short list that is always the same.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import * as fc from 'fast-check';
import { HttpBackend, type Received } from './backend.ts';
import { openTls, valuesOf } from './client.ts';
import type { RunningEngine } from './engine.ts';
import { Fleet, type Identity } from './fleet.ts';
import { nginxEngine } from './nginx-engine.ts';
import { nodeEngine } from './node-engine.ts';
import { aSetup } from './setups.ts';

const RUNS = Number(process.env['DIFFERENTIAL_RUNS'] ?? 0);
/** After so long without a byte an engine has said what it has to say. */
const QUIET_MS = 150;
/** The machine may be busy: a difference counts only if it is still there with so much more patience. */
const PATIENT_MS = 1500;

interface Outcome {
  readonly statuses: readonly number[];
  readonly received: readonly Received[];
  readonly fate: 'closed' | 'open';
}

interface Side {
  readonly engine: RunningEngine;
  readonly backend: HttpBackend;
}

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE', 'CONNECT', 'get', 'BREW', 'G ET', ''];
const TARGETS = ['/', '/a/b?c=d', '/a//b', '/%61', '/a/../b', '/../x', '/%2e%2e/x', '/%00', '/%zz', '/a b', '*', 'http://other.example/abs', '/x#frag', '/\x7f', '/\u00fc', `/${'l'.repeat(3000)}`, 'relative'];
const VERSIONS = ['HTTP/1.1', 'HTTP/1.0', 'HTTP/1.2', 'HTTP/2.0', 'HTTP/0.9', 'http/1.1', ''];
const FIELDS = [
  'Host: second', 'host: a', 'X-A: b', 'X-A:b', 'X-A :b', ' X-A: b', 'X_A: b', 'X-A: \x01', 'X-A: b\rc', 'X-A', ': empty', 'X-SSL-Client-CN: evil', 'X_SSL_Client_CN: evil', 'x-tls-client-cert: evil', 'X-Forwarded-Client-Cert: evil',
  'X-Forwarded-For: 1.2.3.4', 'Connection: close', 'Connection: X-SSL-Client-CN', 'Connection: close, X-A', 'Keep-Alive: 1', 'Upgrade: h2c', 'TE: trailers', 'Expect: 100-continue', 'Expect: nonsense', 'Content-Length: 4',
  'Content-Length: 04', 'Content-Length: 4, 4', 'Content-Length: -4', 'Content-Length: +4', 'Content-Length: 4x', 'Content-Length: ', 'Content-Length: 99999999999999999999', 'Transfer-Encoding: chunked', 'Transfer-Encoding: identity',
  'Transfer-Encoding: chunked, chunked', 'Transfer-Encoding: gzip, chunked', 'Transfer-Encoding: xchunked', 'Transfer-Encoding:\tchunked', 'Transfer_Encoding: chunked', 'Cookie: a=1', 'Cookie: b=2', `X-Long: ${'v'.repeat(6000)}`,
];
const BODIES = ['', 'body', '4\r\nbody\r\n0\r\n\r\n', '4;x=y\r\nbody\r\n0\r\n\r\n', '4\r\nbody\r\n0\r\nX-SSL-Client-CN: evil\r\n\r\n', '4\nbody\n0\n\n', '0x4\r\nbody\r\n0\r\n\r\n', '5\r\nbody\r\n0\r\n\r\n', '0\r\n\r\nGET /hidden HTTP/1.1\r\nHost: a\r\n\r\n', 'GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n'];
const ENDS = ['\r\n', '\n', '\r'];

/** Where our engine takes what nginx refuses, and why that is right. */
const OURS_ONLY: readonly RegExp[] = [
  /(^Expect: .*){2}/ms, // said twice, it says the same
  /^Transfer-Encoding:\t/m, // a tab is white space like any other (RFC 9110, 5.6.3); the body is framed anew towards the app
];

const mostly = <T>(usual: T, others: readonly T[], weight: number) => fc.oneof({ weight, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: fc.constantFrom(...others) });

const request = fc.record({
  method: mostly('GET', METHODS, 2), target: mostly('/', TARGETS, 2), version: mostly('HTTP/1.1', VERSIONS, 6), host: mostly('Host: a', ['', 'Host:', 'Host: a:80', 'Host: a b', 'Host: a/b'], 6),
  fields: fc.array(fc.constantFrom(...FIELDS), { maxLength: 3 }), body: mostly('', BODIES, 1), end: mostly('\r\n', ENDS, 15),
}).map(({ method, target, version, host, fields, body, end }) =>
  `${[[method, target, version].filter((part) => part !== '').join(' '), ...(host === '' ? [] : [host]), ...fields].join(end)}${end}${end}${body}`);

describe('both engines', { skip: nginxEngine().missing ?? false }, () => {
  let fleet: Fleet;
  let [node, nginx]: (Side | undefined)[] = [];
  before(async () => {
    fleet = await Fleet.create();
    const start = async (engine: ReturnType<typeof nodeEngine>): Promise<Side> => {
      const backend = await HttpBackend.start();
      return { backend, engine: await engine.start(await aSetup(fleet, backend.port, { model: { accessLog: 'Off' } })) };
    };
    [node, nginx] = await Promise.all([start(nodeEngine()), start(nginxEngine())]);
  });
  after(async () => {
    for (const side of [node, nginx]) {
      await side?.engine[Symbol.asyncDispose]();
      await side?.backend[Symbol.asyncDispose]();
    }
  });

  it('take the same bytes for the same requests', { timeout: 60_000 + RUNS * 1000 }, async () => {
    const parameters = RUNS > 0 ? { numRuns: RUNS } : { numRuns: 120, seed: 1 };
    const compared = request.filter((bytes) => !OURS_ONLY.some((pattern) => pattern.test(bytes)));
    await fc.assert(fc.asyncProperty(compared, async (bytes) => {
      const look = async (quietMs: number) => {
        const [ours, theirs] = await Promise.all([node!, nginx!].map((side) => send(side, fleet.alice, { bytes, quietMs })));
        for (const outcome of [ours!, theirs!]) assertNoSpoofing(outcome);
        compare(ours!, theirs!);
      };
      await look(QUIET_MS).catch(() => look(PATIENT_MS));
    }), parameters);
  });
});

async function send({ engine, backend }: Side, alice: Identity, { bytes, quietMs }: { bytes: string; quietMs: number }): Promise<Outcome> {
  const first = backend.received.length;
  const socket = await openTls(engine.port('https'), alice);
  let text = '';
  let fate: Outcome['fate'] = 'open';
  await new Promise<void>((resolve) => {
    let timer = setTimeout(resolve, quietMs * 2);
    const over = () => {
      fate = 'closed';
      resolve();
    };
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      clearTimeout(timer);
      timer = setTimeout(resolve, quietMs);
    }).once('end', over).once('close', over);
    socket.write(Buffer.from(bytes, 'latin1'));
  });
  socket.destroy();
  const statuses = [...text.matchAll(/^HTTP\/1\.[01] ([2-5]\d\d) /gm)].map(([, status]) => Number(status));
  return { statuses, received: backend.received.slice(first), fate };
}

function assertNoSpoofing({ received }: Outcome): void {
  for (const { rawHeaders, rawTrailers, url } of received) {
    assert.deepEqual(valuesOf(rawHeaders, 'X-SSL-Client-CN'), ['alice']);
    assert.equal(valuesOf(rawHeaders, 'X-Tls-Client-Cert').length, 1);
    assert.ok(!JSON.stringify([rawHeaders, rawTrailers]).includes('evil'), url);
  }
}

/** What our engine has let through is what nginx has let through, request by request. It may stop earlier: with a refusal, or waiting for a body. */
function compare(ours: Outcome, theirs: Outcome): void {
  const statuses = JSON.stringify({ ours: ours.statuses, theirs: theirs.statuses });
  assert.deepEqual(ours.received.map(essence), theirs.received.map(essence).slice(0, ours.received.length), statuses);
  for (const [index, status] of ours.statuses.entries()) {
    const other = theirs.statuses[index];
    // A status below 400 has come with a request that both have passed on; a refusal may be ours alone.
    assert.ok(status >= 400 || (other !== undefined && other < 400), statuses);
  }
  if (ours.received.length < theirs.received.length) assert.ok(ours.statuses.some((status) => status >= 400) || ours.fate === 'closed', `a refusal is told: ${statuses}`);
}

function essence({ method, url, body, rawHeaders }: Received) {
  const [host = ''] = valuesOf(rawHeaders, 'Host');
  return { method, url: url.replace(/#.*/, ''), body, host: host === '' ? 'localhost' : host, forwardedFor: valuesOf(rawHeaders, 'X-Forwarded-For') };
}
