import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { RequestListener } from 'node:http';
import { connect, createServer as createTcpServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { describe, it } from 'node:test';
import { askSidecar } from '../../../src/reconcilers/pods/ask-sidecar.ts';
import { readSidecarReport } from '../../../src/reconcilers/pods/sidecar-report.ts';

const HASH = 'a'.repeat(64);
const status = (extra: object = {}) => JSON.stringify({ engine: 'nginx', state: 'current', manifestSHA256: HASH, manifest: {}, plaintextReachable: [], ...extra });
const never = new AbortController().signal;

async function listening(server: Server, host = '127.0.0.1'): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return (server.address() as AddressInfo).port;
}

async function askOf(handler: RequestListener, { host = '127.0.0.1', timeoutMs = 300 } = {}) {
  const server = createServer(handler);
  const port = await listening(server, host);
  try {
    return await askSidecar(host, never, { port, timeoutMs, maxBytes: 4096 });
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

describe('askSidecar', () => {
  it('asks over IPv4 and IPv6 and gives back what the sidecar has loaded', async () => {
    for (const host of ['127.0.0.1', '::1']) {
      const answer = await askOf((request, response) => response.end(request.url === '/status' ? status() : '{}'), { host });
      assert.deepEqual(answer, { kind: 'report', report: { manifestSHA256: HASH, plaintextReachable: [] } });
    }
  });

  it('counts a body that is too long as no status', async () => {
    const answer = await askOf((_, response) => response.end(status({ message: 'x'.repeat(5000) })));
    assert.deepEqual(answer, { kind: 'mute', because: 'the status port answers with something that is no status' });
  });

  it('does not wait for a sidecar that accepts and says nothing, or that never ends its body', async () => {
    const hanging: RequestListener[] = [() => undefined, (_, response) => void setInterval(() => response.write(' '), 20).unref()];
    for (const handler of hanging) assert.deepEqual(await askOf(handler, { timeoutMs: 100 }), { kind: 'silent', because: 'no answer within 100 ms' });
  });

  it('follows no redirect', async () => {
    const asked: string[] = [];
    const answer = await askOf((request, response) => {
      asked.push(request.url ?? '');
      response.writeHead(302, { location: '/elsewhere' }).end();
    });
    assert.deepEqual([answer, asked], [{ kind: 'mute', because: 'the sidecar has loaded no files (HTTP 302)' }, ['/status']]);
  });

  it('is not upset by what is not HTTP, or by headers without end', async () => {
    const garbage = ['\u0000\u0001\u0002 what?\r\n\r\n', `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(40_000)}\r\n\r\n`];
    for (const bytes of garbage) {
      const server = createTcpServer((socket) => void socket.on('error', () => undefined).end(bytes));
      const port = await listening(server);
      const answer = await askSidecar('127.0.0.1', never, { port, timeoutMs: 500, maxBytes: 4096 });
      assert.match(answer.kind === 'silent' ? answer.because : answer.kind, /^the status port cannot be reached \(HPE_[A-Z_]+\)$/);
      server.close();
    }
  });

  it('says that nobody listens', async () => {
    const server = createTcpServer();
    const port = await listening(server);
    await new Promise((resolve) => server.close(resolve));
    await assert.rejects(new Promise((_, reject) => connect(port, '127.0.0.1').on('error', reject)));
    assert.deepEqual(await askSidecar('127.0.0.1', never, { port, timeoutMs: 500, maxBytes: 10 }), { kind: 'silent', because: 'the status port cannot be reached (ECONNREFUSED)' });
  });

  it('asks addresses only, never a name', async () => {
    assert.deepEqual(await askSidecar('localhost', never), { kind: 'silent', because: 'the pod has no address' });
  });

  it('ends with the operator', async () => {
    const stop = new AbortController();
    const server = createServer(() => stop.abort());
    const port = await listening(server);
    assert.equal((await askSidecar('127.0.0.1', stop.signal, { port, timeoutMs: 5000, maxBytes: 10 })).kind, 'silent');
    server.closeAllConnections();
    server.close();
  });
});

describe('readSidecarReport', () => {
  const refused: Record<string, string> = {
    'text that is not JSON': '<html>',
    'a list': '[]',
    null: 'null',
    'a hash that is none': status({ manifestSHA256: 'ABC' }),
    'a hash that is an object': status({ manifestSHA256: { toString: HASH } }),
    'ports that are text': status({ plaintextReachable: ['8080'] }),
    'ports that are none': status({ plaintextReachable: [0] }),
    'more ports than there are upstreams': status({ plaintextReachable: Array.from({ length: 33 }, (_, index) => index + 1) }),
    'ports that are no list': status({ plaintextReachable: 8080 }),
  };
  for (const [what, body] of Object.entries(refused)) it(`refuses ${what}`, () => assert.equal(readSidecarReport(body), undefined));

  it('takes nothing but what it knows, ports sorted and once', () => {
    const body = status({ plaintextReachable: [9090, 8080, 8080], __proto__: { x: 1 }, constructor: 1, message: 'ignored while current' });
    assert.deepEqual(readSidecarReport(body), { manifestSHA256: HASH, plaintextReachable: [8080, 9090] });
  });

  it('quotes what the sidecar says, so that it cannot pass for our words', () => {
    const report = readSidecarReport(status({ state: 'pending', message: `all is well"\n\u001b[31m\u202eReady=True ${'z'.repeat(500)}` }));
    assert.equal(report?.pendingBecause, `"all is well???[31m?Ready=True ${'z'.repeat(160 - 30)}..."`);
  });

  it('stands a message that is no text', () => {
    assert.equal(readSidecarReport(status({ state: 'pending', message: { a: 1 } }))?.pendingBecause, '""');
  });
});
