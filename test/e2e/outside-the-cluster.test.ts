// A proxy on a machine outside the cluster: the files fetched as the README says, the node engine run on them, and renewed while it runs.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { appendFile, cp, mkdtemp, readFile, readlink, rename, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter } from 'node:path';
import { promisify } from 'node:util';
import { after, before, describe, it } from 'node:test';
import { resources } from '../../src/kube/resources.ts';
import { eventually, kubeConfigPath } from '../support/cluster.ts';
import { cannotRunPods, certificateReady, readyPod } from '../support/e2e.ts';
import { startExample } from '../support/examples.ts';
import type { Example } from '../support/examples.ts';

const ROOT = new URL('../../', import.meta.url).pathname;
const run = promisify(execFile);
const STATUS_PORT = 18643;

describe('a proxy outside the cluster', { skip: cannotRunPods() }, () => {
  let example: Example;
  let directory: string;
  const processes: ChildProcess[] = [];
  const env = { ...process.env, KUBECONFIG: kubeConfigPath(), PATH: `${ROOT}.cluster/bin${delimiter}${process.env['PATH'] ?? ''}` };

  const start = (command: string, ...args: string[]): ChildProcess => {
    const started = spawn(command, args, { env, stdio: 'ignore' });
    processes.push(started);
    return started;
  };
  const fetchFiles = async () => await run(`${ROOT}deploy/examples/outside-the-cluster/fetch`, ['customer1', directory, '-n', example.namespace], { env });
  const status = async () => await (await fetch(`http://127.0.0.1:${STATUS_PORT}/status`)).json() as { state: string; message?: string; manifest: { serialNumber: string } };
  const seenByEdge = async () => {
    const answer = await fetch('http://127.0.0.1:18080/hello');
    assert.equal(answer.status, 200);
    return ((await answer.json()) as { headers: Record<string, string> }).headers;
  };

  before(async () => {
    example = await startExample('outside-the-cluster');
    const { cluster, namespace } = example;
    directory = await mkdtemp(`${tmpdir()}/outside-`);
    for (const name of ['edge', 'customer1']) await certificateReady(cluster, namespace, name);
    await readyPod(cluster, namespace, 'app=edge');
    await fetchFiles();
    start('kubectl', '-n', namespace, 'port-forward', 'service/edge', '18443:443');
    const bundle = `${ROOT}dist/proxy.js`;
    start(process.execPath, existsSync(bundle) ? bundle : `${ROOT}src/sidecar/main.ts`, '--dir', directory, '--status-host', '127.0.0.1', '--status-port', String(STATUS_PORT));
  });
  after(async () => {
    for (const started of processes.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null)) {
      started.kill();
      await once(started, 'exit');
    }
    await rm(directory, { recursive: true, force: true });
    await example.cluster.close();
  });

  it('turns plain HTTP on the machine into mutual TLS to the edge in the cluster', async () => {
    const headers = await eventually(seenByEdge, { timeoutMs: 30_000, intervalMs: 200 });
    assert.deepEqual([headers['x-ssl-client-verify'], headers['x-ssl-client-cn']], ['SUCCESS', 'customer1.example']);
  });

  it('presents a renewed certificate after the files were fetched again, without a restart', async () => {
    const { cluster, namespace } = example;
    const before = (await seenByEdge())['x-ssl-client-serial'];
    await cluster.admin.delete(resources.Secret, { namespace, name: 'customer1-tls' });
    await eventually(async () => {
      await fetchFiles();
      const { state, manifest } = await status();
      assert.deepEqual([state, manifest.serialNumber === before], ['current', false]);
      assert.equal((await seenByEdge())['x-ssl-client-serial'], manifest.serialNumber);
    }, { timeoutMs: 30_000, intervalMs: 1000 });
  });

  it('keeps the old files where new ones do not fit together, and says so', async () => {
    const { manifest } = await status();
    await cp(`${directory}/${await readlink(`${directory}/..data`)}`, `${directory}/..halfway`, { recursive: true });
    await appendFile(`${directory}/..halfway/certs/tls.crt`, await readFile(`${directory}/caCerts/ca.crt`));
    await symlink('..halfway', `${directory}/..data_new`);
    await rename(`${directory}/..data_new`, `${directory}/..data`);
    await eventually(async () => assert.equal((await status()).state, 'pending'), { timeoutMs: 15_000 });
    assert.equal((await seenByEdge())['x-ssl-client-serial'], manifest.serialNumber);
    await fetchFiles();
    await eventually(async () => assert.equal((await status()).state, 'current'), { timeoutMs: 15_000 });
  });
});
