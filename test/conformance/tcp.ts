// TCP: half-close, back-pressure, cuts, refusals, PROXY protocol.
import assert from 'node:assert/strict';
import { randomBytes, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { it } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { aRoute } from '../support/proxy-models.ts';
import { eventually } from '../support/nginx-sidecar.ts';
import { freePort } from './free-port.ts';
import { startTcpBackend } from './backend.ts';
import { isOver, openTls, readBytes } from './client.ts';
import type { Engine } from './engine.ts';
import type { Fleet } from './fleet.ts';
import { aSetup, toPort, type Parts } from './setups.ts';

const echo = (socket: Socket) => {
  socket.pipe(socket);
};

export function describeTcp(engine: Engine, fleet: () => Fleet): void {
  const withProxy = async (serve: (socket: Socket) => void, parts: Parts, action: (port: number) => Promise<void>) => {
    await using backend = await startTcpBackend(serve);
    await using proxy = await engine.start(await aSetup(fleet(), backend.port, { ...parts, listener: { name: 'tcp', protocol: 'TCP', ...parts.listener } }));
    await action(proxy.port('tcp'));
  };

  it('carries bytes both ways', () => withProxy(echo, {}, async (port) => {
    const socket = await openTls(port, fleet().alice);
    socket.write('hello');
    assert.equal(await readBytes(socket, 5), 'hello');
    socket.destroy();
  }));

  it('lets the server speak first', () => withProxy((socket) => socket.write('220 ready\r\n'), {}, async (port) => {
    const socket = await openTls(port, fleet().alice);
    assert.equal(await readBytes(socket, 11), '220 ready\r\n');
    socket.destroy();
  }));

  it('passes the client\'s end on and still carries the answer', () => withProxy((socket) => {
    let text = '';
    socket.on('data', (chunk) => (text += String(chunk))).on('end', () => setTimeout(() => socket.end(`got ${text}`), 50));
  }, {}, async (port) => {
    const socket = await openTls(port, fleet().alice);
    socket.end('everything');
    assert.equal(await readBytes(socket, 14), 'got everything');
    assert.equal(await readBytes(socket, 1), '');
    socket.destroy();
  }));

  it('passes the server\'s end on and still carries what the client sends', async () => {
    const received: string[] = [];
    await withProxy((socket) => {
      socket.end('bye');
      socket.on('data', (chunk) => received.push(String(chunk)));
    }, {}, async (port) => {
      const socket = await openTls(port, fleet().alice);
      assert.equal(await readBytes(socket, 4), 'bye');
      socket.write('last words');
      await eventually(() => (received.join('') === 'last words' ? true : undefined), 'the last words');
      socket.destroy();
    });
  });

  it('cuts the client off when the server resets', () => withProxy((socket) => {
    socket.once('data', () => socket.resetAndDestroy());
  }, {}, async (port) => {
    const socket = await openTls(port, fleet().alice);
    socket.write('x');
    await isOver(socket);
  }));

  it('cuts the server off when the client resets', async () => {
    let cut: Promise<unknown> | undefined;
    await withProxy((socket) => {
      cut = new Promise((resolve) => socket.once('close', resolve).once('end', resolve).resume());
      socket.write('x');
    }, {}, async (port) => {
      const raw = connect(port, '127.0.0.1');
      const socket = await openTls(port, fleet().alice, { socket: raw });
      await readBytes(socket, 1);
      raw.resetAndDestroy();
      await cut;
    });
  });

  it('carries 16 MiB through a slow reader', () => withProxy(echo, {}, async (port) => {
    const block = randomBytes(1 << 20);
    const socket = await openTls(port, fleet().alice);
    const total = 16;
    const writing = (async () => {
      for (let index = 0; index < total; index += 1) if (!socket.write(block)) await once(socket, 'drain');
      socket.end();
    })();
    let [received, isEqual] = [0, true];
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      const offset = received % block.length;
      isEqual &&= block.subarray(offset, offset + chunk.length).equals(chunk.subarray(0, block.length - offset));
      received += chunk.length;
      if (received % 997 === 0) await new Promise(setImmediate);
    }
    await writing;
    assert.equal(received, total << 20);
    assert.ok(isEqual, 'bytes come back unchanged');
  }));

  it('carries single bytes', () => withProxy(echo, {}, async (port) => {
    const socket = await openTls(port, fleet().alice);
    for (const character of 'tiny writes') {
      socket.write(character);
      assert.equal(await readBytes(socket, 1), character);
    }
    socket.destroy();
  }));

  for (const [sentence, identity] of Object.entries({
    'without a certificate': async () => undefined,
    'of an unknown authority': async ({ stranger }: Fleet) => stranger.issue('alice'),
    'without a route': async ({ customer }: Fleet) => customer.issue('mallory'),
  })) {
    it(`closes on a client ${sentence}, and the app never hears of it`, async () => {
      let connections = 0;
      await withProxy(() => (connections += 1), { listener: { routes: [aRoute({ clients: [{ commonName: 'alice' }] })] } }, async (port) => {
        const socket = await openTls(port, await identity(fleet())).catch(() => undefined);
        socket?.write('x');
        if (socket !== undefined) await isOver(socket);
        assert.equal(connections, 0);
      });
    });
  }

  it('goes to the upstream of the client', async () => {
    await using first = await startTcpBackend((socket) => socket.end('first'));
    await using second = await startTcpBackend((socket) => socket.end('second'));
    const setup = await aSetup(fleet(), 1, { listener: {
      name: 'tcp', protocol: 'TCP',
      routes: [aRoute({ clients: [{ commonName: 'alice' }], target: { kind: 'upstream', upstream: 'one' } }), aRoute({ target: { kind: 'upstream', upstream: 'two' } })],
    } });
    const upstreams = [{ name: 'one', addresses: toPort(first.port), protocol: 'HTTP1' as const }, { name: 'two', addresses: toPort(second.port), protocol: 'HTTP1' as const }];
    await using proxy = await engine.start({ ...setup, model: { ...setup.model, upstreams } });
    const ask = async (socket: TLSSocket) => {
      const text = await readBytes(socket, 10);
      socket.destroy();
      return text;
    };
    assert.equal(await ask(await openTls(proxy.port('tcp'), fleet().alice)), 'first');
    assert.equal(await ask(await openTls(proxy.port('tcp'), await fleet().customer.issue('bob'))), 'second');
  });

  it('closes when no server is there', async () => {
    await using proxy = await engine.start(await aSetup(fleet(), await freePort(), { listener: { name: 'tcp', protocol: 'TCP' } }));
    const socket = await openTls(proxy.port('tcp'), fleet().alice);
    await isOver(socket);
  });

  it('skips a dead server', async () => {
    await using backend = await startTcpBackend((socket) => socket.end('alive'));
    const addresses = [...toPort(await freePort()), ...toPort(backend.port)];
    await using proxy = await engine.start(await aSetup(fleet(), 1, { listener: { name: 'tcp', protocol: 'TCP' }, upstream: { addresses } }));
    for (let index = 0; index < 4; index += 1) {
      const socket = await openTls(proxy.port('tcp'), fleet().alice);
      assert.equal(await readBytes(socket, 5), 'alive');
      socket.destroy();
    }
  });

  it('closes an idle connection', () => withProxy(echo, { model: { idleTimeoutMs: 300 } }, async (port) => {
    const socket = await openTls(port, fleet().alice);
    const startedAt = performance.now();
    socket.write('x');
    await readBytes(socket, 1);
    await isOver(socket);
    assert.ok(performance.now() - startedAt >= 250);
  }));

  it('tells identity and addresses in a PROXY header', { skip: !engine.abilities.has('proxyProtocol') }, async () => {
    const chunks: Buffer[] = [];
    await withProxy((socket) => socket.on('data', (chunk: Buffer) => chunks.push(chunk)), { upstream: { proxyProtocol: 'v2' } }, async (port) => {
      const socket = await openTls(port, fleet().alice, { servername: 'server.test' });
      socket.write('payload');
      const all = await eventually(() => (Buffer.concat(chunks).includes('payload') ? Buffer.concat(chunks) : undefined), 'the payload');
      assert.equal(all.toString('hex', 0, 14), '0d0a0d0a000d0a515549540a2111');
      const length = all.readUInt16BE(14);
      assert.equal(all.toString('latin1', 16 + length), 'payload');
      assert.deepEqual([...all.subarray(16, 24)], [127, 0, 0, 1, 127, 0, 0, 1]);
      assert.equal(all.readUInt16BE(26), port);
      const tlvs = readTlvs(all.subarray(28, 16 + length));
      assert.equal(tlvs.get(0x02)?.toString(), 'server.test');
      const tls = tlvs.get(0x20) ?? Buffer.alloc(0);
      assert.equal(tls[0], 7);
      assert.equal(tls.readUInt32BE(1), 0);
      const inner = readTlvs(tls.subarray(5));
      assert.equal(inner.get(0x21)?.toString(), 'TLSv1.3');
      assert.equal(inner.get(0x22)?.toString(), 'alice');
      assert.match(inner.get(0x23)?.toString() ?? '', /^TLS_/);
      assert.deepEqual(inner.get(0x28), new X509Certificate(fleet().alice.cert).raw);
      socket.destroy();
    });
  });
}

function readTlvs(bytes: Buffer): Map<number, Buffer> {
  const found = new Map<number, Buffer>();
  for (let offset = 0; offset < bytes.length;) {
    const length = bytes.readUInt16BE(offset + 1);
    found.set(bytes.readUInt8(offset), bytes.subarray(offset + 3, offset + 3 + length));
    offset += 3 + length;
  }
  return found;
}
