// The result of the self-test on a Deployment that its controller writes to as well, with the operator's own rights.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { SelfTestCondition } from '../../src/admission/self-test-condition.ts';
import { WEBHOOK_CONDITION } from '../../src/api/names.ts';
import type { KubeObject } from '../../src/kube/object.ts';
import { resources } from '../../src/kube/resources.ts';
import { aRecorder } from '../admission/fixtures.ts';
import { clientAs, connect, eventually, missingCluster, tokenFor } from '../support/cluster.ts';
import { installPrerequisites, SYSTEM_NAMESPACE } from '../support/operator.ts';

interface Observed extends KubeObject {
  readonly status: { readonly observedGeneration: number; readonly conditions: readonly { readonly type: string; readonly status: string; readonly reason: string; readonly message: string }[] };
}

describe('the condition of the operator\'s Deployment', { skip: missingCluster() }, () => {
  const cluster = connect();
  const ref = { namespace: SYSTEM_NAMESPACE, name: 'tenant-mtls' };
  let isOurs = false;

  before(async () => {
    await installPrerequisites(cluster);
    const { items } = await cluster.admin.list(resources.Deployment, { namespace: SYSTEM_NAMESPACE });
    isOurs = items.length === 0;
    if (!isOurs) return;
    const labels = { app: 'stands-for-the-operator' };
    const template = { metadata: { labels }, spec: { containers: [{ name: 'none', image: 'tenant-mtls.dev/none' }] } };
    await cluster.admin.create(resources.Deployment, { apiVersion: 'apps/v1', kind: 'Deployment', metadata: ref, spec: { replicas: 0, selector: { matchLabels: labels }, template } } as KubeObject);
  });
  after(async () => {
    if (isOurs) await cluster.admin.delete(resources.Deployment, ref);
  });

  const read = async (): Promise<Observed> => await cluster.admin.get<Observed>(resources.Deployment, ref);

  it('is written with the rights of the operator, and kept by the controller of Deployments beside its own', async () => {
    const operator = clientAs(cluster, await tokenFor(cluster, SYSTEM_NAMESPACE, 'tenant-mtls'));
    const { log, lines } = aRecorder();
    const condition = new SelfTestCondition({ client: operator, log, deployment: ref, now: Date.now });
    await eventually(async () => assert.ok((await read()).status.conditions.some(({ type }) => type === 'Available')));
    await condition.tell({ outcome: 'Unreachable', message: 'connection refused' });
    assert.deepEqual(lines, []);
    // The controller writes the status anew.
    await cluster.admin.mergePatch(resources.Deployment, ref, { spec: { paused: true } });
    await eventually(async () => {
      const { metadata, status } = await read();
      assert.equal(status.observedGeneration, metadata?.generation);
      assert.ok(status.conditions.some(({ reason }) => reason === 'DeploymentPaused'));
    });
    const ours = (await read()).status.conditions.find(({ type }) => type === WEBHOOK_CONDITION);
    assert.deepEqual([ours?.status, ours?.reason, ours?.message], ['False', 'Unreachable', 'connection refused']);
    await condition.tell({ outcome: 'Answered', message: '' });
    await cluster.admin.mergePatch(resources.Deployment, ref, { spec: { paused: null } });
    await eventually(async () => {
      const { conditions } = (await read()).status;
      assert.deepEqual(conditions.filter(({ type }) => type === WEBHOOK_CONDITION).map(({ status }) => status), ['True']);
      assert.ok(conditions.some(({ type, status }) => type === 'Available' && status === 'True'));
    });
  });
});
