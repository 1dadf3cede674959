import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingHttpHeaders, Server } from 'node:http';
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2';
import type { Http2Server, IncomingHttpHeaders as Http2Headers } from 'node:http2';
import { createServer as createTcpServer } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { renderNginx } from '../../src/nginx/render-nginx.ts';
import { buildProxyModel } from '../../src/proxy-model/build-proxy-model.ts';
import type { TrustLookup } from '../../src/proxy-model/trust-lookup.ts';
import { withManifest } from '../support/mounted-set.ts';
import { NginxSidecar, eventually, freePort } from '../support/nginx-sidecar.ts';
import { nginxRoot } from '../support/nginx-root.ts';
import { aProxySpec } from '../support/proxy-specs.ts';
import { TestCa } from '../support/test-ca.ts';
import type { KeyPair } from '../support/test-ca.ts';

const root = nginxRoot();

describe('routes of the nginx sidecar', { skip: 'missing' in root ? root.missing : false }, () => {
  const authorities = { customer1: new TestCa('/O=Customer 1/CN=customer1-ca'), partner: new TestCa('/O=Partner/CN=partner-ca') };
  const server = authorities.customer1.issue('/CN=hello.shop.example');
  const client = (subject: string, ca = authorities.customer1) => ca.issue(subject, []);
  const clients = {
    alice: client('/O=Customer/CN=alice'),
    nameLast: client('/CN=alice/O=Customer'),
    injected: client('/O=x,CN=alice/CN=mallory'),
    suffixed: client('/CN=alice.evil'),
    upper: client('/CN=ALICE'),
    umlaut: client('/CN=Käse'),
    second: client('/C=DE/O=Second, Inc./CN=second'),
    partner: client('/CN=alice', authorities.partner),
  };
  const lookup: TrustLookup = (source) => {
    const tenant = source.kind === 'Tenant' && source.name === 'partner' ? 'partner' : 'customer1';
    const subject = tenant === 'partner' ? 'CN=partner-ca,O=Partner' : 'CN=customer1-ca,O=Customer 1';
    return { tenant, crls: [], certificates: [{ pem: authorities[tenant].certificate, sha256: tenant, subject }] };
  };

  const app = createServer((request, response) => response.end(JSON.stringify({ url: request.url, headers: request.headers })));
  const other = createServer((_, response) => response.end('other'));
  const grpc = createHttp2Server();
  const echo = createTcpServer({ allowHalfOpen: true }, (socket) => {
    let received = '';
    socket.on('data', (chunk: Buffer) => (received += chunk.toString()));
    socket.on('end', () => socket.end(`echo ${received}`));
  });
  const ports = { app: 0, other: 0, grpc: 0, echo: 0, rules: 0, tenants: 0, redirect: 0, grpcListener: 0, tcp: 0, encrypt: 0, none: 0 };
  let sidecar: NginxSidecar;

  before(async () => {
    app.on('upgrade', (request, socket) => socket.end(`HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: ${request.headers.upgrade}\r\n\r\nhello from the other side`));
    grpc.on('stream', (stream, headers) => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end(JSON.stringify(headers));
    });
    const listening: readonly [keyof typeof ports, Server | Http2Server | typeof echo][] = [['app', app], ['other', other], ['grpc', grpc], ['echo', echo]];
    for (const [name, each] of listening) {
      each.listen(0, '127.0.0.1');
      await once(each, 'listening');
      ports[name] = (each.address() as { port: number }).port;
    }
    for (const name of ['rules', 'tenants', 'redirect', 'grpcListener', 'tcp', 'encrypt', 'none'] as const) ports[name] = await freePort();
    sidecar = await NginxSidecar.prepare((root as { directory: string }).directory, ports.app);
    const build = buildProxyModel(aProxySpec(spec()), lookup);
    assert.ok(build.kind === 'model', build.kind === 'refused' ? build.refusal.message : '');
    const rendered = [...renderNginx(build.model), ...build.trustFiles].map(({ path, content }) => [path, content] as const);
    sidecar.mounted.swap(withManifest({ ...Object.fromEntries(rendered), 'certs/tls.crt': server.certificate, 'certs/tls.key': server.key }));
    sidecar.start();
    await sidecar.reaches(({ state }) => state === 'current');
  });

  after(async () => {
    await sidecar[Symbol.asyncDispose]();
    for (const each of [app, other, grpc, echo]) each.close();
    app.closeAllConnections();
    other.closeAllConnections();
    for (const ca of Object.values(authorities)) ca[Symbol.dispose]();
  });

  const own = { trust: [{ kind: 'Tenant', name: 'customer1' }] };
  const spec = () => ({
    accessLog: 'All',
    listeners: [
      {
        name: 'rules', port: ports.rules, bind: '127.0.0.1', tls: own,
        routes: [
          { path: '/api/v1/series', query: [{ name: 'match[]', value: 'helm release' }], response: { contentType: 'application/json', body: '{"data":"$uri"}' } },
          { path: '/old', rewritePrefix: '/new', upstream: 'app' },
          { clients: [{ commonName: 'alice' }, { commonName: 'Käse' }, { subject: 'CN=second, O=Second\\, Inc., C=DE' }], upstream: 'app' },
          { clients: [{ commonName: 'mallory' }], path: '/mallory', upstream: 'other' },
        ],
      },
      {
        name: 'tenants', port: ports.tenants, bind: '127.0.0.1', tls: { trust: [{ kind: 'Tenant', name: 'customer1' }, { kind: 'Tenant', name: 'partner' }] },
        routes: [{ clients: [{ tenant: 'customer1', commonName: 'alice' }], upstream: 'app' }, { clients: [{ tenant: 'partner' }], upstream: 'other' }],
      },
      { name: 'redirect', port: ports.redirect, redirect: { port: 8443, statusCode: 308 } },
      { name: 'grpc', port: ports.grpcListener, bind: '127.0.0.1', tls: own, routes: [{ upstream: 'grpc' }] },
      { name: 'tcp', port: ports.tcp, bind: '127.0.0.1', protocol: 'TCP', tls: own, routes: [{ clients: [{ commonName: 'alice' }], upstream: 'echo' }] },
      { name: 'encrypt', port: ports.encrypt, routes: [{ upstream: 'back' }] },
      { name: 'none', port: ports.none, bind: '127.0.0.1', tls: { clientAuth: 'OptionalNoCA' }, routes: [{ upstream: 'flaky' }] },
    ],
    upstreams: [
      { name: 'app', addresses: [`127.0.0.1:${ports.app}`] }, { name: 'other', addresses: [`127.0.0.1:${ports.other}`] },
      { name: 'grpc', protocol: 'H2C', addresses: [`127.0.0.1:${ports.grpc}`] }, { name: 'echo', addresses: [`127.0.0.1:${ports.echo}`] },
      { name: 'back', addresses: [`127.0.0.1:${ports.rules}`], tls: { serverName: 'localhost', trust: own.trust } },
      { name: 'flaky', addresses: ['127.0.0.1:1', `127.0.0.1:${ports.app}`, 'does-not-exist.invalid:80'] },
    ],
  });
  const as = ({ certificate, key }: KeyPair) => ({ cert: certificate, key });
  const rules = (who: KeyPair, path = '/') => sidecar.get(path, { ...as(who), port: ports.rules });

  it('lets in whom a rule names, wherever the CN stands in the subject', async () => {
    for (const name of ['alice', 'nameLast', 'umlaut', 'second'] as const) assert.equal((await rules(clients[name])).status, 200, name);
  });

  it('is not fooled by a CN inside of another attribute, by a suffix or by case', async () => {
    for (const name of ['injected', 'suffixed', 'upper'] as const) assert.equal((await rules(clients[name])).status, 503, name);
  });

  it('takes the first route whose conditions all hold', async () => {
    assert.equal((await rules(clients.injected, '/mallory')).body, 'other');
    assert.equal((await rules(clients.injected, '/%6Dallory')).body, 'other');
    assert.equal((await rules(clients.injected, '/%6Dallory/../mallory')).status, 400);
    assert.equal((await rules(clients.suffixed, '/mallory')).status, 503);
  });

  it('replaces the matched prefix and keeps the query', async () => {
    const { url } = JSON.parse((await rules(clients.suffixed, '/old/a%20b?x=1&y=%20')).body) as { url: string };
    assert.equal(url, '/new/a%20b?x=1&y=%20');
  });

  const QUERIES: Readonly<Record<string, boolean>> = {
    'match[]=helm+release': true, 'a=b&match%5B%5D=helm%20release': true, 'match%5b%5d=%68elm%20release&x': true,
    'match[]=helm+releases': false, 'xmatch[]=helm+release': false, 'match[]=': false,
  };
  for (const [query, matches] of Object.entries(QUERIES)) {
    it(`${matches ? 'gives' : 'does not give'} the canned answer for ?${query}`, async () => {
      const reply = await rules(clients.suffixed, `/api/v1/series?${query}`);
      assert.deepEqual(reply, matches ? { status: 200, body: '{"data":"$uri"}' } : { ...reply, status: 503 });
    });
  }

  it('tells tenants apart by who issued the certificate, not by its subject', async () => {
    const get = (who: KeyPair) => sidecar.get('/', { ...as(who), port: ports.tenants });
    assert.match((await get(clients.alice)).body, /"url"/);
    assert.equal((await get(clients.partner)).body, 'other');
    assert.equal((await get(clients.suffixed)).status, 503);
    assert.equal((await rules(clients.partner)).status, 400);
  });

  it('redirects plaintext, keeping host, path and query', async () => {
    const response = await fetch(`http://127.0.0.1:${ports.redirect}/a?b=c`, { redirect: 'manual' });
    assert.equal(response.status, 308);
    assert.equal(response.headers.get('location'), 'https://127.0.0.1:8443/a?b=c');
  });

  it('passes a WebSocket upgrade on, but none to HTTP/2, in which a client could name itself', async () => {
    const upgrade = async (protocol: string) => {
      const socket = connectTls({ host: '127.0.0.1', port: ports.rules, rejectUnauthorized: false, ...as(clients.alice) });
      socket.write(`GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABk\r\nUpgrade: ${protocol}\r\n\r\n`);
      const [chunk] = (await once(socket, 'data')) as [Buffer];
      socket.destroy();
      return chunk.toString();
    };
    assert.match(await upgrade('websocket'), /^HTTP\/1\.1 101/);
    assert.match(await upgrade('h2c'), /^HTTP\/1\.1 200/);
    assert.match(await upgrade('websocket, H2C'), /^HTTP\/1\.1 200/);
  });

  it('speaks HTTP/2 with the client and gRPC with the app, trailers included', async () => {
    const session = connectHttp2(`https://127.0.0.1:${ports.grpcListener}`, { rejectUnauthorized: false, ...as(clients.alice) });
    const stream = session.request({ ':method': 'POST', ':path': '/s/m', 'content-type': 'application/grpc', te: 'trailers', 'x-ssl-client-cn': 'mallory' });
    stream.end('x');
    let body = '';
    stream.on('data', (chunk: Buffer) => (body += chunk.toString()));
    const [trailers] = (await once(stream, 'trailers')) as [Http2Headers];
    session.close();
    const headers = JSON.parse(body) as IncomingHttpHeaders;
    assert.equal(trailers['grpc-status'], '0');
    assert.equal(headers['x-ssl-client-cn'], 'alice');
    assert.equal(headers.host, `127.0.0.1:${ports.grpcListener}`);
  });

  it('carries TCP with half-close, and closes on a client that no route names', async () => {
    const talk = async (who: KeyPair | undefined) => {
      const options = { host: '127.0.0.1', port: ports.tcp, rejectUnauthorized: false, allowHalfOpen: true, ...(who === undefined ? {} : as(who)) };
      const socket = connectTls(options);
      socket.on('error', () => undefined);
      let received = '';
      socket.on('data', (chunk: Buffer) => (received += chunk.toString()));
      socket.end('ping');
      await once(socket, 'close');
      return received;
    };
    assert.equal(await talk(clients.alice), 'echo ping');
    assert.equal(await talk(clients.suffixed), '');
    assert.equal(await talk(undefined), '');
  });

  it('turns plain HTTP into mTLS with its own certificate, and takes identity headers away on the way in', async () => {
    const response = await fetch(`http://127.0.0.1:${ports.encrypt}/old`, { headers: { 'X-SSL-Client-CN': 'mallory' } });
    const { headers } = (await response.json()) as { headers: IncomingHttpHeaders };
    assert.equal(headers['x-ssl-client-cn'], 'hello.shop.example');
  });

  it('sends only certificate and verdict of a client that has not been verified, and skips dead addresses', async () => {
    for (let round = 0; round < 4; round += 1) {
      const reply = await sidecar.get('/', { ...as(clients.partner), port: ports.none, headers: { 'X-SSL-Client-DN': 'CN=mallory' } });
      const { headers } = JSON.parse(reply.body) as { headers: IncomingHttpHeaders };
      assert.match(String(headers['x-ssl-client-verify']), /^FAILED:/);
      assert.equal(decodeURIComponent(String(headers['x-tls-client-cert'])).trim(), clients.partner.certificate.trim());
      assert.ok(!('x-ssl-client-dn' in headers) && !('x-ssl-client-cn' in headers));
    }
  });

  it('writes the access log as one JSON object to a line, refusals with their reason', async () => {
    await sidecar.get('/no', { port: ports.rules });
    const lines = (): Record<string, unknown>[] => sidecar.log.split('\n').filter((line) => line.startsWith('{"time"')).map((line) => JSON.parse(line) as Record<string, unknown>);
    const refused = await eventually(() => lines().find(({ verify, listener }) => verify === 'NONE' && listener === 'rules'), 'the refusal in the access log');
    assert.equal(refused['status'], 400);
    const answered = lines().find(({ listener, route }) => listener === 'rules' && route === '2');
    assert.equal(answered?.['upstream'], 'app');
    assert.equal(answered['subject'], 'CN=alice,O=Customer');
    const tcp = lines().filter(({ listener }) => listener === 'tcp');
    assert.ok(tcp.some(({ upstream, status }) => upstream === 'echo' && status === 200));
    assert.ok(tcp.some(({ upstream, subject }) => upstream === '' && subject === 'CN=alice.evil'));
  });
});
