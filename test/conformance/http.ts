// HTTP as such: bodies, streams, upgrades, routes.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import { it } from 'node:test';
import { eventually } from '../support/nginx-sidecar.ts';
import { aRoute } from '../support/proxy-models.ts';
import { HttpBackend, startTcpBackend } from './backend.ts';
import { credentials, isOver, openTls, readBytes, send, sendAndSee, sendRaw, valuesOf } from './client.ts';
import type { Engine } from './engine.ts';
import type { Fleet } from './fleet.ts';
import { aSetup, type Parts } from './setups.ts';

export function describeHttp(engine: Engine, fleet: () => Fleet): void {
  const withProxy = async (parts: Parts, action: (port: number, backend: HttpBackend) => Promise<void>) => {
    await using backend = await HttpBackend.start();
    await using proxy = await engine.start(await aSetup(fleet(), backend.port, parts));
    await action(proxy.port(parts.listener?.name ?? 'https'), backend);
  };

  for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
    it(`passes ${method} on without a body`, () => withProxy({}, async (port, backend) => {
      const answer = await send(port, fleet().alice, '/x?y=%20z', { method });
      assert.equal(answer.status, 200);
      assert.equal(backend.received.at(-1)?.method, method);
      assert.equal(backend.received.at(-1)?.url, '/x?y=%20z');
      assert.equal(answer.body === '', method === 'HEAD');
      if (method !== 'POST' && method !== 'PUT' && method !== 'PATCH') assert.deepEqual(valuesOf(backend.received.at(-1)?.rawHeaders ?? [], 'Transfer-Encoding'), []);
    }));
  }

  it('answers 405 to TRACE and CONNECT', () => withProxy({}, async (port, backend) => {
    for (const line of ['TRACE / HTTP/1.1', 'CONNECT a:80 HTTP/1.1']) {
      assert.match(await sendRaw(port, fleet().alice, `${line}\r\nHost: a\r\nConnection: close\r\n\r\n`), /^HTTP\/1\.1 405 /, line);
    }
    assert.equal(backend.received.length, 0);
  }));

  it('passes a body of known length and a chunked one on', () => withProxy({}, async (port) => {
    assert.equal((await sendAndSee(port, fleet().alice, '/', { method: 'POST', body: 'known' })).body, 'known');
    const chunked = await sendAndSee(port, fleet().alice, '/', { method: 'POST', body: 'chunked', headers: { 'transfer-encoding': 'chunked' } });
    assert.equal(chunked.body, 'chunked');
  }));

  it('streams 16 MiB up without keeping it', () => withProxy({}, async (port) => {
    const block = randomBytes(1 << 20);
    const expected = createHash('sha256');
    const request = httpsRequest({ host: '127.0.0.1', port, path: '/hash', method: 'POST', rejectUnauthorized: false, agent: false, ...credentials(fleet().alice) });
    for (let index = 0; index < 16; index += 1) {
      expected.update(block);
      if (!request.write(block)) await once(request, 'drain');
    }
    request.end();
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    let text = '';
    for await (const chunk of response) text += String(chunk);
    assert.deepEqual(JSON.parse(text), { length: 16 << 20, sha256: expected.digest('hex') });
  }));

  it('holds the app back while the client does not read', () => withProxy({}, async (port, backend) => {
    const socket = await openTls(port, fleet().alice);
    socket.pause();
    socket.write('GET /flood HTTP/1.1\r\nHost: a\r\n\r\n');
    const written = await eventually(async () => {
      const before = backend.flooded;
      await new Promise((resolve) => setTimeout(resolve, 300));
      return before > 0 && backend.flooded === before ? before : undefined;
    }, 'the app has to wait');
    socket.destroy();
    assert.ok(written < 64 << 20, `${written} bytes`);
  }));

  it('streams both ways at once', () => withProxy({}, async (port) => {
    const request = httpsRequest({ host: '127.0.0.1', port, path: '/echo-stream', method: 'POST', rejectUnauthorized: false, agent: false, headers: { 'transfer-encoding': 'chunked' }, ...credentials(fleet().alice) });
    request.write('one');
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    assert.equal(String((await once(response, 'data'))[0]), 'one');
    request.write('two');
    assert.equal(String((await once(response, 'data'))[0]), 'two');
    request.end();
    await once(response, 'end');
  }));

  it('hands an event of a stream on at once', { timeout: 30_000 }, async () => {
    let sendSecond = () => {};
    await using backend = await startTcpBackend((socket) => {
      socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\ndata: first\n\n'));
      sendSecond = () => socket.end('data: second\n\n');
    });
    await using proxy = await engine.start(await aSetup(fleet(), backend.port));
    const request = httpsRequest({ host: '127.0.0.1', port: proxy.port('https'), rejectUnauthorized: false, agent: false, ...credentials(fleet().alice) }).end();
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    assert.equal(String((await once(response, 'data'))[0]), 'data: first\n\n');
    sendSecond();
    assert.equal(String((await once(response, 'data'))[0]), 'data: second\n\n');
    if (!response.readableEnded) await once(response, 'end');
  });

  it('passes trailers of the answer on', { skip: engine.name === 'nginx' }, () => withProxy({}, async (port) => {
    assert.equal((await send(port, fleet().alice, '/trailers')).trailers['x-checksum'], 'abc');
  }));

  it('passes harmless trailers of the request on', { skip: engine.name === 'nginx' }, () => withProxy({}, async (port, backend) => {
    await sendRaw(port, fleet().alice, 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\nhi\r\n0\r\nX-Checksum: abc\r\n\r\n');
    assert.deepEqual(backend.received.at(-1)?.rawTrailers, ['X-Checksum', 'abc']);
  }));

  it('answers Expect: 100-continue before the body comes', () => withProxy({}, async (port, backend) => {
    const request = httpsRequest({ host: '127.0.0.1', port, path: '/', method: 'POST', rejectUnauthorized: false, agent: false, headers: { expect: '100-continue', 'content-length': 2 }, ...credentials(fleet().alice) });
    request.flushHeaders();
    await once(request, 'continue');
    request.end('hi');
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    response.resume();
    assert.equal(response.statusCode, 200);
    assert.equal(backend.received.at(-1)?.body, 'hi');
  }));

  it('does not let a refused client send its body', () => withProxy({}, async (port) => {
    const text = await sendRaw(port, undefined, 'POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 100\r\n\r\n');
    assert.match(text, /^HTTP\/1\.1 400 /);
  }));

  it('serves HTTP/1.0, with and without keep-alive', () => withProxy({}, async (port) => {
    const closed = await sendRaw(port, fleet().alice, 'GET /events HTTP/1.0\r\n\r\n');
    assert.match(closed, /^HTTP\/1\.[01] 200 /);
    assert.doesNotMatch(closed, /Transfer-Encoding/i);
    assert.match(closed, /data: first\n\ndata: second\n\n$/);
    const socket = await openTls(port, fleet().alice);
    for (let index = 0; index < 2; index += 1) {
      socket.write('GET /big-header HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n');
      assert.match(await readBytes(socket, 7050), /ok$/);
    }
    socket.destroy();
  }));

  it('passes an answer that ends with its connection', () => withProxy({}, async (port) => {
    assert.equal((await send(port, fleet().alice, '/http1.0-style')).body, 'until the end');
  }));

  it('passes big headers, and refuses too big ones', () => withProxy({}, async (port) => {
    assert.equal((await send(port, fleet().alice, '/big-header', { headers: { 'x-big': 'a'.repeat(7000) } })).headers['x-big']?.length, 7000);
    assert.equal((await send(port, fleet().alice, '/bigger-header', { maxHeaderSize: 32_768 })).headers['x-big']?.length, 20_000);
    const tooBig = await sendRaw(port, fleet().alice, `GET / HTTP/1.1\r\nHost: a\r\nX-Big: ${'a'.repeat(60_000)}\r\n\r\n`);
    assert.match(tooBig, /^HTTP\/1\.1 4(00|31) /);
  }));

  it('answers 204 without a body', () => withProxy({}, async (port) => {
    assert.equal((await send(port, fleet().alice, '/no-content')).status, 204);
  }));

  it('keeps a connection open for several requests', () => withProxy({}, async (port, backend) => {
    using agent = new DisposableAgent({ keepAlive: true, maxSockets: 1 });
    for (let index = 0; index < 3; index += 1) assert.equal((await send(port, fleet().alice, '/', { agent })).status, 200);
    assert.equal(backend.connections, 1);
  }));

  it('serves pipelined requests in order', () => withProxy({}, async (port) => {
    const text = await sendRaw(port, fleet().alice, 'GET /?1 HTTP/1.1\r\nHost: a\r\n\r\nGET /?2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    assert.ok(text.indexOf('/?1') > 0 && text.indexOf('/?2') > text.indexOf('/?1'));
  }));

  it('answers a request before it refuses the garbage behind it', () => withProxy({}, async (port) => {
    const text = await sendRaw(port, fleet().alice, 'GET /?1 HTTP/1.1\r\nHost: a\r\n\r\n\x01garbage\r\n\r\n');
    assert.deepEqual(text.match(/^HTTP\/1\.1 \d+/gm), ['HTTP/1.1 200', 'HTTP/1.1 400']);
  }));

  it('joins the two ends of a WebSocket', () => withProxy({}, async (port, backend) => {
    const socket = await openTls(port, fleet().alice);
    socket.write('GET /ws HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nX-SSL-Client-CN: admin\r\n\r\nearly');
    const head = await readBytes(socket, 60);
    assert.match(head, /^HTTP\/1\.1 101 /);
    socket.write('later');
    let text = head;
    while (!text.includes('later')) text += await readBytes(socket, 1);
    assert.match(text, /\r\n\r\nearlylater/);
    assert.deepEqual(valuesOf(backend.received.at(-1)?.rawHeaders ?? [], 'X-SSL-Client-CN'), ['alice']);
    socket.destroy();
  }));

  it('passes the answer of an app that refuses an upgrade', () => withProxy({}, async (port) => {
    const socket = await openTls(port, fleet().alice);
    socket.write('GET /refuses-upgrade HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    let text = '';
    while (!text.endsWith('no')) text += await readBytes(socket, 1);
    assert.match(text, /^HTTP\/1\.1 426 /);
    socket.destroy();
  }));

  it('lets go of a client whose upgrade was refused', { skip: engine.name !== 'node' }, async () => {
    await using backend = await HttpBackend.start();
    await using proxy = await engine.start(await aSetup(fleet(), backend.port));
    const socket = await openTls(proxy.port('https'), fleet().alice);
    socket.write('GET /refuses-upgrade HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nmore of it');
    await isOver(socket);
    await eventually(async () => (/tenant_mtls_connections_open 0$/m.test(await proxy.metrics()) ? true : undefined), 'nothing is left open');
  });

  it('treats an upgrade to h2c as the ordinary request it also is', () => withProxy({}, async (port) => {
    const { rawHeaders } = await sendAndSee(port, fleet().alice, '/', { headers: { connection: 'Upgrade, HTTP2-Settings', upgrade: 'h2c', 'http2-settings': 'AAMAAABkAAQAAP__' } });
    assert.deepEqual(valuesOf(rawHeaders, 'Upgrade'), []);
  }));

  it('answers or sends away whoever sends another request behind an upgrade that is declined', () => withProxy({}, async (port, backend) => {
    const second = 'GET /second HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
    for (const body of ['', 'Transfer-Encoding: chunked\r\n']) {
      const first = `PUT /first HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n${body}\r\n${body && '4\r\nabcd\r\n0\r\n\r\n'}`;
      const text = await sendRaw(port, fleet().alice, first + second);
      const answered = text.match(/^HTTP\/1\.1 200 /gm)?.length;
      assert.ok(answered === 2 || (answered === 1 && /^Connection: close/im.test(text)), text);
      assert.equal(backend.received.at(-1)?.url, answered === 2 ? '/second' : '/first');
    }
  }));

  for (const upgrade of ['h2c, x', 'websocket, H2C', 'TLS/1.0', 'HTTP/2.0']) {
    it(`opens no tunnel to ${upgrade}, in which a client could name itself`, () => withProxy({}, async (port) => {
      const { rawHeaders } = await sendAndSee(port, fleet().alice, '/', { headers: { connection: 'Upgrade', upgrade } });
      assert.deepEqual(valuesOf(rawHeaders, 'Upgrade'), []);
    }));
  }

  it('sets query parameters from the client\'s certificate, whatever the client sends', { skip: !engine.abilities.has('setQuery') }, () => {
    const routes = [aRoute({ setQuery: [{ name: 'tenant', value: '{client.commonName}/{client.tenant}' }] })];
    return withProxy({ listener: { routes } }, async (port) => {
      const { url } = await sendAndSee(port, fleet().alice, '/q?a=1&tenant=evil&ten%61nt=evil;tenant=evil');
      assert.equal(url, '/q?a=1&tenant=alice%2Fcustomer');
    });
  });

  it('redirects on a plaintext listener', async () => {
    const redirect = { scheme: 'https', port: 8443, statusCode: 301 } as const;
    await withProxy({ listener: { name: 'http', tls: undefined as never, redirect, routes: [] } }, async (port) => {
      const response = await fetch(`http://127.0.0.1:${port}/a?b=c`, { redirect: 'manual' });
      assert.equal(response.status, 301);
      assert.equal(response.headers.get('location'), 'https://127.0.0.1:8443/a?b=c');
    });
  });

  it('turns plaintext into TLS with a certificate of its own', async () => {
    await using backend = await HttpBackend.start();
    await using edge = await engine.start(await aSetup(fleet(), backend.port));
    const { alice, customer } = fleet();
    const upstreamTls = {
      minVersion: 'TLSv1.2', ciphers: [], curves: [], serverName: 'server.test', trust: { certificates: 'caCerts/trust-0.crt', system: false, authorities: [] },
      present: { certificate: 'certs/alice.crt', key: 'certs/alice.key' },
    } as const;
    const setup = await aSetup(fleet(), edge.port('https'), { listener: { name: 'http', tls: undefined as never }, upstream: { tls: upstreamTls } });
    const files = { 'certs/alice.crt': alice.cert, 'certs/alice.key': alice.key };
    await using client = await engine.start({ model: withAuthorities(setup.model, customer.issuer.sha256), files: { ...setup.files, ...files } });
    const seen = (await (await fetch(`http://127.0.0.1:${client.port('http')}/`)).json()) as { rawHeaders: string[] };
    assert.deepEqual(valuesOf(seen.rawHeaders, 'X-SSL-Client-CN'), ['alice']);
    const wrong = { ...upstreamTls, serverName: 'other.test' };
    const refused = await aSetup(fleet(), edge.port('https'), { listener: { name: 'http', tls: undefined as never }, upstream: { tls: wrong } });
    await using mistaken = await engine.start({ model: withAuthorities(refused.model, customer.issuer.sha256), files: { ...refused.files, ...files } });
    assert.equal((await fetch(`http://127.0.0.1:${mistaken.port('http')}/`)).status, 502);
  });
}

type Model = Awaited<ReturnType<typeof aSetup>>['model'];

function withAuthorities(model: Model, sha256: string): Model {
  const authorities = [{ sha256, subject: 'CN=customer-ca' }];
  return { ...model, upstreams: model.upstreams.map((upstream) => ({ ...upstream, ...(upstream.tls === undefined ? {} : { tls: { ...upstream.tls, trust: { ...upstream.tls.trust, authorities } } }) })) };
}

class DisposableAgent extends Agent {
  [Symbol.dispose](): void {
    this.destroy();
  }
}
