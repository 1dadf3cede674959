// What has begun under one set of files and goes on under the next: a stream may never send another request that could be refused.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { after, before, describe, it } from 'node:test';
import type { RouteModel } from '../../src/proxy-model/model.ts';
import { HttpBackend, startTcpBackend } from '../conformance/backend.ts';
import { credentials, isOver, openTls, readBytes, send } from '../conformance/client.ts';
import type { RunningEngine, Setup } from '../conformance/engine.ts';
import { Fleet } from '../conformance/fleet.ts';
import { nodeEngine } from '../conformance/node-engine.ts';
import { aSetup, toPort } from '../conformance/setups.ts';
import { anUpstream, aRoute } from '../support/proxy-models.ts';

const ALICE = { clients: [{ commonName: 'alice' }] };
const BOB = { clients: [{ commonName: 'bob' }] };

describe('what is under way when new files are loaded', { concurrency: 4 }, () => {
  let fleet: Fleet;
  let backend: HttpBackend;
  before(async () => {
    fleet = await Fleet.create();
    backend = await HttpBackend.start();
  });
  after(() => backend[Symbol.asyncDispose]());

  const withRoutes = (setup: Setup, routes: readonly RouteModel[]): Setup => ({ ...setup, model: { ...setup.model, listeners: setup.model.listeners.map((listener) => ({ ...listener, routes })) } });
  const reload = async (proxy: RunningEngine, setup: Setup) => {
    proxy.swap(setup);
    await proxy.reaches(({ state, manifest }) => state === 'current' && manifest.revision === 2);
  };
  const webSocket = async (port: number, path: string) => {
    const socket = await openTls(port, fleet.alice);
    socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`);
    assert.match(await readBytes(socket, 12), / 101/);
    return socket;
  };
  const isServed = async (socket: Awaited<ReturnType<typeof webSocket>>) => {
    socket.write('still here');
    let text = '';
    socket.on('data', (chunk) => (text += String(chunk)));
    while (!text.endsWith('still here')) await once(socket, 'data');
    socket.destroy();
  };

  it('ends a WebSocket of a client that has no route any more', async () => {
    const setup = await aSetup(fleet, backend.port, { listener: { routes: [aRoute(ALICE)] } });
    await using proxy = await nodeEngine().start(setup);
    const socket = await webSocket(proxy.port('https'), '/');
    await reload(proxy, withRoutes(setup, [aRoute(BOB)]));
    await isOver(socket);
    assert.match(proxy.log(), /"msg":"connection refused".*"reason":"no_route".*CN=alice/);
  });

  it('ends a WebSocket on a path that has become somebody else\'s, and keeps others', async () => {
    const setup = await aSetup(fleet, backend.port, { listener: { routes: [aRoute()] } });
    await using proxy = await nodeEngine().start(setup);
    const [closed, open] = [await webSocket(proxy.port('https'), '/admin'), await webSocket(proxy.port('https'), '/public')];
    await reload(proxy, withRoutes(setup, [aRoute({ ...BOB, path: '/admin' }), aRoute({ path: '/public' })]));
    await isOver(closed);
    await isServed(open);
  });

  it('ends a stream of HTTP/2 and keeps its connection', async () => {
    const setup = await aSetup(fleet, backend.port, { listener: { routes: [aRoute(ALICE)] } });
    await using proxy = await nodeEngine().start(setup);
    const session = connectHttp2(`https://127.0.0.1:${proxy.port('https')}`, { rejectUnauthorized: false, ...credentials(fleet.alice) });
    const stream = session.request({ ':path': '/echo-stream', ':method': 'POST' }).on('error', () => {}).resume();
    // Not by `once`, to which the error that it ends with is one of the waiting.
    const closed = new Promise((resolve) => stream.once('close', resolve));
    await once(stream, 'response');
    await reload(proxy, withRoutes(setup, [aRoute(BOB)]));
    await closed;
    const next = session.request({ ':path': '/' }).resume();
    const [headers] = (await once(next, 'response')) as [{ ':status'?: number }];
    assert.equal(headers[':status'], 503);
    session.destroy();
  });

  it('ends a TCP connection to an upstream that the client is not sent to any more, and keeps others', async () => {
    await using app = await startTcpBackend((socket) => socket.pipe(socket));
    const made = await aSetup(fleet, app.port, { listener: { name: 'tcp', protocol: 'TCP' } });
    const setup = { ...made, model: { ...made.model, upstreams: [...made.model.upstreams, anUpstream({ name: 'admin', addresses: toPort(app.port) })] } };
    const toAdmin = aRoute({ ...ALICE, target: { kind: 'upstream', upstream: 'admin' } });
    await using proxy = await nodeEngine().start(withRoutes(setup, [toAdmin, aRoute()]));
    const bob = await openTls(proxy.port('tcp'), await fleet.customer.issue('bob'));
    const alice = await openTls(proxy.port('tcp'), fleet.alice);
    for (const socket of [alice, bob]) {
      socket.write('hello');
      assert.equal(await readBytes(socket, 5), 'hello');
    }
    await reload(proxy, withRoutes(setup, [aRoute()]));
    await isOver(alice);
    await isServed(bob);
  });

  it('finishes a request whose client keeps its route', async () => {
    const setup = await aSetup(fleet, backend.port, { listener: { routes: [aRoute(ALICE)] } });
    await using proxy = await nodeEngine().start(setup);
    const answer = send(proxy.port('https'), fleet.alice, '/events');
    await reload(proxy, withRoutes(setup, [aRoute(BOB), aRoute(ALICE)]));
    assert.match((await answer).body, /data: second/);
  });
});
