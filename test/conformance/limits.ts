// Limits and endings: how many connections, how long idle, and what SIGTERM leaves.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import { request as httpsRequest } from 'node:https';
import { it } from 'node:test';
import { eventually } from '../support/nginx-sidecar.ts';
import { HttpBackend, startTcpBackend } from './backend.ts';
import { credentials, isOver, openTls, readBytes, send } from './client.ts';
import type { Engine, RunningEngine } from './engine.ts';
import type { Fleet } from './fleet.ts';
import { aSetup, type Parts } from './setups.ts';

export function describeLimits(engine: Engine, fleet: () => Fleet): void {
  const withProxy = async (parts: Parts, action: (port: number, proxy: RunningEngine) => Promise<void>) => {
    await using backend = await HttpBackend.start();
    await using proxy = await engine.start(await aSetup(fleet(), backend.port, parts));
    await action(proxy.port('https'), proxy);
  };

  it('refuses connections above the limit, and serves again when one has gone', { skip: !engine.abilities.has('connectionLimit') }, () => withProxy({ model: { maxConnections: 3 } }, async (port, proxy) => {
    const open = await Promise.all(Array.from({ length: 3 }, () => openTls(port, fleet().alice)));
    await assert.rejects(send(port, fleet().alice, '/'), /ECONNRESET|socket hang up|disconnected/);
    assert.match(await proxy.metrics(), /connections_refused_total\{reason="limit"\} 1/);
    open[0]?.destroy();
    await eventually(() => send(port, fleet().alice, '/').then(({ status }) => (status === 200 ? true : undefined), () => undefined), 'a free place');
    for (const socket of open) socket.destroy();
  }));

  it('closes a connection that sends no request', () => withProxy({ model: { idleTimeoutMs: 300 } }, async (port) => {
    const socket = await openTls(port, fleet().alice);
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await readBytes(socket, 12);
    await isOver(socket);
  }));

  it('finishes what is under way when it is told to stop, and takes nothing new', { skip: !engine.abilities.has('drains') }, () => withProxy({}, async (port, proxy) => {
    const request = httpsRequest({ host: '127.0.0.1', port, path: '/events', rejectUnauthorized: false, agent: false, headers: { connection: 'keep-alive' }, ...credentials(fleet().alice) }).end();
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    const idle = await openTls(port, fleet().alice);
    const stopped = proxy.stop();
    await isOver(idle);
    await assert.rejects(openTls(port, fleet().alice), /ECONNREFUSED/);
    let text = '';
    for await (const chunk of response) text += String(chunk);
    assert.match(text, /data: second/);
    await stopped;
  }));

  it('finishes a handshake that is under way when it is told to stop', { skip: !engine.abilities.has('drains') }, () => withProxy({}, async (port, proxy) => {
    const raw = connectTcp(port, '127.0.0.1');
    await once(raw, 'connect');
    await eventually(async () => (/connections_accepted_total 1$/m.test(await proxy.metrics()) ? true : undefined), 'the connection is accepted');
    const stopped = proxy.stop();
    const socket = await openTls(port, fleet().alice, { socket: raw });
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    assert.match(await readBytes(socket, 200), /^HTTP\/1\.1 200 [\s\S]*Connection: close/);
    await isOver(socket);
    await stopped;
  }));

  it('tells clients of kept connections to go when it stops', { skip: !engine.abilities.has('drains') }, () => withProxy({}, async (port, proxy) => {
    const socket = await openTls(port, fleet().alice);
    socket.write('GET /events HTTP/1.1\r\nHost: a\r\n\r\n');
    await readBytes(socket, 100);
    const session = connectHttp2(`https://127.0.0.1:${port}`, { rejectUnauthorized: false, ...credentials(fleet().alice) });
    await once(session, 'remoteSettings');
    const goaway = once(session, 'goaway');
    const stopped = proxy.stop();
    await goaway;
    await isOver(socket);
    await stopped;
  }));

  it('cuts TCP connections when the time to drain is over', { skip: !engine.abilities.has('drains') }, async () => {
    await using backend = await startTcpBackend((socket) => socket.pipe(socket));
    await using proxy = await engine.start(await aSetup(fleet(), backend.port, { listener: { name: 'tcp', protocol: 'TCP' } }));
    const socket = await openTls(proxy.port('tcp'), fleet().alice);
    socket.write('served');
    assert.equal(await readBytes(socket, 6), 'served');
    const stopped = proxy.stop();
    socket.write('still served');
    assert.equal(await readBytes(socket, 12), 'still served');
    await isOver(socket);
    await stopped;
  });

  it('counts what it does', () => withProxy({}, async (port, proxy) => {
    await send(port, fleet().alice, '/');
    const metrics = await eventually(async () => {
      const text = await proxy.metrics();
      return /tenant_mtls_requests_total [1-9]/m.test(text) ? text : undefined;
    }, 'the request is counted');
    assert.match(metrics, /tenant_mtls_connections_accepted_total [1-9]/m);
    assert.match(metrics, /tenant_mtls_reloads_total\{result="success"\} 1$/m);
    assert.match(metrics, /tenant_mtls_reloads_total\{result="failure"\} 0$/m);
    assert.match(metrics, /tenant_mtls_certificate_not_after_seconds \d{10}$/m);
    assert.match(metrics, /tenant_mtls_pending 0$/m);
    if (engine.name !== 'node') return;
    assert.match(metrics, /tenant_mtls_requests_total 1$/m);
    assert.match(metrics, /tenant_mtls_responses_total\{code="200"\} 1$/m);
    assert.match(metrics, /tenant_mtls_handshake_seconds_count 1$/m);
    assert.match(metrics, /tenant_mtls_sent_bytes_total [1-9]/m);
  }));

  it('writes a line for each request', () => withProxy({}, async (port, proxy) => {
    await send(port, fleet().alice, '/logged?x=1');
    const line = await eventually(() => proxy.log().split('\n').find((text) => text.includes('/logged')), 'the line');
    const fields = JSON.parse(line) as Record<string, unknown>;
    const { listener, client, method, path, protocol, status, route, upstream, tlsVersion, verify, subject } = fields;
    assert.deepEqual(
      { listener, client, method, path, protocol, status, route, upstream, tlsVersion, verify, subject },
      { listener: 'https', client: '127.0.0.1', method: 'GET', path: '/logged?x=1', protocol: 'HTTP/1.1', status: 200, route: '0', upstream: 'app', tlsVersion: 'TLSv1.3', verify: 'SUCCESS', subject: 'CN=alice' },
    );
  }));

  it('writes only what went wrong under Errors, and nothing of requests under Off', () => withProxy({ model: { accessLog: 'Errors' } }, async (port, proxy) => {
    await send(port, fleet().alice, '/fine');
    await send(port, undefined, '/refused');
    await eventually(() => (proxy.log().includes('/refused') ? true : undefined), 'the refusal');
    assert.ok(!proxy.log().includes('/fine'));
  }));
}
