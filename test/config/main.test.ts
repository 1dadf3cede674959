import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

const ROOT = new URL('../../', import.meta.url).pathname;

async function run(...args: string[]): Promise<{ code: unknown; stdout: string; stderr: string }> {
  return await runUnder([], ...args);
}

async function runUnder(nodeOptions: readonly string[], ...args: string[]): Promise<{ code: unknown; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [...nodeOptions, 'src/main.ts', ...args], { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'], timeout: 15_000 });
  const printed = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) child[stream].setEncoding('utf8').on('data', (text: string) => (printed[stream] += text));
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  return { code: code ?? signal, ...printed };
}

describe('tenant-mtls', { concurrency: 2 }, () => {
  let folder: string;
  before(async () => void (folder = await mkdtemp(join(tmpdir(), 'tenant-mtls-main-'))));
  after(async () => await rm(folder, { recursive: true, force: true }));

  it('prints its version', async () => {
    const { code, stdout } = await run('--version');
    assert.deepEqual([code, /^\d+\.\d+\.\d+\n$/.test(stdout)], [0, true]);
  });

  for (const args of [['--help'], ['operator', '--help'], ['operator', '--workers', '4', '--help']]) {
    it(`explains itself: ${args.join(' ')}`, async () => {
      const { code, stdout, stderr } = await run(...args);
      assert.deepEqual([code, stderr], [0, '']);
      assert.match(stdout, /Usage: tenant-mtls operator/);
      assert.match(stdout, /--leader-election/);
    });
  }

  it('says which Node.js it needs when it is run by an older one', async () => {
    const older = 'data:text/javascript,Object.defineProperty(process, "versions", { value: { ...process.versions, node: "22.18.0" } })';
    const { code, stderr } = await runUnder(['--import', older], 'status');
    assert.deepEqual([code, stderr.split(';')[0]], [2, 'tenant-mtls: needs Node.js 22.19 or later, and this is 22.18.0']);
  });

  it('lists everything that is wrong with its flags and exits with 2', async () => {
    const { code, stdout, stderr } = await run('operator', '--wrokers', '--workers=0', '--log-level=loud');
    assert.deepEqual([code, stdout], [2, '']);
    for (const part of [/--wrokers/, /--workers must be/, /--log-level/]) assert.match(stderr, part);
    assert.doesNotMatch(stderr, /\n\s+at /, 'no stack');
  });

  it('says that a command is unknown and exits with 2', async () => {
    const { code, stderr } = await run('oprator');
    assert.equal(code, 2);
    assert.match(stderr, /oprator/);
  });

  it('says which kubeconfig it cannot read, and ends', async () => {
    const { code, stdout, stderr } = await run('operator', '--kubeconfig', join(folder, 'none'), '--metrics-port=0');
    assert.equal(code, 1);
    assert.match(stdout + stderr, /no such file.*none/);
  });

  it('ends when it cannot start, instead of running by half', async () => {
    const occupied = createServer().listen(0);
    await once(occupied, 'listening');
    const { port } = occupied.address() as AddressInfo;
    const kubeconfig = join(folder, 'kubeconfig');
    await writeFile(kubeconfig, JSON.stringify({
      apiVersion: 'v1', kind: 'Config', 'current-context': 'a', contexts: [{ name: 'a', context: { cluster: 'a', user: 'a' } }], users: [{ name: 'a', user: { token: 'x' } }],
      clusters: [{ name: 'a', cluster: { server: 'https://127.0.0.1:9' } }],
    }));
    const { code, stdout, stderr } = await run('operator', '--kubeconfig', kubeconfig, '--webhook=off', `--metrics-port=${port}`);
    occupied.close();
    assert.equal(code, 1);
    assert.match(stdout + stderr, /EADDRINUSE/);
  });
});
