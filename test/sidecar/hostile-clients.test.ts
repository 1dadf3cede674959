// Clients, verified or not, that would hold the node engine's places and memory for ever, or end its process.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectHttp2, createServer as createHttp2Server, type ClientHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { HeaderPolicy } from '../../src/sidecar/request-headers.ts';
import { HttpBackend, startTcpBackend } from '../conformance/backend.ts';
import { credentials, openTls, readBytes, send, sendRaw } from '../conformance/client.ts';
import { Fleet, type Identity } from '../conformance/fleet.ts';
import { nodeEngine } from '../conformance/node-engine.ts';
import { aSetup, type Parts } from '../conformance/setups.ts';
import { eventually } from '../support/nginx-sidecar.ts';

const UPGRADE = 'GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';
/** Not by `once`, to which an error that it ends with is one of the waiting. */
const isClosed = async (session: ClientHttp2Session) => await new Promise<void>((resolve) => void (session.destroyed ? resolve() : session.once('close', resolve)));

describe('the node engine', { concurrency: 4 }, () => {
  let fleet: Fleet;
  let backend: HttpBackend;
  before(async () => {
    fleet = await Fleet.create();
    backend = await HttpBackend.start();
  });
  after(() => backend[Symbol.asyncDispose]());

  const withProxy = async (parts: Parts, action: (port: number) => Promise<void>, appPort = backend.port) => {
    await using proxy = await nodeEngine().start(await aSetup(fleet, appPort, parts));
    await action(proxy.port('https'));
  };
  const over2 = (port: number, identity: Identity, initialWindowSize = 65_535) => connectHttp2(`https://127.0.0.1:${port}`, { rejectUnauthorized: false, settings: { initialWindowSize }, ...credentials(identity) }).on('error', () => {});

  for (const [who, identity, request] of [
    ['a client without a certificate', () => undefined, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['a client whose request is not answered yet', () => fleet.alice, 'GET /events HTTP/1.1\r\nHost: a\r\n\r\n'],
  ] as const) {
    it(`survives an upgrade sent ahead by ${who}`, () => withProxy({}, async (port) => {
      const text = await sendRaw(port, identity(), request + UPGRADE);
      assert.doesNotMatch(text, / 101 /);
      assert.equal((await send(port, fleet.alice, '/')).status, 200);
    }));
  }

  it('answers requests that are sent ahead one after another', async () => {
    await using app = await HttpBackend.start();
    await withProxy({}, async (port) => {
      const paths = ['/events', ...Array.from({ length: 500 }, (_, index) => `/${index}`), '/last'];
      const requests = paths.map((path, index) => `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n${path === '/last' ? 'Connection: close\r\n' : ''}\r\n${index % 10}\n`);
      const text = await sendRaw(port, fleet.alice, requests.join(''));
      assert.equal(text.match(/HTTP\/1\.1 200 OK/g)?.length, paths.length);
      assert.deepEqual(app.received.map(({ url }) => url), paths);
      assert.equal(app.connections, 1);
    }, app.port);
  });

  it('answers what came before a broken request, and then says that it is broken', () => withProxy({}, async (port) => {
    const text = await sendRaw(port, fleet.alice, 'GET /events HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\nPOST /3 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n');
    assert.deepEqual(text.match(/^HTTP\/1\.1 \d+/gm), ['HTTP/1.1 200', 'HTTP/1.1 200', 'HTTP/1.1 400']);
  }));

  for (const [sentence, request] of [['CONNECT', 'CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n'], ['an upgrade', UPGRADE]] as const) {
    it(`does not hold the connection of a stranger who stays after ${sentence} was refused`, () => withProxy({ model: { maxConnections: 1 } }, async (port) => {
      const socket = await openTls(port, undefined);
      socket.write(request);
      await readBytes(socket, 12);
      await eventually(() => send(port, fleet.alice, '/').then(({ status }) => (status === 200 ? true : undefined), () => undefined), 'its place is free again');
      socket.destroy();
    }));
  }

  it('passes on the whole of an ordinary answer to an upgrade', async () => {
    const length = 3_000_000;
    await using app = await startTcpBackend((socket) => {
      socket.once('data', () => socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n${'x'.repeat(length)}`));
    });
    await withProxy({}, async (port) => {
      const text = await sendRaw(port, fleet.alice, UPGRADE);
      assert.equal(text.length - text.indexOf('\r\n\r\n') - 4, length);
    }, app.port);
  });

  it('ends an ordinary answer to an upgrade that is not taken', () => withProxy({ model: { maxConnections: 1, idleTimeoutMs: 200 } }, async (port) => {
    const socket = await openTls(port, fleet.alice);
    socket.pause().write('GET /flood HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n');
    await eventually(() => send(port, fleet.alice, '/').then(({ status }) => (status === 200 ? true : undefined), () => undefined), 'its place is free again');
    socket.destroy();
  }));

  it('cuts a client of HTTP/2 that does not take its answers', () => withProxy({ model: { idleTimeoutMs: 200 } }, async (port) => {
    const session = over2(port, fleet.alice, 0);
    const stream = session.request({ ':path': '/' }).on('error', () => {});
    await once(stream, 'response');
    await isClosed(session);
  }));

  it('closes an idle connection of HTTP/2 also when a request has taken long', () => withProxy({ model: { idleTimeoutMs: 200 } }, async (port) => {
    const session = over2(port, fleet.alice);
    const stream = session.request({ ':path': '/silent' }).resume();
    const [headers] = (await once(stream, 'response')) as [{ ':status'?: number }];
    assert.equal(headers[':status'], 504);
    await isClosed(session);
  }));

  // A client that takes longer than the idle limit between two requests is closed, rightly; a busy machine may make it.
  it('does not cut a client of HTTP/2 for a server that is silent again and again', () => withProxy({ model: { idleTimeoutMs: 1000 } }, async (port) => {
    const session = over2(port, fleet.alice);
    for (let index = 0; index < 4; index += 1) {
      const [headers] = (await once(session.request({ ':path': '/silent' }).resume(), 'response')) as [{ ':status'?: number }];
      assert.equal(headers[':status'], 504);
    }
    session.destroy();
  }));

  it('passes on a field that is called like a part of an object', async () => {
    const app = createHttp2Server().listen(0, '127.0.0.1');
    await once(app, 'listening');
    const seen = new Promise<string[]>((resolve) => {
      app.on('stream', (stream, _headers, _flags, rawHeaders) => {
        resolve(rawHeaders.filter((_, index) => rawHeaders[index - 1] === 'constructor'));
        stream.respond();
        stream.end();
      });
    });
    await withProxy({ upstream: { protocol: 'H2C' } }, async (port) => {
      await send(port, fleet.alice, '/', { headers: { constructor: 'mine' } });
      assert.deepEqual(await seen, ['mine']);
    }, (app.address() as AddressInfo).port);
    app.close();
  });

  it('does not go on reading an answer to its health check that never ends', async () => {
    let [open, asked] = [0, 0];
    await using app = await startTcpBackend((socket) => {
      [open, asked] = [open + 1, asked + 1];
      const timer = setInterval(() => socket.write('5\r\nagain\r\n'), 20);
      socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')).once('close', () => {
        clearInterval(timer);
        open -= 1;
      });
    });
    await withProxy({ upstream: { healthCheck: { path: '/health', intervalSeconds: 1 } } }, async () => {
      await eventually(() => (asked >= 2 && open === 0 ? true : undefined), 'a second check, and no connection of either');
    }, app.port);
  });

  it('keeps little of the names that clients send', () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const policy = new HeaderPolicy('X-Tls-Client-Cert');
    collect();
    const before = process.memoryUsage().heapUsed;
    for (let index = 0; index < 1000; index += 1) policy.fieldOf(Buffer.alloc(20_000, `${index}-`).toString('latin1'));
    collect();
    assert.ok(process.memoryUsage().heapUsed - before < 10_000_000);
    assert.equal(policy.fieldOf('x-a'), 'forward');
  });
});
