// Servers behind the proxy that are dead, slow, flapping or many.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent } from 'node:https';
import { createServer, type Socket } from 'node:net';
import { it } from 'node:test';
import type { UpstreamModel } from '../../src/proxy-model/model.ts';
import { eventually } from '../support/nginx-sidecar.ts';
import { freePort } from './free-port.ts';
import { HttpBackend, startTcpBackend } from './backend.ts';
import { openTls, readBytes, send, sendRaw } from './client.ts';
import type { Engine } from './engine.ts';
import type { Fleet } from './fleet.ts';
import { aSetup, toPort, type Parts } from './setups.ts';

export function describeUpstreams(engine: Engine, fleet: () => Fleet): void {
  const withAddresses = async (ports: readonly number[], action: (port: number) => Promise<void>, parts: Parts = {}) => {
    const addresses = ports.flatMap(toPort) as UpstreamModel['addresses'];
    await using proxy = await engine.start(await aSetup(fleet(), 1, { ...parts, upstream: { addresses, ...parts.upstream } }));
    await action(proxy.port('https'));
  };

  it('answers 502 when no server is there, and serves again when it is back', async () => {
    const port = await freePort();
    await withAddresses([port], async (listener) => {
      assert.equal((await send(listener, fleet().alice, '/')).status, 502);
      await using _ = await HttpBackend.start('back', port);
      assert.equal((await send(listener, fleet().alice, '/')).status, 200);
    });
  });

  it('answers 502 when the server closes before it answers', async () => {
    await using backend = await HttpBackend.start();
    await withAddresses([backend.port], async (port) => {
      assert.equal((await send(port, fleet().alice, '/cut-before-answer', { method: 'POST', body: 'x' })).status, 502);
      assert.equal(backend.received.length, 1);
    });
  });

  // nginx takes it for HTTP/0.9.
  it('answers 502 to something that is no HTTP', { skip: engine.name === 'nginx' }, async () => {
    await using backend = await startTcpBackend((socket) => socket.end('SSH-2.0-OpenSSH\r\n'));
    await withAddresses([backend.port], async (port) => assert.equal((await send(port, fleet().alice, '/')).status, 502));
  });

  it('finds servers by name', async () => {
    await using backend = await HttpBackend.start();
    await withAddresses([], async (port) => {
      await eventually(async () => ((await send(port, fleet().alice, '/')).status === 200 ? true : undefined), 'the name is resolved');
    }, { upstream: { addresses: [{ kind: 'address', host: 'localhost', port: backend.port }] } });
  });

  it('never sends a request after half a body', async () => {
    const received: string[] = [];
    await using backend = await startTcpBackend((socket) => {
      const index = received.push('') - 1;
      // Answers before the body has come, and would keep the connection.
      socket.on('data', (chunk) => {
        received[index] += String(chunk);
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
      });
    });
    await withAddresses([backend.port], async (port) => {
      const first = await openTls(port, fleet().alice);
      first.write('POST /first HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nhalf');
      assert.match(await readBytes(first, 15), /^HTTP\/1\.1 200/);
      assert.equal((await send(port, fleet().alice, '/second')).status, 200);
      first.destroy();
      assert.ok(!received.some((text) => text.includes('/first') && text.includes('/second')), received.join('\n---\n'));
    });
  });

  it('answers 504 when the server is silent for too long', async () => {
    await using backend = await HttpBackend.start();
    await withAddresses([backend.port], async (port) => assert.equal((await send(port, fleet().alice, '/silent')).status, 504), { model: { idleTimeoutMs: 300 } });
  });

  it('cuts the client off when the answer breaks off', async () => {
    await using backend = await HttpBackend.start();
    await withAddresses([backend.port], async (port) => {
      const text = await sendRaw(port, fleet().alice, 'GET /cut-in-body HTTP/1.1\r\nHost: a\r\n\r\n');
      assert.match(text, /\r\n\r\nhalf$/);
      await assert.rejects(send(port, fleet().alice, '/cut-in-body'), /aborted|hang up|ECONNRESET/);
    });
  });

  it('takes several servers in turn', async () => {
    await using one = await HttpBackend.start('one');
    await using two = await HttpBackend.start('two');
    await withAddresses([one.port, two.port], async (port) => {
      for (let index = 0; index < 6; index += 1) await send(port, fleet().alice, '/');
      assert.deepEqual([one.received.length, two.received.length], [3, 3]);
    });
  });

  it('skips a dead server, also with a body', async () => {
    await using alive = await HttpBackend.start('alive');
    await withAddresses([await freePort(), alive.port], async (port) => {
      for (let index = 0; index < 6; index += 1) {
        const answer = await send(port, fleet().alice, '/', { method: 'POST', body: `body ${index}` });
        assert.equal(answer.status, 200);
        assert.equal(alive.received.at(-1)?.body, `body ${index}`);
      }
    });
  });

  it('sends a request without a body to the next server when the first one closes on it', async () => {
    await using alive = await HttpBackend.start('alive');
    await using closing = await startTcpBackend((socket) => socket.once('data', () => socket.destroy()));
    await withAddresses([closing.port, alive.port], async (port) => {
      for (let index = 0; index < 4; index += 1) assert.equal((await send(port, fleet().alice, '/')).status, 200);
    });
  });

  it('never sends a request with a body twice', async () => {
    let bodies = 0;
    const closing = (socket: Socket) => socket.on('data', (chunk) => {
      if (!String(chunk).includes('precious')) return;
      bodies += 1;
      socket.destroy();
    });
    await using one = await startTcpBackend(closing);
    await using two = await startTcpBackend(closing);
    await withAddresses([one.port, two.port], async (port) => {
      assert.equal((await send(port, fleet().alice, '/', { method: 'POST', body: 'precious' })).status, 502);
      assert.equal(bodies, 1);
    });
  });

  it('does not notice that a server has closed kept connections', async () => {
    await using backend = await HttpBackend.start();
    await withAddresses([backend.port], async (port) => {
      const agent = new Agent({ keepAlive: true });
      for (let index = 0; index < 5; index += 1) {
        assert.equal((await send(port, fleet().alice, '/', { agent })).status, 200);
        backend.cut();
      }
      agent.destroy();
    });
  });

  it('follows a server that flaps', async () => {
    const flapping = await freePort();
    await using steady = await HttpBackend.start('steady');
    await withAddresses([flapping, steady.port], async (port) => {
      for (let round = 0; round < 3; round += 1) {
        await using _ = await HttpBackend.start('flapping', flapping);
        for (let index = 0; index < 4; index += 1) assert.equal((await send(port, fleet().alice, '/')).status, 200);
      }
    });
  });

  it('answers 504 to a server that does not take connections', { skip: engine.name === 'nginx' }, async () => {
    // A full backlog: connections hang in the kernel.
    const full = createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 });
    await once(full, 'listening');
    const { port: dead } = full.address() as { port: number };
    await withAddresses([dead], async (port) => assert.ok([502, 504].includes((await send(port, fleet().alice, '/', { timeout: 10_000 })).status)), { model: { idleTimeoutMs: 500 } });
    full.close();
  });

  it('stops asking a server whose health check fails', { skip: engine.name === 'nginx' }, async () => {
    await using well = await HttpBackend.start('well');
    await using sick = await startTcpBackend((socket) => socket.on('data', () => socket.write('HTTP/1.1 500 Sick\r\nContent-Length: 4\r\n\r\nsick')));
    await withAddresses([well.port, sick.port], async (port) => {
      await eventually(async () => {
        const answers = [];
        for (let index = 0; index < 4; index += 1) answers.push((await send(port, fleet().alice, '/')).status);
        return answers.every((status) => status === 200) ? true : undefined;
      }, 'only the healthy one answers', 5000);
    }, { upstream: { healthCheck: { path: '/healthz', intervalSeconds: 1 } } });
  });
}
