// Tenants as PKI boundaries, on a real API server with the operator's own rights: authorities, policy, deletion, isolation.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import type { KubeObject } from '../../src/kube/object.ts';
import { isNotFound } from '../../src/kube/api-error.ts';
import { resources } from '../../src/kube/resources.ts';
import { printWithOpenssl, verifyWithOpenssl } from '../pki/openssl.ts';
import { connect, eventually, freshNamespace, missingCluster } from '../support/cluster.ts';
import { assertCondition, IssuanceWorld } from '../support/issuance-world.ts';
import { becomesLeader, installPrerequisites, startOperator, SYSTEM_NAMESPACE } from '../support/operator.ts';
import type { OperatorProcess } from '../support/operator.ts';

describe('a Tenant', { skip: missingCluster() }, () => {
  const cluster = connect();
  const { admin } = cluster;
  const world = new IssuanceWorld(cluster);
  let operator: OperatorProcess;
  let shop: string;
  let other: string;
  let root: string;
  let rootPem: string;
  let tenant: string;
  const issuer = () => ({ kind: 'Tenant', name: tenant });
  /** No other Tenant of the cluster may claim them. */
  const allow = () => ({ commonNames: [`*.${shop}.example`], dnsNames: [`*.${shop}.svc`], uris: [`spiffe://${shop}/*`], subject: { organizations: ['Shop'] } });

  before(async () => {
    await installPrerequisites(cluster);
    shop = await freshNamespace(cluster, 'shop');
    other = await freshNamespace(cluster, 'other');
    root = `${shop}-root`;
    tenant = shop;
    operator = await startOperator(cluster);
    await becomesLeader(operator);
    rootPem = await world.platformRoot(root);
  });
  after(async () => await operator.stop());

  const authority = async (name = tenant) => await world.secret(SYSTEM_NAMESPACE, `tenant-${name}-authority`);

  it('says that its root is missing, and heals when it comes', async () => {
    await world.tenant(`${shop}-late`, { issuer: { name: `${shop}-late-root` }, namespaces: { names: ['nowhere'] } });
    await eventually(async () => assert.match(assertCondition(await world.getTenant(`${shop}-late`), { status: 'False', reason: 'IssuerNotFound' }).message, /late-root/));
    await world.platformRoot(`${shop}-late-root`);
    await world.tenantReady(`${shop}-late`);
  });

  it('gets an authority of its own from the platform root, within constraints, and a twin as its anchor', async () => {
    await world.tenant(tenant, { issuer: { name: root }, namespaces: { names: [shop] }, allow: allow(), authority: { subject: { organizations: ['Shop'] } } });
    const { status } = await world.tenantReady(tenant);
    const { 'tls.crt': certificate = '' } = await authority();
    assert.equal(verifyWithOpenssl({ anchors: rootPem, leaf: certificate, purpose: 'any', at: new Date() }), 'OK');
    const text = printWithOpenssl('x509', certificate, '-text', '-nameopt', 'RFC2253');
    assert.match(text, new RegExp(`Subject: CN=${tenant},O=Shop`));
    assert.match(text, /Basic Constraints: critical\s+CA:TRUE, pathlen:0/);
    assert.match(text, /Name Constraints: critical/);
    assert.match(text, new RegExp(`DNS:${shop}\\.svc`));
    const anchor = new X509Certificate(status?.anchor ?? '');
    assert.equal(anchor.checkIssued(anchor), true);
    assert.deepEqual(anchor.publicKey.export({ type: 'spki', format: 'der' }), new X509Certificate(certificate).publicKey.export({ type: 'spki', format: 'der' }));
    assert.equal(status?.rotation?.phase, 'Stable');
    assert.ok(status.crl?.number);
  });

  it('says which of its revocations match nothing', async () => {
    const spec = { issuer: { name: root }, namespaces: { names: [shop] }, allow: allow(), authority: { subject: { organizations: ['Shop'] } } };
    await world.tenant(tenant, { ...spec, revoked: [{ certificateSHA256: 'd'.repeat(64) }, { certificate: { namespace: shop, name: 'nobody' } }] });
    const unmatched = async () => (await world.getTenant(tenant)).status?.conditions?.find(({ type }) => type === 'RevocationsUnmatched')?.message ?? '';
    await eventually(async () => assert.match(await unmatched(), /certificateSHA256 dddddddddddddddd; spec.revoked\[1\].certificate .*\/nobody/));
    await world.tenant(tenant, { ...spec, revoked: [] });
    await eventually(async () => assert.equal(await unmatched(), ''));
  });

  it('issues what it allows, with the chain and the anchor that belong to it', async () => {
    await world.certificate(shop, 'hello', { issuer: issuer(), commonName: `hello.${shop}.example`, dnsNames: [`hello.${shop}.svc`], uris: [`spiffe://${shop}/hello`], subject: { organizations: ['Shop'] } });
    const { certificate, anchor } = await world.pair(shop, 'hello');
    assert.equal(anchor, (await world.getTenant(tenant)).status?.anchor);
    const [leaf = '', intermediate = ''] = certificate.split(/(?<=-----END CERTIFICATE-----\n)/);
    assert.equal(verifyWithOpenssl({ anchors: anchor, leaf, purpose: 'sslclient', at: new Date() }), 'OK');
    assert.equal(verifyWithOpenssl({ anchors: rootPem, untrusted: intermediate, leaf, purpose: 'sslserver', at: new Date() }), 'OK');
    await eventually(async () => assert.deepEqual((await world.getTenant(tenant)).status?.certificates, { total: 1, ready: 1 }));
  });

  it('keeps its key in the namespace of the operator', async () => {
    const { 'tls.key': key = '' } = await authority();
    const { items } = await admin.list<{ data?: Record<string, string> } & KubeObject>(resources.Secret, { namespace: shop });
    for (const { metadata, data = {} } of items) {
      const stored = Buffer.from(data['tls.key'] ?? '', 'base64').toString();
      assert.notEqual(stored, key, metadata?.name);
    }
    assert.doesNotMatch(operator.output(), /PRIVATE KEY/);
  });

  const refusals: Record<string, readonly [string, () => object, string, RegExp]> = {
    'a DNS name': ['dns', () => ({ commonName: `a.${shop}.example`, dnsNames: ['a.bank.svc'] }), 'PolicyViolation', /spec\.dnsNames\[0\].*allow\.dnsNames/],
    'a common name': ['cn', () => ({ commonName: 'a.bank.example' }), 'PolicyViolation', /spec\.commonName.*allow\.commonNames/],
    'an organization': ['org', () => ({ commonName: `a.${shop}.example`, subject: { organizations: ['Bank'] } }), 'PolicyViolation', /allow\.subject\.organizations/],
    'an authority': ['ca', () => ({ commonName: `a.${shop}.example`, isCA: true, duration: '100h' }), 'PolicyViolation', /spec\.isCA .*allow\.isCA/],
    'a key': ['key', () => ({ commonName: `a.${shop}.example`, privateKey: { algorithm: 'RSA' } }), 'PolicyViolation', /allow\.algorithms/],
    'a lifetime': ['long', () => ({ commonName: `a.${shop}.example`, duration: '9000h' }), 'PolicyViolation', /allow\.maxDuration/],
  };
  for (const [what, [name, spec, reason, message]] of Object.entries(refusals)) {
    it(`refuses ${what} that it does not allow, naming the rule`, async () => {
      await world.certificate(shop, name, { issuer: issuer(), ...spec() });
      assert.match((await world.refused(shop, name, reason)).message, message);
      await assert.rejects(world.secret(shop, `${name}-tls`), isNotFound);
      assert.ok(operator.log.some((line) => line.msg === 'certificate refused' && line['certificate'] === `${shop}/${name}` && message.test(String(line['detail']))));
    });
  }

  it('refuses a namespace that it does not list, and admits it when it does', async () => {
    await world.certificate(other, 'hello', { issuer: issuer(), commonName: `hello.${shop}.example` });
    await world.refused(other, 'hello', 'NamespaceNotAllowed');
    await world.tenant(tenant, { issuer: { name: root }, namespaces: { selector: { matchLabels: { team: tenant } } }, allow: allow(), authority: { subject: { organizations: ['Shop'] } } });
    await admin.mergePatch(resources.Namespace, { name: shop }, { metadata: { labels: { team: tenant } } });
    await world.ready(shop, 'hello');
    await admin.mergePatch(resources.Namespace, { name: other }, { metadata: { labels: { team: tenant } } });
    await world.ready(other, 'hello');
  });

  it('goes on serving what it no longer allows, and issues nothing in its place', async () => {
    const { status } = await world.pair(other, 'hello');
    await admin.mergePatch(resources.Namespace, { name: other }, { metadata: { labels: { team: null } } });
    await world.refused(other, 'hello', 'NamespaceNotAllowed');
    assert.match((await world.secret(other, 'hello-tls'))['tls.crt'] ?? '', /BEGIN CERTIFICATE/);
    await admin.delete(resources.Secret, { namespace: other, name: 'hello-tls' });
    await world.refused(other, 'hello', 'NamespaceNotAllowed');
    await assert.rejects(world.secret(other, 'hello-tls'), isNotFound);
    assert.equal((await world.getCertificate(other, 'hello')).status?.revision, status.revision);
  });

  it('loses names that an older Tenant has claimed, one by one', async () => {
    const newer = `${shop}-newer`;
    await eventually(async () => assert.ok(Date.now() - Date.parse((await world.getTenant(tenant)).metadata.creationTimestamp ?? '') > 1000));
    await world.tenant(newer, { issuer: { name: root }, namespaces: { names: [other] }, allow: { commonNames: [`**.${shop}.example`, `*.${newer}.example`] } });
    await eventually(async () => assert.match(assertCondition(await world.getTenant(newer), { type: 'NameCollision', status: 'True' }).message, new RegExp(`older Tenant ${tenant}`)));
    await world.certificate(other, 'taken', { issuer: { kind: 'Tenant', name: newer }, commonName: `hello.${shop}.example` });
    await world.certificate(other, 'free', { issuer: { kind: 'Tenant', name: newer }, commonName: `hello.${newer}.example` });
    assert.match((await world.refused(other, 'taken', 'NameCollision')).message, new RegExp(tenant));
    await world.ready(other, 'free');
  });

  it('is not deleted while it is in use, says by how many, and leaves its authority behind', async () => {
    const newer = `${shop}-newer`;
    const { 'tls.key': key } = await authority(newer);
    const inUse = async (message: RegExp) => await eventually(async () => assert.match(assertCondition(await world.getTenant(newer), { type: 'InUse', status: 'True' }).message, message), { timeoutMs: 15_000 });
    await inUse(/^2 TenantCertificates/);
    await admin.delete(resources.Tenant, { name: newer });
    await inUse(/deletion waits/);
    await admin.delete(resources.TenantCertificate, { namespace: other, name: 'taken' });
    await admin.delete(resources.TenantCertificate, { namespace: other, name: 'free' });
    await eventually(async () => await assert.rejects(world.getTenant(newer), isNotFound), { timeoutMs: 15_000 });
    assert.equal((await authority(newer))['tls.key'], key);
  });

  it('takes its authority with it when it was asked to', async () => {
    const name = `${shop}-brief`;
    await world.tenant(name, { issuer: { name: root }, namespaces: { names: [other] }, deletionPolicy: 'Delete' });
    await world.tenantReady(name);
    await admin.delete(resources.Tenant, { name });
    await eventually(async () => await assert.rejects(authority(name), isNotFound), { timeoutMs: 15_000 });
    await eventually(async () => await assert.rejects(world.secret(SYSTEM_NAMESPACE, `tenant-${name}-authority-crl`), isNotFound));
  });

  it('takes over the authority that a Tenant of its name has left', async () => {
    const newer = `${shop}-newer`;
    const { 'tls.key': key } = await authority(newer);
    await world.tenant(newer, { issuer: { name: root }, namespaces: { names: [other] }, allow: { commonNames: [`**.${shop}.example`, `*.${newer}.example`] } });
    await world.tenantReady(newer);
    assert.equal((await authority(newer))['tls.key'], key);
  });

  it('leaves a foreign Secret of the name of its authority alone', async () => {
    const name = `${shop}-foreign`;
    await admin.create(resources.Secret, { apiVersion: 'v1', kind: 'Secret', metadata: { name: `tenant-${name}-authority`, namespace: SYSTEM_NAMESPACE }, data: { mine: 'eA==' } } as KubeObject);
    await world.tenant(name, { issuer: { name: root }, namespaces: { names: [other] } });
    await eventually(async () => assertCondition(await world.getTenant(name), { status: 'False', reason: 'SecretNotOwned' }), { timeoutMs: 15_000 });
    assert.deepEqual(await authority(name), { mine: 'x' });
  });
});
