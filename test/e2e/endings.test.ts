// How pods with a sidecar end, are evicted and are copied.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { resources } from '../../src/kube/resources.ts';
import { eventually } from '../support/cluster.ts';
import { cannotRunPods } from '../support/e2e.ts';
import { e2eNamespace, hasSidecar, isReady } from '../support/e2e-namespace.ts';
import type { E2eNamespace, ObservedPod } from '../support/e2e-namespace.ts';
import { aDeployment, aPod, hello, script } from '../support/pods.ts';

/** Answers /slow after 3 s, and ends as a good app does: nothing new is taken, what is open is finished. */
const SLOW_APP = `
const server = require('node:http').createServer((request, response) => {
  if (request.url !== '/slow') return response.end('quick');
  console.log('slow request');
  setTimeout(() => response.end('finished'), 3000);
}).listen(8080, '127.0.0.1');
process.on('SIGTERM', () => server.close());
`;

const annotations = (engine: string) => ({ 'tenant-mtls.dev/certificate': 'hello', 'tenant-mtls.dev/engine': engine });
const HOLD = 'tenant-mtls.example/hold';

describe('endings', { skip: cannotRunPods() }, () => {
  let shop: E2eNamespace;

  before(async () => {
    shop = await e2eNamespace('endings');
    for (const engine of ['nginx', 'node']) {
      const app = script(SLOW_APP, { ports: [{ containerPort: 8080 }] });
      const pod = aPod({ name: `slow-${engine}`, annotations: annotations(engine), containers: [app], spec: { terminationGracePeriodSeconds: 30 } });
      // Keeps the object after its containers have ended, to look at when they did.
      await shop.create(resources.Pod, { ...pod, metadata: { ...pod.metadata, finalizers: [HOLD] } });
    }
    await shop.create(resources.Deployment, aDeployment({ name: 'hello', containers: [hello()] }, { annotations: annotations('nginx') }));
  });
  after(async () => {
    for (const engine of ['nginx', 'node']) await shop?.patch(resources.Pod, `slow-${engine}`, { metadata: { finalizers: null } }).catch(() => undefined);
    await shop?.cluster.close();
  });

  for (const engine of ['nginx', 'node']) {
    it(`finishes an open request of a deleted pod, and ends the app before the sidecar (engine ${engine})`, async () => {
      const pod = await shop.readyPod(`slow-${engine}`);
      await shop.answers(pod, '/');
      const answer = shop.request(pod, '/slow', { timeout: 20_000 });
      await eventually(async () => assert.match(await shop.kubectl('logs', `slow-${engine}`, '-c', 'app'), /slow request/));
      await shop.kubectl('delete', 'pod', `slow-${engine}`, '--wait=false');
      assert.deepEqual([(await answer).status, (await answer).body], [200, 'finished']);
      const { app, sidecar } = await eventually(async () => {
        const { status } = await shop.pod(`slow-${engine}`);
        const ended = { app: status.containerStatuses?.[0]?.state.terminated, sidecar: status.initContainerStatuses?.[0]?.state.terminated };
        assert.ok(ended.app !== undefined && ended.sidecar !== undefined);
        return { app: ended.app, sidecar: ended.sidecar };
      }, { timeoutMs: 30_000, intervalMs: 200 });
      assert.deepEqual([app.exitCode, sidecar.exitCode], [0, 0]);
      assert.ok(Date.parse(app.finishedAt) <= Date.parse(sidecar.finishedAt), `app ${app.finishedAt}, sidecar ${sidecar.finishedAt}`);
    });
  }

  const readyHello = async (not?: string): Promise<ObservedPod> => await eventually(async () => {
    const pod = (await shop.pods('app=hello')).find((each) => isReady(each) && each.metadata?.name !== not);
    assert.ok(pod !== undefined);
    return pod;
  }, { timeoutMs: 60_000, intervalMs: 200 });

  it('runs a copy of a pod made by kubectl debug with one sidecar that serves', async () => {
    const { metadata } = await readyHello();
    const profile = join(tmpdir(), `tenant-mtls-debug-${process.pid}.json`);
    await writeFile(profile, JSON.stringify({ securityContext: { runAsUser: 1000 } }));
    const image = ['--image=tenant-mtls.dev/toolbox:dev', '--profile=restricted', `--custom=${profile}`, '--container=debugger'];
    await shop.kubectl('debug', metadata?.name ?? '', '--copy-to=copy', ...image, '--quiet', '--', 'sleep', '60');
    const copy = await shop.readyPod('copy');
    assert.ok(hasSidecar(copy));
    assert.deepEqual(copy.spec.containers.map(({ name }) => name), ['hello', 'debugger']);
    await shop.answers(copy, '/date');
    await shop.kubectl('delete', 'pod', 'copy', '--wait=false', '--grace-period=1');
  });

  it('replaces an evicted pod by another with a sidecar', async () => {
    const { metadata } = await readyHello();
    const name = metadata?.name ?? '';
    const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace: shop.name } };
    await shop.cluster.admin.create(resources.Pod, eviction, { subresource: 'eviction' });
    const next = await readyHello(name);
    assert.ok(hasSidecar(next));
    await shop.answers(next, '/date');
  });
});
