// Clients and servers that mean harm: whatever they send, others are served.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { ClientRequestArgs } from 'node:http';
import { connect as connectHttp2, type IncomingHttpHeaders } from 'node:http2';
import type { Socket } from 'node:net';
import { after, it } from 'node:test';
import { eventually } from '../support/nginx-sidecar.ts';
import { aRoute } from '../support/proxy-models.ts';
import { TestCa, type KeyPair } from '../support/test-ca.ts';
import { HttpBackend, startTcpBackend } from './backend.ts';
import { credentials, openTls, send, sendAndSee, valuesOf } from './client.ts';
import type { Engine } from './engine.ts';
import { trustOf, type Fleet, type Identity, type TestAuthority } from './fleet.ts';
import { aSetup, type Parts } from './setups.ts';

/** Names and extensions that no library of ours would write. */
const SHAPES: Readonly<Record<string, string>> = {
  'a name that reaches beyond its extension': '2.5.29.17=DER:30:05:82:20:61:62:63',
  'names that are no sequence': '2.5.29.17=DER:04:02:82:00',
  'an empty list of names': '2.5.29.17=DER:30:00',
  'an extension of names without a byte': '2.5.29.17=DER:05:00',
  'a name of an unknown kind': '2.5.29.17=DER:30:04:9e:02:61:62',
  'a name with control characters': '2.5.29.17=DER:30:06:82:04:0d:0a:00:7f',
  'a length without an end': '2.5.29.17=DER:30:80:82:01:61:00:00',
};

export function describeHostile(engine: Engine, fleet: () => Fleet): void {
  const ca = new TestCa('/CN=openssl-ca');
  after(() => ca[Symbol.dispose]());
  const withProxy = async (parts: Parts, action: (port: number, backend: HttpBackend) => Promise<void>) => {
    await using backend = await HttpBackend.start();
    await using proxy = await engine.start(await aSetup(fleet(), backend.port, parts));
    await action(proxy.port('https'), backend);
  };
  const withServer = async (serve: (socket: Socket) => void, parts: Parts, action: (port: number) => Promise<void>) => {
    await using backend = await startTcpBackend(serve);
    await using proxy = await engine.start(await aSetup(fleet(), backend.port, parts));
    await action(proxy.port(parts.listener?.name ?? 'https'));
  };
  const trusted = () => trustOf(0, [[{ pem: ca.certificate } as TestAuthority], [fleet().customer]]);

  for (const [sentence, extension] of Object.entries(SHAPES)) {
    it(`survives a certificate of nobody's with ${sentence}`, () => withProxy({}, async (port, backend) => {
      const answer = await send(port, as(ca.issue('/CN=mallory', [extension])), '/').catch(() => ({ status: 400 }));
      assert.equal(answer.status, 400);
      assert.equal(backend.received.length, 0);
      assert.equal((await send(port, fleet().alice, '/')).status, 200);
    }));
  }

  it('survives a trusted certificate with a name that reaches beyond its extension', () => withProxy({ trust: trusted() }, async (port) => {
    await send(port, as(ca.issue('/CN=carol', [SHAPES['a name that reaches beyond its extension'] ?? ''])), '/').catch(() => {});
    assert.equal((await send(port, fleet().alice, '/')).status, 200);
  }));

  const NAMES: Readonly<Record<string, readonly [subject: string, header: string | undefined, route: string]>> = {
    'the most specific of two common names': ['/CN=alice/CN=bob', 'bob', 'bob'],
    'the one of two common names in one set that its subject is printed with first': ['/CN=alice+CN=bob', 'alice', 'alice'],
    'no other when the most specific one is escaped': ['/CN=x/CN=a,b', undefined, 'a,b'],
    'no common name that another attribute contains': ['/O=x,CN=alice/CN=bob', 'bob', 'bob'],
    'none where there is none': ['/O=alice', undefined, ''],
  };
  for (const [sentence, [subject, named, route]] of Object.entries(NAMES)) {
    it(`knows a client by ${sentence}, in header and routes alike`, () => {
      const routes = ['alice', 'x', 'bob', 'a,b'].map((commonName) => aRoute({ path: '/', clients: [{ commonName }], query: [{ name: 'by', value: commonName }] }));
      return withProxy({ trust: trusted(), listener: { routes: [...routes, aRoute({ query: [{ name: 'by', value: 'anybody' }] })] } }, async (port) => {
        const client = as(ca.issue(subject));
        const { rawHeaders } = await sendAndSee(port, client, '/?by=anybody');
        assert.deepEqual(valuesOf(rawHeaders, 'X-SSL-Client-CN'), named === undefined ? [] : [named]);
        for (const by of ['alice', 'x', 'bob', 'a,b']) assert.equal((await send(port, client, `/?by=${by}`)).status, by === route ? 200 : 503, by);
      });
    });
  }

  it('leaves a certificate that does not fit out of a PROXY header', { skip: !engine.abilities.has('proxyProtocol') }, () => {
    const received: Buffer[] = [];
    const serve = (socket: Socket) => socket.on('data', (chunk: Buffer) => received.push(chunk));
    return withServer(serve, { trust: trusted(), listener: { name: 'tcp', protocol: 'TCP' }, upstream: { proxyProtocol: 'v2' } }, async (port) => {
      const socket = await openTls(port, as(ca.issue('/CN=big', [`1.2.3.4=ASN1:UTF8String:${'x'.repeat(66_000)}`])));
      socket.write('payload');
      const all = await eventually(() => (Buffer.concat(received).includes('payload') ? Buffer.concat(received) : undefined), 'the payload');
      assert.equal(all.toString('latin1', 16 + all.readUInt16BE(14)), 'payload');
      assert.ok(all.includes('big') && all.length < 500);
      socket.destroy();
    });
  });

  const BODIES: Readonly<Record<string, ClientRequestArgs>> = {
    'PUT with a length': { method: 'PUT', headers: { 'content-length': 8 } }, 'PUT in chunks': { method: 'PUT', headers: { 'transfer-encoding': 'chunked' } },
    'DELETE with a length': { method: 'DELETE', headers: { 'content-length': 8 } }, 'GET in chunks': { method: 'GET', headers: { 'transfer-encoding': 'chunked' } },
  };
  for (const [sentence, options] of Object.entries(BODIES)) {
    it(`never sends ${sentence} without its body when the server closes on it`, () => {
      const received: string[] = [];
      const serve = (socket: Socket) => {
        const index = received.push('') - 1;
        socket.on('data', (chunk) => {
          const text = (received[index] += String(chunk));
          if (text.includes('precious')) socket.destroy();
          else if (!text.includes('/once')) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
        });
      };
      return withServer(serve, {}, async (port) => {
        assert.equal((await send(port, fleet().alice, '/before')).status, 200);
        assert.equal((await send(port, fleet().alice, '/once', { ...options, body: 'precious' })).status, 502);
        assert.equal((await send(port, fleet().alice, '/after')).status, 200);
        const sent = received.filter((text) => text.includes('/once'));
        assert.deepEqual(sent.filter((text) => !text.includes('precious')), []);
        if (engine.name === 'node') assert.equal(sent.length, 1);
        assert.match(received.at(-1) ?? '', /^GET \/after /);
      });
    });
  }

  it('passes the answer on behind early hints that it cannot pass on', () => {
    const hints = 'HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload, </b.js>; rel=preload\r\nConnection: x\r\n\r\n';
    const serve = (socket: Socket) => socket.on('data', () => socket.write(`${hints}HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok`));
    return withServer(serve, {}, async (port) => {
      assert.equal((await send(port, fleet().alice, '/')).body, 'ok');
      const session = connectHttp2(`https://127.0.0.1:${port}`, { rejectUnauthorized: false, ...credentials(fleet().alice) });
      const [headers] = (await once(session.request({ ':path': '/' }).resume(), 'response')) as [IncomingHttpHeaders];
      assert.equal(headers[':status'], 200);
      session.destroy();
    });
  });
}

function as({ certificate, key }: KeyPair): Identity {
  return { cert: certificate, key };
}
