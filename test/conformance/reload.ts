// Reload: new files come in as a whole or not at all, connections live on, and those no longer allowed do not.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { existsSync } from 'node:fs';
import { Agent } from 'node:https';
import { it } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { aListener, aListenerTls, aRoute } from '../support/proxy-models.ts';
import { eventually } from '../support/nginx-sidecar.ts';
import { freePort } from './free-port.ts';
import { HttpBackend, startTcpBackend } from './backend.ts';
import { isOver, openTls, readBytes, send, sendAndSee } from './client.ts';
import type { Engine, RunningEngine, Setup } from './engine.ts';
import { trustOf, type Fleet, type Identity } from './fleet.ts';
import { aSetup, withFiles } from './setups.ts';

const isCurrent = ({ state }: { state: string }) => state === 'current';

export function describeReload(engine: Engine, fleet: () => Fleet): void {
  const serialShown = async (port: number) => {
    const socket = await openTls(port, fleet().alice);
    const serial = new X509Certificate(socket.getPeerCertificate().raw).serialNumber;
    socket.destroy();
    return serial;
  };
  const newServer = (): Promise<Identity> => fleet().customer.issue('server-2', { dnsNames: ['localhost'], ipAddresses: ['127.0.0.1'] });
  const isLoaded = (revision: number) => ({ state, manifest }: { state: string; manifest: { revision: number } }) => state === 'current' && manifest.revision === revision;

  it('shows the new certificate and keeps open connections', async () => {
    await using backend = await startTcpBackend((socket) => socket.pipe(socket));
    const setup = await aSetup(fleet(), backend.port, { listener: { name: 'tcp', protocol: 'TCP' } });
    await using proxy = await engine.start(setup);
    const open = await openTls(proxy.port('tcp'), fleet().alice);
    const renewed = await newServer();
    proxy.swap(withFiles(setup, { 'certs/tls.crt': renewed.cert, 'certs/tls.key': renewed.key }));
    await proxy.reaches(isLoaded(2));
    assert.equal(await serialShown(proxy.port('tcp')), new X509Certificate(renewed.cert).serialNumber);
    open.write('still here');
    assert.equal(await readBytes(open, 10), 'still here');
    open.destroy();
  });

  const BROKEN: Readonly<Record<string, { change: (setup: Setup) => Promise<Setup>; says: RegExp; node?: true }>> = {
    'a certificate that is none': { change: async (setup) => withFiles(setup, { 'certs/tls.crt': 'nonsense' }), says: /certs\/tls\.crt/ },
    'a key that is none': { change: async (setup) => withFiles(setup, { 'certs/tls.key': 'nonsense' }), says: /certs\/tls\.key/ },
    'the key of another certificate': { change: async (setup) => withFiles(setup, { 'certs/tls.key': (await newServer()).key }), says: /not the key/ },
    'a bundle that is none': { change: async (setup) => withFiles(setup, { 'caCerts/trust-0.crt': 'nonsense' }), says: /caCerts\/trust-0\.crt/ },
    'a CRL that is none': { change: async (setup) => withFiles(setup, { 'caCerts/trust-0.crl': 'nonsense' }), says: /caCerts\/trust-0\.crl/ },
    'a CRL of somebody else': { change: async (setup) => withFiles(setup, { 'caCerts/trust-0.crl': await fleet().stranger.crl() }), says: /CRL/, node: true },
    'a CRL that has expired': { change: async (setup) => withFiles(setup, { 'caCerts/trust-0.crl': await fleet().customer.crl({ nextUpdateMs: -60_000 }) }), says: /expired/, node: true },
    'an unknown upstream in a route': {
      change: async (setup) => ({ ...setup, model: { ...setup.model, listeners: setup.model.listeners.map((listener) => ({ ...listener, routes: [aRoute({ target: { kind: 'upstream', upstream: 'none' } })] })) } }),
      says: /none/, node: true,
    },
  };
  for (const [sentence, { change, says, node }] of Object.entries(BROKEN)) {
    it(`keeps the old files and says so when it is given ${sentence}`, { skip: node === true && engine.name !== 'node' }, async () => {
      await using backend = await HttpBackend.start();
      const setup = await aSetup(fleet(), backend.port, { trust: trustOf(0, [[fleet().customer, 'customer']], [await fleet().customer.crl()]) });
      await using proxy = await engine.start(setup);
      proxy.swap(await change(setup));
      const status = await proxy.reaches(({ state }) => state === 'pending');
      assert.match(status.message ?? '', says);
      assert.doesNotMatch(status.message ?? '', /BEGIN|nonsense/);
      assert.equal(status.manifest.revision, 1);
      assert.equal((await send(proxy.port('https'), fleet().alice, '/')).status, 200);
      assert.match(await proxy.metrics(), /tenant_mtls_reloads_total\{result="failure"\} 1/);
      proxy.swap(setup);
      assert.equal((await proxy.reaches(isCurrent)).manifest.revision, 3);
    });
  }

  it('moves a listener to all addresses of its port and back, and finishes what is under way', async () => {
    await using backend = await HttpBackend.start();
    const setup = await aSetup(fleet(), backend.port);
    const boundTo = (bind: string): Setup => ({ ...setup, model: { ...setup.model, listeners: setup.model.listeners.map((listener) => ({ ...listener, bind })) } });
    await using proxy = await engine.start(setup);
    const port = proxy.port('https');
    const elsewhere = () => send(port, fleet().alice, '/', { host: '127.0.0.2' });
    await assert.rejects(elsewhere(), /ECONNREFUSED/);
    const underWay = await openTls(port, fleet().alice);
    underWay.write('GET /events HTTP/1.1\r\nHost: a\r\n\r\n');
    proxy.swap(boundTo('0.0.0.0'));
    await proxy.reaches(isLoaded(2));
    assert.equal((await elsewhere()).status, 200);
    assert.match(await readUntil(underWay, 'second'), /data: second/);
    underWay.destroy();
    proxy.swap(setup);
    await proxy.reaches(isLoaded(3));
    await assert.rejects(elsewhere(), /ECONNREFUSED/);
    assert.equal((await send(port, fleet().alice, '/')).status, 200);
  });

  it('listens at no address of IPv4 where it is bound to those of IPv6', { skip: existsSync('/proc/net/if_inet6') ? false : 'needs IPv6' }, async () => {
    await using backend = await HttpBackend.start();
    await using proxy = await engine.start(await aSetup(fleet(), backend.port, { listener: { bind: '::' } }));
    assert.equal((await send(proxy.port('https'), fleet().alice, '/', { host: '::1' })).status, 200);
    await assert.rejects(send(proxy.port('https'), fleet().alice, '/'), /ECONNREFUSED/);
  });

  it('waits for the other half of an update', async () => {
    await using backend = await HttpBackend.start();
    const setup = await aSetup(fleet(), backend.port);
    await using proxy = await engine.start(setup);
    const renewed = await newServer();
    const after = withFiles(setup, { 'certs/tls.crt': renewed.cert, 'certs/tls.key': renewed.key });
    proxy.swap(after, 'stale');
    assert.match((await proxy.reaches(({ state }) => state === 'pending')).message ?? '', /manifest/);
    assert.equal(await serialShown(proxy.port('https')), new X509Certificate(fleet().server.cert).serialNumber);
    proxy.swap(after);
    await proxy.reaches(isCurrent);
    assert.equal(await serialShown(proxy.port('https')), new X509Certificate(renewed.cert).serialNumber);
  });

  it('checks the CRL of every authority it trusts, each for its own clients', async () => {
    await using backend = await HttpBackend.start();
    const { customer, partner, alice } = fleet();
    const [bob, mallory] = [await partner.issue('bob'), await partner.issue('mallory')];
    partner.revoke(mallory);
    const trust = trustOf(0, [[customer, 'customer'], [partner, 'partner']], [await customer.crl(), await partner.crl()]);
    await using proxy = await engine.start(await aSetup(fleet(), backend.port, { trust }));
    const statuses = await Promise.all([alice, bob, mallory].map(async (client) => (await send(proxy.port('https'), client, '/')).status));
    assert.deepEqual(statuses, [200, 200, 400]);
  });

  it('refuses a client that has been revoked, on new connections and on the one it has open', { skip: !engine.abilities.has('cutsRevoked'), timeout: 30_000 }, async () => {
    await using backend = await HttpBackend.start();
    const { customer, alice } = fleet();
    const mallory = await customer.issue('mallory');
    const setup = await aSetup(fleet(), backend.port, { trust: trustOf(0, [[customer, 'customer']], [await customer.crl()]) });
    await using proxy = await engine.start(setup);
    const port = proxy.port('https');
    const [open, good] = await Promise.all([mallory, alice].map(async (identity) => startWebSocket(await openTls(port, identity))));
    const closed = isOver(open!);
    customer.revoke(mallory);
    proxy.swap(withFiles(setup, { 'caCerts/trust-0.crl': await customer.crl() }));
    await proxy.reaches(isLoaded(2));
    await closed;
    const answer = await send(port, mallory, '/');
    assert.equal(answer.status, 400);
    assert.match(answer.body, /The SSL certificate error/);
    good!.write('alive');
    assert.equal(await readBytes(good!, 5), 'alive');
    good!.destroy();
    assert.match(proxy.log(), /"reason":"revoked"/);
  });

  it('cuts the clients of an authority that is no longer trusted', { skip: !engine.abilities.has('cutsRevoked') }, async () => {
    await using backend = await startTcpBackend((socket) => socket.pipe(socket));
    const { customer, partner, alice } = fleet();
    const setup = await aSetup(fleet(), backend.port, { listener: { name: 'tcp', protocol: 'TCP' }, trust: trustOf(0, [[customer, 'customer'], [partner, 'partner']]) });
    await using proxy = await engine.start(setup);
    const [gone, stays] = [await openTls(proxy.port('tcp'), await partner.issue('bob')), await openTls(proxy.port('tcp'), alice)];
    gone.write('x');
    await readBytes(gone, 1);
    const after = trustOf(0, [[customer, 'customer']]);
    const listeners = setup.model.listeners.map((listener) => ({ ...listener, tls: aListenerTls({ trust: after.model }) }));
    const closed = isOver(gone);
    proxy.swap({ model: { ...setup.model, listeners }, files: { ...setup.files, ...after.files } });
    await closed;
    stays.write('y');
    assert.equal(await readBytes(stays, 1), 'y');
    stays.destroy();
  });

  it('does not resume a session of a client that has been revoked since', async () => {
    await using backend = await HttpBackend.start();
    const { customer } = fleet();
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const mallory = await customer.issue('mallory');
      const setup = await aSetup(fleet(), backend.port, { trust: trustOf(0, [[customer, 'customer']], [await customer.crl()]) });
      await using proxy = await engine.start(setup);
      let session: Buffer | undefined;
      const first = await openTls(proxy.port('https'), mallory, { maxVersion });
      first.on('session', (one: Buffer) => (session = one));
      first.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      assert.match(await readBytes(first, 12), /200/);
      first.destroy();
      customer.revoke(mallory);
      proxy.swap(withFiles(setup, { 'caCerts/trust-0.crl': await customer.crl() }));
      await proxy.reaches(isLoaded(2));
      const second = await openTls(proxy.port('https'), mallory, { maxVersion, ...(session === undefined ? {} : { session }) });
      second.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      assert.match(await readBytes(second, 12), /400/);
      assert.equal(second.isSessionReused(), false);
      second.destroy();
    }
  });

  it('lets nobody in once the CRL has run out', async () => {
    await using backend = await HttpBackend.start();
    const { customer, alice } = fleet();
    await using proxy = await engine.start(await aSetup(fleet(), backend.port, { trust: trustOf(0, [[customer, 'customer']], [await customer.crl({ nextUpdateMs: engine.name === 'nginx' ? 10_000 : 2500 })]) }));
    assert.equal((await send(proxy.port('https'), alice, '/')).status, 200);
    await eventually(async () => ((await send(proxy.port('https'), alice, '/')).status === 400 ? true : undefined), 'the refusal', 15_000);
  });

  it('opens, changes and closes listeners, routes and upstreams', async () => {
    await using backend = await HttpBackend.start();
    const setup = await aSetup(fleet(), backend.port);
    await using proxy = await engine.start(setup);
    const [first] = setup.model.listeners;
    const added = aListener({ ...first, name: 'more', port: await freePort() });
    const canned = aRoute({ target: { kind: 'response', statusCode: 418, contentType: 'text/plain', body: 'changed' } });
    proxy.swap({ ...setup, model: { ...setup.model, listeners: [{ ...first!, routes: [canned] }, added] } });
    await proxy.reaches(isLoaded(2));
    assert.equal((await send(first!.port, fleet().alice, '/')).status, 418);
    assert.equal((await send(added.port, fleet().alice, '/')).status, 200);
    proxy.swap({ ...setup, model: { ...setup.model, listeners: [added] } });
    await proxy.reaches(isLoaded(3));
    await assert.rejects(send(first!.port, fleet().alice, '/'), /ECONNREFUSED/);
  });

  it('loses no request while it reloads under load', async () => {
    await using backend = await HttpBackend.start();
    const setup = await aSetup(fleet(), backend.port);
    await using proxy = await engine.start(setup);
    const agents = Array.from({ length: 4 }, () => new Agent({ keepAlive: true, maxSockets: 1 }));
    const end = new AbortController();
    let served = 0;
    const load = [...agents, undefined].map(async (agent) => {
      while (!end.signal.aborted) {
        const { method } = await sendAndSee(proxy.port('https'), fleet().alice, '/', { method: served % 2 === 0 ? 'GET' : 'POST', body: served % 2 === 0 ? '' : 'x', ...(agent === undefined ? {} : { agent }) });
        assert.ok(method === 'GET' || method === 'POST');
        served += 1;
      }
    });
    for (let round = 0; round < 10; round += 1) await reloadOnce(proxy, setup, await newServer(), round + 2);
    end.abort();
    await Promise.all(load);
    for (const agent of agents) agent.destroy();
    assert.ok(served > 50, `${served} requests`);
  });

  async function reloadOnce(proxy: RunningEngine, setup: Setup, { cert, key }: Identity, revision: number): Promise<void> {
    proxy.swap(withFiles(setup, { 'certs/tls.crt': cert, 'certs/tls.key': key }));
    await proxy.reaches(isLoaded(revision));
  }
}

async function startWebSocket(socket: Awaited<ReturnType<typeof openTls>>): Promise<typeof socket> {
  socket.write('GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
  let head = '';
  while (!head.includes('\r\n\r\n')) head += await readBytes(socket, 1);
  return socket;
}

async function readUntil(socket: TLSSocket, end: string): Promise<string> {
  let text = '';
  while (!text.includes(end)) {
    const next = await readBytes(socket, 1);
    if (next === '') break;
    text += next;
  }
  return text;
}
