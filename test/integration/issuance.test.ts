// The operator issues, keeps and repairs certificates against a real API server, with its own RBAC.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import type { ConfigMap, Secret } from '../../src/api/object-meta.ts';
import type { TenantCertificate } from '../../src/api/tenant-certificate.ts';
import type { KubeObject } from '../../src/kube/object.ts';
import { resources } from '../../src/kube/resources.ts';
import { connect, eventually, freshNamespace, missingCluster } from '../support/cluster.ts';
import { newAuthority } from '../support/authority.ts';
import { becomesLeader, installPrerequisites, startOperator } from '../support/operator.ts';
import type { OperatorProcess } from '../support/operator.ts';

describe('issuing from a CA Secret', { skip: missingCluster() }, () => {
  const cluster = connect();
  const { admin } = cluster;
  let operator: OperatorProcess;
  let namespace: string;

  before(async () => {
    await installPrerequisites(cluster);
    namespace = await freshNamespace(cluster, 'issuance');
    operator = await startOperator(cluster);
    await becomesLeader(operator);
  });
  after(async () => await operator.stop());

  const apply = async (name: string, spec: object) =>
    await admin.applyServerSide(resources.TenantCertificate, { apiVersion: 'tenant-mtls.dev/v1alpha1', kind: 'TenantCertificate', metadata: { name, namespace }, spec } as KubeObject);
  const get = async (name: string) => await admin.get<TenantCertificate>(resources.TenantCertificate, { namespace, name });
  const secret = async (name: string) => await admin.get<Secret>(resources.Secret, { namespace, name });
  const ready = async (name: string) => await eventually(async () => {
    const certificate = await get(name);
    const condition = certificate.status?.conditions?.find(({ type }) => type === 'Ready');
    assert.equal(condition?.status, 'True', JSON.stringify(certificate.status?.conditions));
    assert.equal(condition.observedGeneration, certificate.metadata.generation);
    return certificate;
  });
  const refused = async (name: string, reason: string) => await eventually(async () => {
    const condition = (await get(name)).status?.conditions?.find(({ type }) => type === 'Ready');
    assert.deepEqual([condition?.status, condition?.reason], ['False', reason], JSON.stringify(condition));
    return condition;
  });
  const text = (object: Secret, key: string) => Buffer.from(object.data?.[key] ?? '', 'base64').toString();

  it('writes a Secret that chains to the CA, a ConfigMap and a status', async () => {
    const ca = await newAuthority('shop-ca');
    await admin.create(resources.Secret, ca.secret(namespace, 'shop-ca') as KubeObject);
    await apply('hello', { issuer: { kind: 'Secret', name: 'shop-ca' }, commonName: 'hello.shop.example', dnsNames: ['hello.shop.svc'] });
    const certificate = await ready('hello');
    const leaf = new X509Certificate(text(await secret('hello-tls'), 'tls.crt'));
    assert.equal(leaf.checkIssued(new X509Certificate(ca.certificatePem)), true);
    assert.equal(leaf.serialNumber, certificate.status?.serialNumber);
    assert.equal(leaf.subjectAltName, 'DNS:hello.shop.svc');
    const configMap = await admin.get<ConfigMap>(resources.ConfigMap, { namespace, name: 'hello-proxy' });
    assert.deepEqual(Object.keys(configMap.data ?? {}).filter((key) => !key.startsWith('trust')).sort(), ['entrypoint.sh', 'manifest', 'nginx.conf', 'proxy.json']);
  });

  it('says that a CA Secret is missing, and heals when it comes', async () => {
    await apply('late', { issuer: { kind: 'Secret', name: 'late-ca' }, commonName: 'late.example' });
    const condition = await refused('late', 'IssuerNotFound');
    assert.match(condition?.message ?? '', /late-ca/);
    await admin.create(resources.Secret, (await newAuthority('late-ca')).secret(namespace, 'late-ca') as KubeObject);
    await ready('late');
  });

  it('restores a Secret that was deleted, and one whose certificate was edited', async () => {
    const before = (await ready('hello')).status;
    await admin.delete(resources.Secret, { namespace, name: 'hello-tls' });
    const restored = await eventually(async () => await secret('hello-tls'), { timeoutMs: 5000 });
    assert.notEqual(text(restored, 'tls.crt'), '');
    await eventually(async () => assert.equal((await get('hello')).status?.revision, (before?.revision ?? 0) + 1));
    await admin.mergePatch(resources.Secret, { namespace, name: 'hello-tls' }, { data: { 'tls.crt': Buffer.from('nonsense').toString('base64') } });
    await eventually(async () => assert.match(text(await secret('hello-tls'), 'tls.crt'), /BEGIN CERTIFICATE/), { timeoutMs: 5000 });
    await eventually(async () => assert.equal((await get('hello')).status?.revision, (before?.revision ?? 0) + 2));
  });

  it('puts a label that was removed or changed back without issuing again, as often as it takes', async () => {
    const { status } = await ready('hello');
    const kinds = [[resources.Secret, 'hello-tls'], [resources.ConfigMap, 'hello-proxy']] as const;
    for (const label of [null, 'somebody', null]) {
      for (const [kind, name] of kinds) {
        await admin.mergePatch(kind, { namespace, name }, { metadata: { labels: { 'app.kubernetes.io/managed-by': label } } });
        await eventually(async () => assert.equal((await admin.get<Secret>(kind, { namespace, name })).metadata.labels?.['app.kubernetes.io/managed-by'], 'tenant-mtls'), { timeoutMs: 5000 });
      }
    }
    assert.equal((await get('hello')).status?.serialNumber, status?.serialNumber);
  });

  it('still restores what is deleted after its label was away', async () => {
    for (const [kind, name] of [[resources.ConfigMap, 'hello-proxy'], [resources.Secret, 'hello-tls']] as const) {
      const { metadata } = await admin.get<Secret>(kind, { namespace, name });
      await admin.delete(kind, { namespace, name });
      await eventually(async () => assert.notEqual((await admin.get<Secret>(kind, { namespace, name })).metadata.uid, metadata.uid), { timeoutMs: 5000 });
    }
    await ready('hello');
  });

  it('leaves a foreign Secret of that name alone', async () => {
    await admin.create(resources.Secret, { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'foreign-tls', namespace }, data: { mine: 'eA==' } } as KubeObject);
    await apply('foreign', { issuer: { kind: 'Secret', name: 'shop-ca' }, commonName: 'foreign.example' });
    await refused('foreign', 'SecretNotOwned');
    assert.deepEqual((await secret('foreign-tls')).data, { mine: 'eA==' });
  });

  it('takes its place within seconds once it was removed, as often as it comes', async () => {
    const ref = { namespace, name: 'foreign-tls' };
    for (const _ of ['first', 'second']) {
      await admin.delete(resources.Secret, ref);
      await eventually(async () => assert.match(text(await secret('foreign-tls'), 'tls.crt'), /BEGIN CERTIFICATE/), { timeoutMs: 5000 });
      await ready('foreign');
      await admin.mergePatch(resources.Secret, ref, { metadata: { ownerReferences: null, annotations: { 'tenant-mtls.dev/certificate-name': 'somebody' } } });
      await refused('foreign', 'SecretNotOwned');
    }
  });

  it('gives a Secret wanted by two to the older one', async () => {
    await apply('first', { issuer: { kind: 'Secret', name: 'shop-ca' }, commonName: 'first.example', secretName: 'shared-tls' });
    await ready('first');
    await eventually(async () => assert.ok(Date.now() - Date.parse((await get('first')).metadata.creationTimestamp ?? '') > 1000));
    await apply('second', { issuer: { kind: 'Secret', name: 'shop-ca' }, commonName: 'second.example', secretName: 'shared-tls' });
    const condition = await refused('second', 'SecretNameTaken');
    assert.match(condition?.message ?? '', /first/);
  });

  it('prints no private key', () => {
    assert.doesNotMatch(operator.output(), /PRIVATE KEY|\[private key\]/);
  });
});
