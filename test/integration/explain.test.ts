// explain and inject, asking a real cluster.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { clusterReader } from '../../src/cli/inject-cluster.ts';
import { explain } from '../../src/cli/explain.ts';
import { resources } from '../../src/kube/resources.ts';
import { captureIo } from '../cli/inject-io.ts';
import { connect, freshNamespace, missingCluster } from '../support/cluster.ts';

describe('explain on a cluster', { skip: missingCluster() }, () => {
  let cluster: ReturnType<typeof connect>;
  let namespace = '';

  before(async () => {
    cluster = connect();
    // The label keeps an installed webhook out of it.
    namespace = await freshNamespace(cluster, 'explain', { 'tenant-mtls.dev/inject': 'false' });
    for (const [name, annotations] of Object.entries({ plain: {}, asking: { 'tenant-mtls.dev/certificate': 'gone' } })) {
      const template = { metadata: { labels: { app: name }, annotations }, spec: { containers: [{ name: 'app', image: 'registry.example/app:1', ports: [{ containerPort: 8080 }] }] } };
      const deployment = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { namespace, name }, spec: { replicas: 0, selector: { matchLabels: { app: name } }, template } };
      await cluster.admin.create(resources.Deployment, deployment);
    }
  });
  after(async () => await cluster.close());

  const run = async (...args: string[]) => {
    const io = captureIo({ cluster: clusterReader(cluster.admin, namespace) });
    return { code: await explain([...args, '-o', 'json'], io), reports: JSON.parse(io.out()) as { namespace: string; decision: string; reasons: { reason: string }[] }[] };
  };

  const cases = {
    'a Deployment that has not opted in': ['deployment/plain', 0, 'skipped', 'NotOptedIn'],
    'a Deployment in a namespace that has opted out': ['deploy/asking', 0, 'skipped', 'NamespaceOptedOut'],
  } as const;
  for (const [sentence, [argument, code, decision, reason]] of Object.entries(cases)) {
    it(`explains ${sentence}`, async () => {
      const explained = await run(argument);
      assert.equal(explained.code, code);
      assert.deepEqual(explained.reports.map((report) => [report.namespace, report.decision, report.reasons[0]?.reason]), [[namespace, decision, reason]]);
    });
  }

  it('says which TenantCertificate is missing, once the namespace is in again', async () => {
    await cluster.admin.jsonPatch(resources.Namespace, { name: namespace }, [{ op: 'remove', path: '/metadata/labels/tenant-mtls.dev~1inject' }]);
    const { code, reports } = await run('deploy/asking');
    assert.equal(code, 1);
    assert.deepEqual(reports[0]?.reasons.map(({ reason }) => reason), ['CertificateNotFound']);
  });

  it('knows the version of the cluster, and nothing of what is not there', async () => {
    const reader = clusterReader(cluster.admin, namespace);
    assert.match((await reader.kubernetesVersion()) ?? '', /^v1\.\d+/);
    assert.equal(await reader.object('Pod', namespace, 'gone'), undefined);
    assert.equal(await reader.object('Secret', namespace, 'gone'), undefined);
    assert.equal(await reader.namespaceLabels('no-such-namespace'), undefined);
  });
});
