// The status port forwards probes to an app on loopback: real sockets on both sides.
import assert from 'node:assert/strict';
import { createServer as createHttp } from 'node:http';
import type { RequestListener, Server } from 'node:http';
import { createServer as createHttp2 } from 'node:http2';
import { createServer as createHttps } from 'node:https';
import { createServer as createTcp } from 'node:net';
import type { AddressInfo, Server as TcpServer } from 'node:net';
import { after, before, describe, it } from 'node:test';
import type { ProbeRoute } from '../../src/api/probes.ts';
import { createProbeForwarder } from '../../src/sidecar/probe-forwarder.ts';
import { TestCa } from '../support/test-ca.ts';

const PATH = '/probes/app/livenessProbe';
const open: TcpServer[] = [];

async function listen(server: TcpServer): Promise<number> {
  open.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

/** A status port with one route; what it answers to `path`. */
async function ask(route: Omit<ProbeRoute, 'path' | 'timeoutSeconds'> & Partial<ProbeRoute>, path = PATH, method = 'GET') {
  const forward = createProbeForwarder([{ path: PATH, timeoutSeconds: 1, ...route }]);
  const port = await listen(createHttp((request, response) => {
    if (forward(request.url ?? '', request, response) === 'unknown') response.writeHead(404).end();
  }));
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { method, redirect: 'manual' });
  return { status: response.status, body: await response.text(), headers: Object.fromEntries(response.headers) };
}

const app = async (answer: RequestListener) => await listen(createHttp(answer));

/** grpc.health.v1.Health/Check; records what is asked. */
function healthServer(status: number, { grpcStatus = '0', asked = [] as string[] } = {}) {
  const server = createHttp2();
  server.on('stream', (stream, headers) => {
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => {
      asked.push(`${headers[':path']} ${Buffer.concat(chunks).toString('hex')}`);
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': grpcStatus }));
      stream.end(Buffer.from([0, 0, 0, 0, 2, 8, status]));
    });
  });
  return server as unknown as Server;
}

describe('createProbeForwarder', () => {
  let freePort: number;
  before(async () => {
    const server = createTcp();
    freePort = await listen(server);
    await new Promise((resolve) => server.close(resolve));
  });
  after(() => {
    for (const server of open) {
      server.close();
      (server as Server).closeAllConnections?.();
    }
  });

  for (const [answered, expected] of [[200, 200], [204, 200], [302, 200], [399, 200], [400, 503], [404, 503], [500, 503]] as const) {
    it(`answers ${expected} to an app that says ${answered}, without its body and headers`, async () => {
      const port = await app((_, response) => response.writeHead(answered, { 'x-secret': 'mine', location: '/elsewhere' }).end('secret'));
      const { status, body, headers } = await ask({ kind: 'HTTP', port, target: '/' });
      assert.deepEqual([status, body, headers['x-secret'], headers['location']], [expected, '', undefined, undefined]);
    });
  }

  it('sends the target, Host and headers of the probe and nothing of whoever asks', async () => {
    let seen: object = {};
    const port = await app(({ method, url, headers }, response) => {
      seen = { method, url, headers };
      response.end();
    });
    await ask({ kind: 'HTTP', port, target: '/live?full=1', host: 'app.example', headers: [{ name: 'X-Probe', value: 'yes' }] });
    assert.deepEqual(seen, { method: 'GET', url: '/live?full=1', headers: { host: 'app.example', 'x-probe': 'yes', connection: 'close' } });
  });

  it('answers 503 when nothing listens, whatever the kind', async () => {
    for (const kind of ['HTTP', 'HTTPS', 'TCP', 'GRPC'] as const) assert.equal((await ask({ kind, port: freePort, target: '/' })).status, 503, kind);
  });

  it('answers 503 when the app is silent for longer than the time-out, whatever the kind', async () => {
    const port = await listen(createTcp(() => undefined));
    for (const kind of ['HTTP', 'HTTPS', 'GRPC'] as const) assert.equal((await ask({ kind, port, target: '/', timeoutSeconds: 0.05 })).status, 503, kind);
  });

  it('is content with any certificate of an HTTPS app', async () => {
    using ca = new TestCa('/CN=nobody');
    const { certificate: cert, key } = ca.issue('/CN=other.example', []);
    const port = await listen(createHttps({ cert, key }, (_, response) => response.end()));
    assert.equal((await ask({ kind: 'HTTPS', port, target: '/' })).status, 200);
    assert.equal((await ask({ kind: 'HTTP', port, target: '/' })).status, 503);
  });

  it('is content with an accepted connection where the probe is of TCP', async () => {
    assert.equal((await ask({ kind: 'TCP', port: await listen(createTcp()) })).status, 200);
  });

  it('is content with a gRPC app that is SERVING', async () => {
    const asked: string[] = [];
    assert.equal((await ask({ kind: 'GRPC', port: await listen(healthServer(1, { asked })), service: 'shop' })).status, 200);
    assert.deepEqual(asked, ['/grpc.health.v1.Health/Check 00000000060a0473686f70']);
  });

  it('asks a gRPC app about itself where the probe names no service, and about a service with a long name', async () => {
    const asked: string[] = [];
    const port = await listen(healthServer(1, { asked }));
    assert.equal((await ask({ kind: 'GRPC', port, service: '' })).status, 200);
    assert.equal((await ask({ kind: 'GRPC', port, service: 'a'.repeat(200) })).status, 200);
    assert.deepEqual(asked.map((line) => line.split(' ')[1]?.slice(0, 16)), ['0000000000', '00000000cb0ac801']);
  });

  it('is not content with a gRPC app that is not serving, or fails', async () => {
    assert.equal((await ask({ kind: 'GRPC', port: await listen(healthServer(2)) })).status, 503);
    assert.equal((await ask({ kind: 'GRPC', port: await listen(healthServer(1, { grpcStatus: '12' })) })).status, 503);
  });

  it('answers 200 to a hook whatever the app says, and nothing where the app says nothing, as the kubelet would see it', async () => {
    const path = '/probes/app/preStop';
    const port = await app((_, response) => response.writeHead(500).end());
    assert.equal((await ask({ path, kind: 'HTTP', port, target: '/' }, path)).status, 200);
    await assert.rejects(ask({ path, kind: 'HTTP', port: freePort, target: '/' }, path));
  });

  it('lets nothing but the exact path and GET through', async () => {
    let requests = 0;
    const port = await app((_, response) => {
      requests += 1;
      response.end();
    });
    assert.equal((await ask({ kind: 'HTTP', port, target: '/' }, `${PATH}/..`)).status, 404);
    assert.equal((await ask({ kind: 'HTTP', port, target: '/' }, `${PATH}/x`)).status, 404);
    assert.equal((await ask({ kind: 'HTTP', port, target: '/' }, PATH, 'POST')).status, 403);
    assert.equal(requests, 0);
  });
});
