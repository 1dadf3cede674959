import assert from 'node:assert/strict';
import { Agent, request } from 'node:https';
import type { Server } from 'node:https';
import { connect as connectTcp } from 'node:net';
import type { Socket } from 'node:net';
import { describe, it } from 'node:test';
import { connect as connectTls } from 'node:tls';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { createAdmissionServer, renewServingCertificate } from '../../src/admission/admission-server.ts';
import type { ServerBounds } from '../../src/admission/admission-server.ts';
import type { Verdict } from '../../src/admission/review.ts';
import { makeAuthority, servingNames, signLeaf } from '../../src/admission/webhook-authority.ts';
import { eventually } from '../support/cluster.ts';
import { aBigReview, aListeningApp, aReview, aServingCertificate, UNCHANGED } from './fixtures.ts';

interface Target { readonly port: number; readonly ca: string; readonly agent?: Agent }

async function post({ port, ca, agent }: Target, body: string, headers: Record<string, string> = {}): Promise<{ status: number; body: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: string }>();
  const options = { host: '127.0.0.1', port, ca, servername: 'localhost', method: 'POST', path: '/mutate', headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), ...headers } };
  const call = request(agent === undefined ? { ...options, agent: false } : { ...options, agent }, (response) => {
    let text = '';
    response.on('data', (chunk: Buffer) => (text += chunk.toString()));
    response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text }));
    response.on('error', reject);
  });
  call.on('error', reject);
  call.end(body);
  return await promise;
}

async function handshake(options: ConnectionOptions): Promise<TLSSocket> {
  const socket = connectTls({ host: '127.0.0.1', servername: 'localhost', ...options });
  const { promise, resolve, reject } = Promise.withResolvers<TLSSocket>();
  socket.once('secureConnect', () => resolve(socket));
  socket.once('error', reject);
  return await promise;
}

/** A connection from another address, as another pod's is. */
function fromElsewhere(port: number): Socket {
  return connectTcp({ port, host: '127.0.0.1', localAddress: '127.0.0.2' });
}

/** Everything the peer sends until it closes. */
async function readToEnd(socket: Socket): Promise<string> {
  let text = '';
  const { promise, resolve } = Promise.withResolvers<string>();
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
  socket.on('error', () => {});
  socket.once('close', () => resolve(text));
  return await promise;
}


/** Far less than the time-outs of production, which would end the peer too. */
const QUICKLY = { timeout: 5000 };

describe(createAdmissionServer.name, () => {
  it('answers 500 reviews of 16 KB at once', async () => {
    let inFlight = 0;
    let most = 0;
    const held = Promise.withResolvers<Verdict>();
    const mutate = async (): Promise<Verdict> => {
      inFlight += 1;
      most = Math.max(most, inFlight);
      if (inFlight === 500) held.resolve(UNCHANGED);
      return await held.promise;
    };
    // 500 handshakes share a core with their clients here.
    const { port, ca } = await anAppWithin({ headersMs: 30_000, requestMs: 30_000, handshakeMs: 30_000 }, { mutate });
    const agent = new Agent({ keepAlive: true });
    const body = aBigReview();
    assert.ok(body.length > 8000, `${body.length} bytes`);
    const answers = await Promise.all(Array.from({ length: 500 }, async () => await post({ port, ca, agent }, body)));
    agent.destroy();
    assert.equal(most, 500);
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
  });

  it('serves a peer that sends no server name', async () => {
    const { port, ca } = await aListeningApp();
    const socket = await handshake({ port, ca, servername: '', checkServerIdentity: () => undefined });
    assert.equal(socket.authorized, true);
    socket.destroy();
  });

  it('speaks HTTP/1.1 only, and no TLS older than 1.2', async () => {
    const { port, ca } = await aListeningApp();
    const socket = await handshake({ port, ca, ALPNProtocols: ['h2', 'http/1.1'] });
    assert.equal(socket.alpnProtocol, 'http/1.1');
    socket.destroy();
    const old = { port, ca, minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
    await assert.rejects(handshake(old), /protocol version|unsupported protocol|handshake failure/i);
  });

  it('closes a peer that opens a connection and does not begin with TLS', QUICKLY, async () => {
    const { port } = await anAppWithin({ handshakeMs: 200 });
    await readToEnd(connectTcp(port, '127.0.0.1'));
  });

  it('closes a peer that sends its headers too slowly', QUICKLY, async (t) => {
    const { port, ca } = await anAppWithin({ headersMs: 200, checkEveryMs: 50 });
    const socket = await handshake({ port, ca });
    socket.write('POST /mutate HTTP/1.1\r\nHost: localhost\r\nX-Slow: ');
    const drip = setInterval(() => socket.writable && socket.write('a'), 30);
    t.after(() => clearInterval(drip));
    const text = await readToEnd(socket);
    assert.match(text, /^HTTP\/1\.1 408 /);
  });

  it('closes a peer that sends its body too slowly, and gives its share of memory back', QUICKLY, async (t) => {
    const { port, ca } = await anAppWithin({ headersMs: 300, requestMs: 300, checkEveryMs: 50 }, { limits: { requests: 1 } });
    const socket = await handshake({ port, ca });
    socket.write('POST /mutate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{');
    const drip = setInterval(() => socket.writable && socket.write(' '), 30);
    t.after(() => clearInterval(drip));
    assert.match(await readToEnd(socket), /^HTTP\/1\.1 408 /);
    assert.equal((await post({ port, ca }, JSON.stringify(aReview()))).status, 200);
  });

  const UPLOAD = 'POST /mutate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 8388608\r\n\r\n';

  it('reserves nothing for what other peers have only announced', QUICKLY, async () => {
    const { port, ca } = await aListeningApp();
    const others = await Promise.all(Array.from({ length: 40 }, async () => await handshake({ ca, socket: fromElsewhere(port) })));
    for (const other of others) other.write(`${UPLOAD}{`);
    assert.equal((await post({ port, ca }, aBigReview())).status, 200);
    for (const other of others) other.destroy();
  });

  it('answers a review while another peer uploads as much as there is room for', QUICKLY, async () => {
    const { port, ca } = await aListeningApp({ limits: { bytes: 100_000, requests: 4 } });
    const others = await Promise.all(Array.from({ length: 4 }, async () => await handshake({ ca, socket: fromElsewhere(port) })));
    const ends = others.map(async (other) => await readToEnd(other));
    for (const other of others) other.write(`${UPLOAD}{${' '.repeat(24_000)}`);
    for (let count = 0; count < 10; count += 1) assert.equal((await post({ port, ca }, aBigReview())).status, 200);
    assert.match(await Promise.race(ends), /^HTTP\/1\.1 503 /);
    for (const other of others) other.destroy();
  });

  it('closes what one address opens above its share, and serves another', QUICKLY, async () => {
    const { port, ca } = await anAppWithin({ connectionsOfAddress: 3 });
    const others = await Promise.all(Array.from({ length: 3 }, async () => await handshake({ ca, socket: fromElsewhere(port) })));
    await assert.rejects(handshake({ ca, socket: fromElsewhere(port) }));
    assert.equal((await post({ port, ca }, aBigReview())).status, 200);
    others.pop()?.destroy();
    await eventually(async () => others.push(await handshake({ ca, socket: fromElsewhere(port) })));
    for (const other of others) other.destroy();
  });

  it('gives the share of memory back of a peer that goes away in the middle', async () => {
    const { port, ca } = await aListeningApp({ limits: { requests: 1 } });
    const socket = await handshake({ port, ca });
    socket.write('POST /mutate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{');
    socket.destroy();
    let status = 0;
    for (const end = Date.now() + 2000; status !== 200 && Date.now() < end; ) ({ status } = await post({ port, ca }, JSON.stringify(aReview())));
    assert.equal(status, 200);
  });

  it('refuses a body without a length, and one over the limit before it is sent', async () => {
    const { port, ca } = await aListeningApp();
    const chunked = await handshake({ port, ca });
    chunked.write('POST /mutate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n');
    assert.match(await readToEnd(chunked), /^HTTP\/1\.1 411 /);
    const large = await handshake({ port, ca });
    large.write('POST /mutate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99999999\r\n\r\n{');
    const [first] = (await Promise.race([readToEnd(large), new Promise<string>((resolve) => large.once('data', (chunk: Buffer) => resolve(chunk.toString())))])).split('\r\n');
    large.destroy();
    assert.equal(first, 'HTTP/1.1 413 Payload Too Large');
  });

  it('answers what is in flight while it closes', async () => {
    const held = Promise.withResolvers<Verdict>();
    const reached = Promise.withResolvers<void>();
    const { app, port, ca } = await aListeningApp({ mutate: async () => { reached.resolve(); return await held.promise; } });
    const answer = post({ port, ca }, JSON.stringify(aReview()));
    await reached.promise;
    const closed = app.close();
    held.resolve(UNCHANGED);
    assert.equal((await answer).status, 200);
    await closed;
  });

  it('keeps idle connections for longer than Go does', async () => {
    const { app } = await aListeningApp();
    assert.ok(app.server.keepAliveTimeout > 90_000);
    assert.equal(app.server.maxRequestsPerSocket, 0);
  });
});

/** The other time-outs are as long as they are in production. */
async function anAppWithin(bounds: Partial<ServerBounds>, options: Parameters<typeof aListeningApp>[0] = {}) {
  const { serving, ca } = await aServingCertificate();
  return { ...(await aListeningApp({ ...options, tls: { serving, bounds } })), ca };
}

describe(renewServingCertificate.name, () => {
  it('renews under load without a failed request; new connections get the new certificate, open ones live on', async () => {
    const now = new Date();
    const authority = await makeAuthority(now);
    const names = servingNames('tenant-mtls-webhook', 'tenant-mtls-system');
    const [first, second] = [await signLeaf(authority, names, now), await signLeaf(authority, names, now)];
    const { app, port } = await aListeningApp({ tls: { serving: first.serving } });
    const ca = authority.certificate;
    const held = await handshake({ port, ca });
    const agent = new Agent({ keepAlive: true, maxSockets: 8 });
    const body = aBigReview();
    const statuses: number[] = [];
    const load = async (target: Target): Promise<void> => {
      for (let count = 0; count < 25; count += 1) statuses.push((await post(target, body)).status);
    };
    const loads = [load({ port, ca, agent }), load({ port, ca, agent }), load({ port, ca }), load({ port, ca })];
    const server = app.server as unknown as Server;
    for (let count = 0; count < 10; count += 1) {
      renewServingCertificate(server, count % 2 === 0 ? second.serving : first.serving);
      await new Promise((resolve) => setImmediate(resolve));
    }
    renewServingCertificate(server, second.serving);
    await Promise.all(loads);
    agent.destroy();
    assert.deepEqual([statuses.length, new Set(statuses)], [100, new Set([200])]);
    const fresh = await handshake({ port, ca });
    assert.notEqual(fresh.getPeerCertificate().fingerprint256, held.getPeerCertificate().fingerprint256);
    assert.equal(held.destroyed, false);
    fresh.destroy();
    held.destroy();
    const old = { port, ca, minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
    await assert.rejects(handshake(old), /protocol version|unsupported protocol|handshake failure/i);
  });

  it('refuses a pair that does not match and goes on with the old one', async () => {
    const { app, port, ca } = await aListeningApp();
    const other = await aServingCertificate();
    const { serving } = await aServingCertificate();
    assert.throws(() => renewServingCertificate(app.server as unknown as Server, { certificate: serving.certificate, key: other.serving.key }));
    assert.equal((await post({ port, ca }, JSON.stringify(aReview()))).status, 200);
  });
});
