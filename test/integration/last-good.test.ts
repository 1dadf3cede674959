// What is refused is not issued, and what is there goes on to be kept up to date; what the API server refuses is seen by people.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { ConfigMap } from '../../src/api/object-meta.ts';
import type { TenantCertificate } from '../../src/api/tenant-certificate.ts';
import type { KubeObject } from '../../src/kube/object.ts';
import { resources } from '../../src/kube/resources.ts';
import { newAuthority } from '../support/authority.ts';
import { connect, eventually, freshNamespace, missingCluster } from '../support/cluster.ts';
import type { Cluster } from '../support/cluster.ts';
import { becomesLeader, installPrerequisites, startOperator } from '../support/operator.ts';
import type { OperatorProcess } from '../support/operator.ts';

describe('the last good state', { skip: missingCluster() }, () => {
  let cluster: Cluster;
  let operator: OperatorProcess;

  before(async () => {
    cluster = connect();
    await installPrerequisites(cluster);
    operator = await startOperator(cluster);
    await becomesLeader(operator);
  });
  after(async () => {
    await operator.stop();
    await cluster.close();
  });

  const readiness = async (namespace: string, name: string) => {
    const { status } = await cluster.admin.get<TenantCertificate>(resources.TenantCertificate, { namespace, name });
    const ready = status?.conditions?.find(({ type }) => type === 'Ready');
    return { status, ready: `${ready?.status}/${ready?.reason}`, message: ready?.message ?? '' };
  };
  const apply = async (namespace: string, name: string, spec: object) =>
    await cluster.admin.applyServerSide(resources.TenantCertificate, { apiVersion: 'tenant-mtls.dev/v1alpha1', kind: 'TenantCertificate', metadata: { name, namespace }, spec } as KubeObject);

  it('takes over what others trust no longer while its own issuer is away', async () => {
    const { admin } = cluster;
    const namespace = await freshNamespace(cluster, 'last-good');
    const [own, partner, successor] = [await newAuthority('own'), await newAuthority('partner'), await newAuthority('partner, new')];
    await admin.create(resources.Secret, own.secret(namespace, 'own-ca') as KubeObject);
    await admin.create(resources.ConfigMap, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'partner', namespace }, data: { 'ca.crt': partner.certificatePem } } as KubeObject);
    await apply(namespace, 'edge', {
      issuer: { kind: 'Secret', name: 'own-ca' }, commonName: 'edge.example',
      proxy: { listeners: [{ name: 'https', port: 8443, tls: { trust: [{ kind: 'ConfigMap', name: 'partner' }] } }] },
    });
    await eventually(async () => assert.equal((await readiness(namespace, 'edge')).ready, 'True/Issued'));
    await admin.delete(resources.Secret, { namespace, name: 'own-ca' });
    await eventually(async () => assert.equal((await readiness(namespace, 'edge')).ready, 'False/IssuerNotFound'));
    await admin.mergePatch(resources.ConfigMap, { namespace, name: 'partner' }, { data: { 'ca.crt': successor.certificatePem } });
    await eventually(async () => {
      const { data } = await admin.get<ConfigMap>(resources.ConfigMap, { namespace, name: 'edge-proxy' });
      assert.equal(data?.['trust-0.crt']?.trim(), successor.certificatePem.trim());
    });
    assert.equal((await readiness(namespace, 'edge')).ready, 'False/IssuerNotFound');
  });

  it('says what the API server refused to store, and remembers what was issued', async () => {
    const { admin } = cluster;
    const namespace = await freshNamespace(cluster, 'write-failed');
    const quota = { name: 'none', namespace };
    await admin.create(resources.Secret, (await newAuthority('own')).secret(namespace, 'own-ca') as KubeObject);
    await admin.request('POST', `/api/v1/namespaces/${namespace}/resourcequotas`, { apiVersion: 'v1', kind: 'ResourceQuota', metadata: quota, spec: { hard: { 'count/configmaps': '0' } } });
    await eventually(async () => {
      const { status } = await admin.request<{ status?: { hard?: object } }>('GET', `/api/v1/namespaces/${namespace}/resourcequotas/none`);
      assert.ok(status?.hard !== undefined);
    });
    await apply(namespace, 'hello', { issuer: { kind: 'Secret', name: 'own-ca' }, commonName: 'hello.example' });
    const { status, message } = await eventually(async () => {
      const found = await readiness(namespace, 'hello');
      assert.equal(found.ready, 'False/WriteFailed');
      return found;
    });
    assert.match(message, /hello-proxy.*quota/);
    assert.equal(status?.issued?.[0]?.serialNumber, status?.serialNumber);
    await admin.request('DELETE', `/api/v1/namespaces/${namespace}/resourcequotas/none`);
    await eventually(async () => {
      await admin.mergePatch(resources.TenantCertificate, { namespace, name: 'hello' }, { metadata: { annotations: { again: String(Math.random()) } } });
      assert.equal((await readiness(namespace, 'hello')).ready, 'True/Issued');
    }, { intervalMs: 500 });
    assert.equal((await readiness(namespace, 'hello')).status?.revision, 1);
  });
});
