// HTTP/2 in, to HTTP/1.1 and HTTP/2 servers: streams are judged one by one, bodies and trailers pass, gRPC works.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { connect, createServer, type ClientHttp2Session, type ClientHttp2Stream, type Http2Server, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { it } from 'node:test';
import { eventually } from '../support/nginx-sidecar.ts';
import { HttpBackend, type Received } from './backend.ts';
import { credentials, isOver, openTls, sendAndSee, valuesOf } from './client.ts';
import type { Engine } from './engine.ts';
import type { Fleet, Identity } from './fleet.ts';
import { aSetup, type Parts } from './setups.ts';

interface Answer {
  readonly headers: IncomingHttpHeaders & { ':status'?: number };
  readonly trailers: IncomingHttpHeaders;
  readonly body: string;
}

export function describeHttp2(engine: Engine, fleet: () => Fleet): void {
  const withSession = async (identity: Identity | undefined, parts: Parts, action: (session: ClientHttp2Session, backend: HttpBackend, port: number) => Promise<void>) => {
    await using backend = await HttpBackend.start();
    await using proxy = await engine.start(await aSetup(fleet(), backend.port, parts));
    const port = proxy.port('https');
    const session = open(port, identity);
    await action(session, backend, port);
    session.destroy();
  };
  const open = (port: number, identity: Identity | undefined) => connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false, ...credentials(identity) }).on('error', () => {});

  it('serves requests of one connection side by side', () => withSession(fleet().alice, {}, async (session) => {
    const answers = await Promise.all(Array.from({ length: 20 }, (_, index) => ask(session, { ':path': `/?${index}` })));
    for (const [index, { headers, body }] of answers.entries()) {
      assert.equal(headers[':status'], 200);
      assert.equal((JSON.parse(body) as Received).url, `/?${index}`);
    }
  }));

  it('tells the app host and identity, and takes spoofed headers away', () => withSession(fleet().alice, {}, async (session) => {
    const { body } = await ask(session, { ':path': '/', ':authority': 'app.example', 'x-ssl-client-cn': 'admin', 'x_ssl_client_cn': 'admin', 'x-forwarded-client-cert': 'x', 'x-forwarded-for': '10.0.0.1', cookie: 'a=1' });
    const { rawHeaders } = JSON.parse(body) as Received;
    assert.deepEqual(valuesOf(rawHeaders, 'Host'), ['app.example']);
    assert.deepEqual(valuesOf(rawHeaders, 'X-SSL-Client-CN'), ['alice']);
    assert.ok(!JSON.stringify(rawHeaders).includes('admin'));
    assert.deepEqual(valuesOf(rawHeaders, 'X-Forwarded-For'), ['10.0.0.1, 127.0.0.1']);
    assert.deepEqual(valuesOf(rawHeaders, 'Cookie'), ['a=1']);
  }));

  it('answers 400 to each stream of a client without a certificate', () => withSession(undefined, {}, async (session, backend) => {
    const { headers, body } = await ask(session, { ':path': '/' });
    assert.equal(headers[':status'], 400);
    assert.match(body, /400 No required SSL certificate was sent/);
    assert.equal(backend.received.length, 0);
  }));

  it('passes a body on', () => withSession(fleet().alice, {}, async (session) => {
    const { body } = await ask(session, { ':path': '/', ':method': 'POST' }, 'hello'.repeat(20_000));
    assert.equal((JSON.parse(body) as Received).body.length, 100_000);
  }));

  it('passes trailers of an HTTP/1.1 answer on', { skip: engine.name === 'nginx' }, () => withSession(fleet().alice, {}, async (session) => {
    assert.equal((await ask(session, { ':path': '/trailers' })).trailers['x-checksum'], 'abc');
  }));

  it('answers HEAD without a body', () => withSession(fleet().alice, {}, async (session) => {
    const { headers, body } = await ask(session, { ':path': '/', ':method': 'HEAD' });
    assert.deepEqual([headers[':status'], body], [200, '']);
  }));

  it('resets only the stream of an answer that breaks off', () => withSession(fleet().alice, {}, async (session) => {
    await assert.rejects(ask(session, { ':path': '/cut-in-body' }));
    assert.equal((await ask(session, { ':path': '/' })).headers[':status'], 200);
  }));

  it('cancels the request to the app when the client resets the stream', () => withSession(fleet().alice, {}, async (session, backend) => {
    const stream = session.request({ ':path': '/silent' }).on('error', () => {});
    const [request] = (await once(backend.server, 'request')) as [IncomingMessage];
    stream.close(8);
    await new Promise((resolve) => request.socket.once('close', resolve));
    assert.equal((await ask(session, { ':path': '/' })).headers[':status'], 200);
  }));

  it('lets go of a connection that its client has left', async () => {
    await using backend = await HttpBackend.start();
    await using proxy = await engine.start(await aSetup(fleet(), backend.port));
    for (const bytes of ['', 'PRI * HT', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0']) {
      const socket = await openTls(proxy.port('https'), fleet().alice, { ALPNProtocols: ['h2'] });
      socket.end(bytes);
      await isOver(socket);
    }
    if (engine.name === 'node') await eventually(async () => (/tenant_mtls_connections_open 0$/m.test(await proxy.metrics()) ? true : undefined), 'nothing is left open');
  });

  const withGrpc = async (serve: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void, action: (session: ClientHttp2Session, port: number, server: Http2Server) => Promise<void>) => {
    const server = createServer().listen(0, '127.0.0.1');
    server.on('stream', serve);
    await once(server, 'listening');
    await using proxy = await engine.start(await aSetup(fleet(), (server.address() as AddressInfo).port, { upstream: { protocol: 'H2C' } }));
    const session = open(proxy.port('https'), fleet().alice);
    await action(session, proxy.port('https'), server);
    session.destroy();
    server.close();
  };

  it('carries gRPC: both directions at once, and the status in trailers', () => withGrpc((stream, headers) => {
    assert.equal(headers['te'], 'trailers');
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('data', (chunk: Buffer) => stream.write(`echo ${String(chunk)}`));
    stream.on('end', () => stream.end());
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0', 'grpc-message': String(headers['x-ssl-client-cn']) }));
  }, async (session) => {
    const stream = session.request({ ':method': 'POST', ':path': '/shop.Orders/Watch', 'content-type': 'application/grpc', te: 'trailers' });
    let trailers: IncomingHttpHeaders = {};
    stream.on('trailers', (received) => (trailers = received));
    stream.setEncoding('utf8');
    for (const word of ['one', 'two']) {
      stream.write(word);
      assert.equal((await once(stream, 'data'))[0], `echo ${word}`);
    }
    stream.end();
    await once(stream.resume(), 'end');
    assert.equal(trailers['grpc-status'], '0');
    assert.equal(trailers['grpc-message'], 'alice');
  }));

  it('carries a gRPC answer that is nothing but trailers', () => withGrpc((stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '5' }, { endStream: true });
  }, async (session) => {
    const { headers, body } = await ask(session, { ':method': 'POST', ':path': '/', te: 'trailers' }, 'x');
    assert.deepEqual([headers[':status'], headers['grpc-status'], body], [200, '5', '']);
  }));

  it('speaks HTTP/2 to the app for a client of HTTP/1.1', () => withGrpc((stream, headers) => {
    let body = '';
    stream.on('data', (chunk) => (body += String(chunk))).on('end', () => {
      stream.respond({ ':status': 200 });
      stream.end(JSON.stringify({ method: headers[':method'], url: headers[':path'], body, rawHeaders: Object.entries(headers).flat(), rawTrailers: [], httpVersion: '2.0' }));
    });
  }, async (_session, port) => {
    const seen = await sendAndSee(port, fleet().alice, '/a?b', { method: 'POST', body: 'hi' });
    assert.deepEqual([seen.method, seen.url, seen.body], ['POST', '/a?b', 'hi']);
    assert.deepEqual(valuesOf(seen.rawHeaders, 'x-ssl-client-cn'), ['alice']);
  }));

  it('answers 502 when no HTTP/2 server is there', () => withGrpc(() => {}, async (session, _port, server) => {
    server.close();
    assert.equal((await ask(session, { ':path': '/', ':method': 'POST' }, 'x')).headers[':status'], 502);
  }));
}

async function ask(session: ClientHttp2Session, headers: IncomingHttpHeaders, body?: string): Promise<Answer> {
  const stream: ClientHttp2Stream = session.request(headers as never, { endStream: body === undefined });
  let trailers: IncomingHttpHeaders = {};
  stream.on('trailers', (received) => (trailers = received));
  if (body !== undefined) stream.end(body);
  const [received] = (await once(stream, 'response')) as [IncomingHttpHeaders];
  let text = '';
  for await (const chunk of stream) text += String(chunk);
  return { headers: received, trailers, body: text };
}
