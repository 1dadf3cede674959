// The proxy as a whole where the conformance sentences do not reach: other layouts of files, the status port, the process.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { runProxy, type Proxy, type ProxyOptions } from '../../src/sidecar/run-proxy.ts';
import { HttpBackend } from '../conformance/backend.ts';
import { isOver, openTls, readBytes, send } from '../conformance/client.ts';
import type { Setup } from '../conformance/engine.ts';
import { Fleet } from '../conformance/fleet.ts';
import { nodeEngine, nodeFiles } from '../conformance/node-engine.ts';
import { aSetup, withFiles } from '../conformance/setups.ts';
import { eventually } from '../support/nginx-sidecar.ts';
import { freePort } from '../conformance/free-port.ts';

describe('runProxy', { concurrency: 4 }, () => {
  let fleet: Fleet;
  let backend: HttpBackend;
  const directory = mkdtempSync(join(tmpdir(), 'tenant-mtls-run-'));
  before(async () => {
    fleet = await Fleet.create();
    backend = await HttpBackend.start();
  });
  after(async () => {
    await backend[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true });
  });

  const write = (to: string, files: Readonly<Record<string, string>>) => {
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(dirname(join(to, path)), { recursive: true });
      writeFileSync(join(to, path), content);
    }
  };
  const started = async (name: string, changes: Partial<ProxyOptions> = {}) => {
    const stop = new AbortController();
    let log = '';
    const proxy: Proxy = await runProxy({
      directory: join(directory, name), manifest: 'required', statusPort: 0, statusHost: '127.0.0.1', pod: {}, listenTables: [], handshakeTimeoutMs: 5000, drainTimeoutMs: 1000,
      output: { write: (text) => (log += text) }, ...changes,
    }, stop.signal);
    return {
      ...proxy,
      port: (listener: string) => proxy.port(listener) ?? 0,
      log: () => log,
      ask: (path: string) => fetch(`http://127.0.0.1:${proxy.statusPort}${path}`),
      [Symbol.asyncDispose]: async () => {
        proxy.kill();
        stop.abort();
        await proxy.finished;
      },
    };
  };

  it('waits for files that are not there yet, and says so', async () => {
    mkdirSync(join(directory, 'late'));
    await using proxy = await started('late');
    assert.equal((await proxy.ask('/healthz')).status, 503);
    assert.match(await (await proxy.ask('/status')).text(), /"state":"pending","message":"reading conf\/manifest: ENOENT"/);
    const setup = await aSetup(fleet, backend.port);
    write(join(directory, 'late'), nodeFiles(setup, 1));
    await eventually(async () => ((await proxy.ask('/healthz')).status === 200 ? true : undefined), 'the files are loaded');
    assert.equal((await send(proxy.port('https'), fleet.alice, '/')).status, 200);
  });

  it('reloads plain files, outside Kubernetes', async () => {
    const setup = await aSetup(fleet, backend.port);
    write(join(directory, 'plain'), nodeFiles(setup, 1));
    await using proxy = await started('plain');
    const renewed = await fleet.customer.issue('server-2', { dnsNames: ['localhost'] });
    write(join(directory, 'plain'), nodeFiles(withFiles(setup, { 'certs/tls.crt': renewed.cert, 'certs/tls.key': renewed.key }), 2));
    await eventually(async () => ((await (await proxy.ask('/status')).json() as { manifest: { revision: number } }).manifest.revision === 2 ? true : undefined), 'the new files');
    const socket = await openTls(proxy.port('https'), fleet.alice);
    assert.equal(socket.getPeerCertificate().subject.CN, 'server-2');
    socket.destroy();
  });

  it('does without a manifest when it is told so', async () => {
    const setup = await aSetup(fleet, backend.port);
    const { 'conf/manifest': _, ...files } = nodeFiles(setup, 1);
    write(join(directory, 'bare'), files);
    await using refused = await started('bare');
    assert.equal((await refused.ask('/healthz')).status, 503);
    await using proxy = await started('bare', { manifest: 'ignored' });
    assert.equal((await send(proxy.port('https'), fleet.alice, '/')).status, 200);
  });

  it('leaves no file outside of its directory to be read', async () => {
    const setup = await aSetup(fleet, backend.port);
    write(join(directory, 'outside'), { ...nodeFiles(setup, 1), 'conf/manifest': '{"files":{"../plain/certs/tls.key":"00"}}' });
    await using proxy = await started('outside');
    assert.match(await (await proxy.ask('/healthz')).text(), /leaves the directory/);
  });

  it('tells which upstream ports answer in plaintext', async () => {
    write(join(directory, 'reachable'), nodeFiles(await aSetup(fleet, backend.port), 1));
    const table = join(directory, 'tcp');
    writeFileSync(table, `   0: 00000000:${backend.port.toString(16).toUpperCase().padStart(4, '0')} 00000000:0000 0A 0`);
    await using proxy = await started('reachable', { listenTables: [table] });
    const { plaintextReachable } = (await (await proxy.ask('/status')).json()) as { plaintextReachable: number[] };
    assert.deepEqual(plaintextReachable, [backend.port]);
    assert.match(await (await proxy.ask('/metrics')).text(), new RegExp(`tenant_mtls_plaintext_reachable\\{port="${backend.port}"\\} 1`));
  });

  it('answers 404 to anything else on the status port', async () => {
    mkdirSync(join(directory, 'status'));
    await using proxy = await started('status');
    assert.equal((await proxy.ask('/')).status, 404);
  });

  it('survives sets that are swapped every 100 ms, half of them broken, without losing a request or printing a key', async () => {
    const setup = await aSetup(fleet, backend.port);
    await using proxy = await nodeEngine().start(setup);
    const broken: Setup[] = [withFiles(setup, { 'certs/tls.key': 'none' }), withFiles(setup, { 'caCerts/trust-0.crt': fleet.server.key })];
    for (let index = 0; index < 20; index += 1) {
      proxy.swap(broken[index % 4] ?? setup, index % 5 === 0 ? 'stale' : 'whole');
      const until = performance.now() + 100;
      while (performance.now() < until) assert.equal((await send(proxy.port('https'), fleet.alice, '/')).status, 200);
    }
    proxy.swap(setup);
    await proxy.reaches(({ state }) => state === 'current');
    assert.doesNotMatch(proxy.log(), /PRIVATE KEY|BEGIN/);
  });

  describe('as a process', () => {
    const start = async (name: string, nodeOptions: readonly string[] = []) => {
      const statusPort = await freePort();
      const child = spawn(process.execPath, [...nodeOptions, 'src/sidecar/main.ts', '--dir', join(directory, name), '--status-port', String(statusPort), '--status-host', '127.0.0.1'], { stdio: ['ignore', 'pipe', 'inherit'] });
      const output: string[] = [];
      child.stdout.on('data', (chunk) => output.push(String(chunk)));
      await eventually(async () => ((await fetch(`http://127.0.0.1:${statusPort}/healthz`).catch(() => undefined))?.status === 200 ? true : undefined), 'the proxy is ready');
      return { child, ended: once(child, 'exit'), output };
    };
    const aProcess = async (name: string, nodeOptions: readonly string[] = []) => {
      const setup = await aSetup(fleet, backend.port);
      write(join(directory, name), nodeFiles(setup, 1));
      return { ...(await start(name, nodeOptions)), port: setup.model.listeners[0]?.port ?? 0 };
    };

    it('ends with 0 after SIGTERM, when what was under way is done', async () => {
      const { child, ended, port, output } = await aProcess('term');
      const socket = await openTls(port, fleet.alice);
      socket.write('GET /events HTTP/1.1\r\nHost: a\r\n\r\n');
      await readBytes(socket, 20);
      child.kill('SIGTERM');
      await isOver(socket);
      assert.deepEqual(await ended, [0, null]);
      assert.match(output.join(''), /"msg":"draining"[\s\S]*"msg":"stopped"/);
    });

    it('ends with a line of its log after a fault of its own', async () => {
      const fault = 'data:text/javascript,process.on("SIGUSR2",()=>{throw new TypeError("broken")})';
      const { child, ended, output } = await aProcess('fault', ['--import', fault]);
      child.kill('SIGUSR2');
      assert.deepEqual(await ended, [1, null]);
      const last = JSON.parse(output.join('').trim().split('\n').at(-1) ?? '') as Record<string, unknown>;
      assert.deepEqual([last['level'], last['msg'], last['error']], ['fatal', 'unexpected fault', 'TypeError: broken']);
    });

    it('ends at once after a second signal', async () => {
      const { child, ended, port, output } = await aProcess('twice');
      const socket = await openTls(port, fleet.alice);
      socket.write('GET /silent HTTP/1.1\r\nHost: a\r\n\r\n');
      await eventually(() => (backend.received.some(({ url }) => url === '/silent') ? true : undefined), 'the request is under way');
      child.kill('SIGTERM');
      await eventually(() => (output.join('').includes('draining') ? true : undefined), 'it drains');
      child.kill('SIGTERM');
      assert.deepEqual(await ended, [1, null]);
      socket.destroy();
    });
  });
});
