// Workloads and those who write them: rollbacks, GitOps, other field managers, and Deployments that were there before the webhook.
// One rule for all: a sidecar costs one new ReplicaSet, and whoever applies the same manifest again changes nothing.
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { load } from 'js-yaml';
import type { KubeObject } from '../../src/kube/object.ts';
import { resources } from '../../src/kube/resources.ts';
import { eventually } from '../support/cluster.ts';
import { cannotRunPods } from '../support/e2e.ts';
import { e2eNamespace } from '../support/e2e-namespace.ts';
import type { E2eNamespace } from '../support/e2e-namespace.ts';
import { aDeployment, hello } from '../support/pods.ts';

const CERTIFICATE = 'tenant-mtls.dev/certificate';
const CARRIED = 'tenant-mtls.dev/carried';
const OPT_IN = { [CERTIFICATE]: 'hello' };
const REGISTRATION = new URL('../../deploy/base/webhook.yaml', import.meta.url);

type Deployment = KubeObject & {
  readonly spec: { readonly template: { readonly metadata: { readonly annotations?: Record<string, string> } } };
  readonly status?: { readonly observedGeneration?: number };
};

describe('workloads', { skip: cannotRunPods() }, () => {
  let shop: E2eNamespace;
  const files: string[] = [];

  before(async () => {
    shop = await e2eNamespace('workloads');
  });
  after(async () => await shop?.cluster.close());

  /** Without pods: everything here is decided before any is made. */
  const workload = (name: string, annotations: Record<string, string> = {}) => aDeployment({ name, containers: [hello()] }, { annotations, replicas: 0 });
  const create = async (name: string, annotations?: Record<string, string>) => await shop.create(resources.Deployment, workload(name, annotations));
  const annotate = async (name: string, value: string | null) => await shop.patch(resources.Deployment, name, { metadata: { annotations: { [CERTIFICATE]: value } } });
  const read = async (name: string) => await shop.read<Deployment>(resources.Deployment, name);
  const carried = async (name: string) => (await read(name)).spec.template.metadata.annotations?.[CERTIFICATE];

  /** After the controller has seen the latest generation. */
  const replicaSets = async (name: string): Promise<number> => {
    await eventually(async () => {
      const { metadata, status } = await read(name);
      assert.equal(status?.observedGeneration, metadata?.generation);
    });
    return (await shop.cluster.admin.list(resources.ReplicaSet, { namespace: shop.name, labelSelector: `app=${name}` })).items.length;
  };

  const manifestFile = async (object: KubeObject): Promise<string> => {
    const path = join(tmpdir(), `tenant-mtls-${process.pid}-${files.length}.json`);
    files.push(path);
    await writeFile(path, JSON.stringify(object));
    return path;
  };

  it('rolls back to a revision with its sidecar', async () => {
    await create('undo', OPT_IN);
    assert.equal(await replicaSets('undo'), 1);
    await shop.kubectl('set', 'env', 'deployment/undo', 'COLOUR=blue');
    assert.equal(await replicaSets('undo'), 2);
    await shop.kubectl('rollout', 'undo', 'deployment/undo');
    assert.equal(await carried('undo'), 'hello');
    assert.equal(await replicaSets('undo'), 2);
  });

  it('goes without and with its sidecar as rollbacks lead behind its annotation and back', async () => {
    await create('behind');
    assert.equal(await replicaSets('behind'), 1);
    await annotate('behind', 'hello');
    assert.equal(await replicaSets('behind'), 2);
    // kubectl takes back the annotations of the Deployment too.
    await shop.kubectl('rollout', 'undo', 'deployment/behind', '--to-revision=1');
    assert.equal(await carried('behind'), undefined);
    assert.equal(await replicaSets('behind'), 2);
    await shop.kubectl('rollout', 'undo', 'deployment/behind');
    assert.equal(await carried('behind'), 'hello');
    assert.equal(await replicaSets('behind'), 2);
  });

  it('keeps the sidecar when somebody else puts the template of before in place', async () => {
    await shop.patch(resources.Deployment, 'behind', { spec: { template: { metadata: { annotations: null } } } });
    assert.equal(await carried('behind'), 'hello');
    assert.equal(await replicaSets('behind'), 2);
  });

  it('is back on its first ReplicaSet when the annotation is taken away', async () => {
    await annotate('behind', null);
    assert.equal(await carried('behind'), undefined);
    assert.equal(await replicaSets('behind'), 2);
  });

  for (const [who, ...flags] of [['kubectl apply'], ['server-side apply of another manager', '--server-side', '--field-manager=gitops', '--force-conflicts']] as const) {
    it(`changes nothing when the manifest is applied again without what we carried: ${who}`, async () => {
      const name = flags.length === 0 ? 'applied' : 'applied-there';
      const file = await manifestFile(workload(name, OPT_IN));
      await shop.kubectl('apply', ...flags, '-f', file);
      const first = await read(name);
      assert.equal(first.spec.template.metadata.annotations?.[CARRIED], CERTIFICATE);
      for (let time = 0; time < 3; time += 1) await shop.kubectl('apply', ...flags, '-f', file);
      assert.equal((await read(name)).metadata?.generation, first.metadata?.generation);
      assert.equal(await replicaSets(name), 1);
    });

    it(`takes the sidecar out when the manifest comes without the annotation: ${who}`, async () => {
      const name = flags.length === 0 ? 'applied' : 'applied-there';
      await shop.kubectl('apply', ...flags, '-f', await manifestFile(workload(name)));
      assert.deepEqual((await read(name)).spec.template.metadata.annotations ?? {}, {});
    });
  }

  it('leaves the annotation alone that another manager put on the workload, when the author applies', async () => {
    const file = await manifestFile(workload('shared'));
    const apply = async () => await shop.kubectl('apply', '--server-side', '--field-manager=author', '-f', file);
    await apply();
    await annotate('shared', 'hello');
    const { metadata } = await read('shared');
    await apply();
    assert.equal(await carried('shared'), 'hello');
    assert.equal((await read('shared')).metadata?.generation, metadata?.generation);
  });

  it('makes at most one ReplicaSet of a Deployment that was annotated before there was a webhook', async () => {
    const { admin } = shop.cluster;
    const registration = load(await readFile(REGISTRATION, 'utf8')) as KubeObject;
    const ref = { name: registration.metadata?.name ?? '' };
    await admin.delete(resources.MutatingWebhookConfiguration, ref);
    try {
      await eventually(async () => {
        await create('early', OPT_IN);
        if ((await carried('early')) === undefined) return;
        await admin.delete(resources.Deployment, { namespace: shop.name, name: 'early' });
        assert.fail('the API server still calls the webhook');
      });
    } finally {
      await admin.applyServerSide(resources.MutatingWebhookConfiguration, registration, { query: { fieldManager: 'kubectl' } });
    }
    assert.equal(await replicaSets('early'), 1);
    await eventually(async () => {
      const { webhooks = [] } = await admin.get<KubeObject & { webhooks?: { clientConfig: { caBundle?: string } }[] }>(resources.MutatingWebhookConfiguration, ref);
      assert.ok(webhooks.every(({ clientConfig }) => (clientConfig.caBundle ?? '') !== ''));
    }, { timeoutMs: 30_000 });
    await eventually(async () => {
      await shop.kubectl('scale', 'deployment/early', '--replicas=1');
      await shop.patch(resources.Deployment, 'early', { metadata: { annotations: { touched: String(Math.random()) } } });
      assert.equal(await carried('early'), 'hello');
    });
    assert.equal(await replicaSets('early'), 2);
    await shop.kubectl('rollout', 'undo', 'deployment/early');
    await shop.kubectl('scale', 'deployment/early', '--replicas=0');
    assert.equal(await carried('early'), 'hello');
    assert.equal(await replicaSets('early'), 2);
  });
});
