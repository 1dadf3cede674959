// The handshake: versions, ciphers, groups, SNI, and those who never finish one.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { it } from 'node:test';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { eventually } from '../support/nginx-sidecar.ts';
import { HttpBackend } from './backend.ts';
import { openTls, readBytes, send } from './client.ts';
import type { Engine, RunningEngine } from './engine.ts';
import type { Fleet } from './fleet.ts';
import { aSetup, type Parts } from './setups.ts';

export function describeTls(engine: Engine, fleet: () => Fleet): void {
  const withProxy = async (parts: Parts, action: (port: number, proxy: RunningEngine) => Promise<void>) => {
    await using backend = await HttpBackend.start();
    await using proxy = await engine.start(await aSetup(fleet(), backend.port, parts));
    await action(proxy.port('https'), proxy);
  };
  const serve = async (port: number, options: ConnectionOptions) => {
    const socket = await openTls(port, fleet().alice, options);
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    assert.match(await readBytes(socket, 12), /200/);
    const found = { protocol: socket.getProtocol(), cipher: socket.getCipher().name, group: (socket.getEphemeralKeyInfo() as { name?: string }).name };
    socket.destroy();
    return found;
  };

  it('speaks TLS 1.2 and 1.3 by default, and nothing older', () => withProxy({}, async (port) => {
    assert.equal((await serve(port, { maxVersion: 'TLSv1.2' })).protocol, 'TLSv1.2');
    assert.equal((await serve(port, {})).protocol, 'TLSv1.3');
    await assert.rejects(openTls(port, fleet().alice, { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }));
  }));

  it('speaks only TLS 1.3 where that is the least', () => withProxy({ tls: { minVersion: 'TLSv1.3' } }, async (port) => {
    assert.equal((await serve(port, {})).protocol, 'TLSv1.3');
    await assert.rejects(openTls(port, fleet().alice, { maxVersion: 'TLSv1.2' }));
  }));

  it('takes AEAD ciphers only by default', () => withProxy({}, async (port) => {
    assert.match((await serve(port, { maxVersion: 'TLSv1.2' })).cipher, /GCM|CHACHA20/);
    await assert.rejects(openTls(port, fleet().alice, { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA256' }));
  }));

  it('takes the ciphers that are configured, in its own order', () => withProxy({ tls: { ciphers: ['ECDHE-ECDSA-CHACHA20-POLY1305', 'ECDHE-ECDSA-AES128-GCM-SHA256'] } }, async (port) => {
    const ciphers = 'ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305';
    assert.equal((await serve(port, { maxVersion: 'TLSv1.2', ciphers })).cipher, 'ECDHE-ECDSA-CHACHA20-POLY1305');
    await assert.rejects(openTls(port, fleet().alice, { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES256-GCM-SHA384' }));
    assert.equal((await serve(port, {})).protocol, 'TLSv1.3');
  }));

  it('exchanges keys with X25519MLKEM768 where the client can', { skip: engine.name === 'nginx' }, () => withProxy({}, async (port) => {
    assert.equal((await serve(port, {})).group, 'X25519MLKEM768');
  }));

  it('takes the groups that are configured', () => withProxy({ tls: { curves: ['P-384'] } }, async (port) => {
    assert.equal((await serve(port, { ecdhCurve: 'P-384:X25519' })).group, 'secp384r1');
    await assert.rejects(openTls(port, fleet().alice, { ecdhCurve: 'X25519' }));
  }));

  it('serves whatever name the client asks for, or none', () => withProxy({}, async (port) => {
    for (const servername of ['server.test', 'wrong.example', '']) assert.equal((await serve(port, { servername })).protocol, 'TLSv1.3', servername);
  }));

  it('does not resume sessions', () => withProxy({}, async (port) => {
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      let session: Buffer | undefined;
      const first = await openTls(port, fleet().alice, { maxVersion });
      first.on('session', (one: Buffer) => (session = one));
      first.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      await readBytes(first, 12);
      first.destroy();
      const second = await openTls(port, fleet().alice, { maxVersion, ...(session === undefined ? {} : { session }) });
      assert.equal(second.isSessionReused(), false);
      second.destroy();
    }
  }));

  it('closes on a client that speaks no TLS, and serves the next one', () => withProxy({}, async (port) => {
    const socket = connect(port, '127.0.0.1').on('error', () => {});
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await new Promise((resolve) => socket.once('close', resolve).resume());
    assert.equal((await send(port, fleet().alice, '/')).status, 200);
  }));

  it('survives clients that leave in the middle of the handshake', () => withProxy({}, async (port) => {
    const leaving = Array.from({ length: 50 }, async (_, index) => {
      const raw = connect(port, '127.0.0.1').on('error', () => {});
      await once(raw, 'connect');
      const socket = connectTls({ socket: raw, rejectUnauthorized: false }).on('error', () => {});
      await new Promise((resolve) => setTimeout(resolve, index % 5));
      if (index % 2 === 0) raw.resetAndDestroy();
      socket.destroy();
    });
    await Promise.all(leaving);
    assert.equal((await send(port, fleet().alice, '/')).status, 200);
  }));

  it('closes a handshake that is dribbled byte by byte when its time is over', { skip: engine.name === 'nginx' }, () => withProxy({}, async (port, proxy) => {
    const socket = connect(port, '127.0.0.1').on('error', () => {});
    const hello = Buffer.from('1603010200010001fc0303', 'hex');
    let sent = 0;
    const dribble = setInterval(() => socket.write(hello.subarray(sent % hello.length, (sent++ % hello.length) + 1)), 50);
    await new Promise((resolve) => socket.once('close', resolve).resume());
    clearInterval(dribble);
    assert.match(await proxy.metrics(), /tenant_mtls_handshakes_total\{result="timeout"\} 1/);
    await eventually(() => (proxy.log().includes('"reason":"handshake_timeout"') ? true : undefined), 'the audit line');
  }));
}
