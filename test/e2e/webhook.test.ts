// The webhook away, replaced and rotated, in a real cluster: what has not opted in never notices, what has is never let through plain.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { connect as connectTls } from 'node:tls';
import { after, before, describe, it } from 'node:test';
import { ApiError } from '../../src/kube/api-error.ts';
import type { KubeObject } from '../../src/kube/object.ts';
import { resources } from '../../src/kube/resources.ts';
import { createWhile } from '../support/admission-load.ts';
import { eventually } from '../support/cluster.ts';
import { cannotRunPods, podsOf, wakeOperator } from '../support/e2e.ts';
import { e2eNamespace, hasSidecar, isReady } from '../support/e2e-namespace.ts';
import type { E2eNamespace } from '../support/e2e-namespace.ts';
import { SYSTEM_NAMESPACE } from '../support/operator.ts';
import { aDeployment, aPod, hello, shell } from '../support/pods.ts';

const OPT_IN = { 'tenant-mtls.dev/certificate': 'hello' };
const OPERATOR = { namespace: SYSTEM_NAMESPACE, name: 'tenant-mtls' };
const SELECTOR = 'app.kubernetes.io/name=tenant-mtls';

/** The certificate that a replica serves now. */
async function servedCertificate(host: string): Promise<X509Certificate> {
  return await new Promise((resolve, reject) => {
    const socket = connectTls({ host, port: 10_250, rejectUnauthorized: false, timeout: 3000 }, () => {
      const certificate = socket.getPeerX509Certificate();
      socket.destroy();
      if (certificate === undefined) reject(new Error('no certificate'));
      else resolve(certificate);
    });
    socket.on('error', reject).on('timeout', () => socket.destroy(new Error('timeout')));
  });
}

describe('the webhook', { skip: cannotRunPods() }, () => {
  let shop: E2eNamespace;

  before(async () => {
    shop = await e2eNamespace('webhook');
  });
  after(async () => {
    if (shop === undefined) return;
    await wakeOperator(shop.cluster);
    await shop.cluster.close();
  });

  const asking = (): KubeObject => {
    const pod = aPod({ name: 'asking', annotations: OPT_IN, containers: [hello()] });
    return { ...pod, metadata: { ...pod.metadata, namespace: shop.name } };
  };
  /** What the API server trusts for the webhook. */
  const authorities = async () => {
    const { webhooks = [] } = await shop.cluster.admin.get<KubeObject & { webhooks?: { clientConfig: { caBundle?: string } }[] }>(resources.MutatingWebhookConfiguration, { name: 'tenant-mtls' });
    const bundle = Buffer.from(webhooks[0]?.clientConfig.caBundle ?? '', 'base64').toString();
    return (bundle.match(/-----BEGIN[^-]+-----[^-]+-----END[^-]+-----/g) ?? []).map((pem) => new X509Certificate(pem));
  };
  const replicas = async () => await podsOf(shop.cluster, SYSTEM_NAMESPACE, SELECTOR);

  describe('while no replica runs', () => {
    before(async () => {
      await shop.create(resources.Deployment, aDeployment({ name: 'served', containers: [hello()] }, { annotations: OPT_IN, replicas: 0 }));
      await shop.cluster.admin.mergePatch(resources.Deployment, OPERATOR, { spec: { replicas: 0 } });
      await eventually(async () => {
        const { items } = await shop.cluster.admin.list(resources.Pod, { namespace: SYSTEM_NAMESPACE, labelSelector: SELECTOR });
        assert.equal(items.length, 0);
      }, { timeoutMs: 60_000, intervalMs: 200 });
    });

    it('lets pods and workloads that have not opted in be made, changed and deleted as before', async () => {
      const { admin } = shop.cluster;
      await shop.create(resources.Pod, aPod({ name: 'plain', containers: [shell('sleep 60')] }));
      await shop.patch(resources.Pod, 'plain', { metadata: { labels: { changed: 'yes' } } });
      await admin.delete(resources.Pod, { namespace: shop.name, name: 'plain' });
      await shop.create(resources.Deployment, aDeployment({ name: 'plain', containers: [shell('sleep 60')] }));
      await eventually(async () => assert.equal((await shop.pods('app=plain')).length, 1));
      await shop.kubectl('set', 'env', 'deployment/plain', 'COLOUR=blue');
      await admin.delete(resources.Deployment, { namespace: shop.name, name: 'plain' });
    });

    it('lets a workload that has a sidecar be scaled and deleted', async () => {
      await shop.kubectl('scale', 'deployment/served', '--replicas=1');
      await shop.kubectl('scale', 'deployment/served', '--replicas=0');
      await shop.cluster.admin.delete(resources.Deployment, { namespace: shop.name, name: 'served' });
    });

    it('refuses a pod that asks for a sidecar, and says who did not answer', async () => {
      const error = await shop.cluster.admin.create(resources.Pod, asking()).catch((thrown: unknown) => thrown);
      assert.ok(error instanceof ApiError && error.code === 500, String(error));
      assert.match(error.message, /failed calling webhook "pods\.tenant-mtls\.dev"/);
    });

    it('makes the pods of a workload when it is back', async () => {
      await shop.create(resources.Deployment, aDeployment({ name: 'patient', annotations: OPT_IN, containers: [hello()] }));
      await eventually(async () => {
        const { status } = await shop.read<KubeObject & { status?: { conditions?: { type: string; message: string }[] } }>(resources.Deployment, 'patient');
        assert.match(status?.conditions?.find(({ type }) => type === 'ReplicaFailure')?.message ?? '', /failed calling webhook/);
      });
      await wakeOperator(shop.cluster);
      await eventually(async () => assert.ok((await shop.pods('app=patient')).some((pod) => isReady(pod) && hasSidecar(pod))), { timeoutMs: 60_000, intervalMs: 300 });
      await shop.kubectl('scale', 'deployment/patient', '--replicas=0');
    });
  });

  describe('while pods are made at 20 a second', () => {
    it('answers every review while its replicas are replaced', async () => {
      const before = new Set((await replicas()).map(({ metadata }) => metadata.name));
      const { created, failures } = await createWhile(shop.cluster, asking(), { perSecond: 20 }, async () => {
        await shop.kubectl('-n', SYSTEM_NAMESPACE, 'rollout', 'restart', 'deployment/tenant-mtls');
        await eventually(async () => {
          const { items } = await shop.cluster.admin.list(resources.Pod, { namespace: SYSTEM_NAMESPACE, labelSelector: SELECTOR });
          assert.equal(items.length, 2);
          assert.ok(items.every(({ metadata }) => !before.has(metadata?.name ?? '')));
        }, { timeoutMs: 90_000, intervalMs: 200 });
      });
      assert.deepEqual(failures, []);
      assert.ok(created >= 40, `${created} pods`);
    });

    it('answers every review while its own CA is replaced', async () => {
      const { admin } = shop.cluster;
      const secret = { namespace: SYSTEM_NAMESPACE, name: 'tenant-mtls-webhook-ca' };
      const addresses = (await replicas()).map(({ status }) => status.podIP);
      const before = await authorities();
      const { created, failures } = await createWhile(shop.cluster, asking(), { perSecond: 20 }, async () => {
        await admin.delete(resources.Secret, secret);
        await eventually(async () => {
          const served = await Promise.all(addresses.map(servedCertificate));
          for (const certificate of served) assert.ok(!before.some(({ publicKey }) => certificate.verify(publicKey)), 'a certificate of the CA of before is served');
        }, { timeoutMs: 90_000, intervalMs: 500 });
      });
      assert.deepEqual(failures, []);
      assert.ok(created >= 100, `${created} pods`);
    });
  });
});
