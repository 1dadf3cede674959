// Revocation on a real API server: what is revoked or deleted comes onto the CRL of its issuer, and the CRL into every bundle.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { isNotFound } from '../../src/kube/api-error.ts';
import type { KubeObject } from '../../src/kube/object.ts';
import { resources } from '../../src/kube/resources.ts';
import { readCrl, revokedSerials } from '../../src/pki/read-crl.ts';
import { verifyWithOpenssl, printWithOpenssl } from '../pki/openssl.ts';
import { newAuthority } from '../support/authority.ts';
import { connect, eventually, freshNamespace, missingCluster } from '../support/cluster.ts';
import { judgeWithGo } from '../support/go-verify/judge.ts';
import { IssuanceWorld } from '../support/issuance-world.ts';
import { OpensslFolder } from '../support/openssl-ca.ts';
import { becomesLeader, installPrerequisites, startOperator, SYSTEM_NAMESPACE } from '../support/operator.ts';
import type { OperatorProcess } from '../support/operator.ts';

const SLOW = { timeoutMs: 20_000 };

describe('revocation', { skip: missingCluster() }, () => {
  const cluster = connect();
  const { admin } = cluster;
  const world = new IssuanceWorld(cluster);
  let operator: OperatorProcess;
  let namespace: string;
  let tenant: string;

  before(async () => {
    await installPrerequisites(cluster);
    namespace = await freshNamespace(cluster, 'revocation');
    tenant = namespace;
    operator = await startOperator(cluster);
    await becomesLeader(operator);
    await world.platformRoot(`${tenant}-root`);
    await applyTenant();
    await admin.create(resources.Secret, (await newAuthority('plain-ca')).secret(namespace, 'plain-ca') as KubeObject);
  });
  after(async () => await operator.stop());

  const applyTenant = async (spec: object = {}) => await world.tenant(tenant, { issuer: { name: `${tenant}-root` }, namespaces: { names: [namespace] }, allow: { commonNames: [`*.${namespace}`] }, ...spec });
  const issue = async (name: string, spec: object = {}) => {
    await world.certificate(namespace, name, { issuer: { kind: 'Tenant', name: tenant }, commonName: `${name}.${namespace}`, ...spec });
    return await world.pair(namespace, name);
  };
  const tenantCrl = async () => (await world.secret(SYSTEM_NAMESPACE, `tenant-${tenant}-authority-crl`))['ca.crl'] ?? '';
  const plainCrl = async () => (await world.secret(namespace, 'plain-ca-crl'))['ca.crl'] ?? '';
  const listed = async (serial: string, crl = tenantCrl) => await eventually(async () => {
    const pem = await crl();
    const parsed = readCrl(pem);
    assert.ok(parsed !== undefined && revokedSerials(parsed).has(serial), `${serial} is not on the CRL`);
    return pem;
  }, SLOW);
  const numberOf = (pem: string) => readCrl(pem)?.number ?? 0n;

  it('puts what is revoked on the CRL, for OpenSSL and for Go, and issues nothing again', async () => {
    const good = await issue('good');
    const bad = await issue('bad');
    await world.certificate(namespace, 'bad', { issuer: { kind: 'Tenant', name: tenant }, commonName: `bad.${namespace}`, revoked: { reason: 'keyCompromise' } });
    await world.refused(namespace, 'bad', 'Revoked');
    const crl = await listed(bad.status.serialNumber ?? '');
    const judge = (leaf: string) => verifyWithOpenssl({ anchors: good.anchor, leaf, crls: crl, purpose: 'sslclient', at: new Date() });
    assert.equal(judge(good.certificate), 'OK');
    assert.match(judge(bad.certificate), /certificate revoked/);
    const verdicts = judgeWithGo([good, bad].map(({ certificate }) => ({ roots: good.anchor, leaf: certificate, usage: 'client', at: new Date(), crl })));
    assert.deepEqual(verdicts.map(({ ok, error }) => error ?? ok), [true, 'revoked with reason 1']);
    assert.match(printWithOpenssl('crl', crl, '-text'), /X509v3 Authority Key Identifier[\s\S]*X509v3 CRL Number[\s\S]*Key Compromise/);
    await admin.delete(resources.Secret, { namespace, name: 'bad-tls' });
    await assert.rejects(world.secret(namespace, 'bad-tls'), isNotFound);
  });

  it('brings the CRL into the bundles of everyone who trusts the issuer', async () => {
    const crl = await tenantCrl();
    await eventually(async () => assert.equal((await world.configMap(namespace, 'good'))['trust-0.crl'], crl), SLOW);
  });

  it('revokes what is deleted, and lets it go when that is done', async () => {
    const { status } = await issue('deleted');
    assert.deepEqual((await world.getCertificate(namespace, 'deleted')).metadata.finalizers, ['tenant-mtls.dev/revoke-on-delete']);
    const before = numberOf(await tenantCrl());
    await admin.delete(resources.TenantCertificate, { namespace, name: 'deleted' });
    await eventually(async () => await assert.rejects(world.getCertificate(namespace, 'deleted'), isNotFound), SLOW);
    const crl = await listed(status.serialNumber ?? '');
    assert.ok(numberOf(crl) > before);
    assert.match(printWithOpenssl('crl', crl, '-text'), /Cessation Of Operation/);
  });

  it('holds nobody back whose Secret outlives it', async () => {
    const { status } = await issue('retained', { deletionPolicy: 'Retain' });
    await admin.delete(resources.TenantCertificate, { namespace, name: 'retained' });
    await assert.rejects(world.getCertificate(namespace, 'retained'), isNotFound);
    assert.equal(revokedSerials(readCrl(await tenantCrl()) ?? assert.fail()).has(status.serialNumber ?? ''), false);
  });

  it('takes the word of the Tenant: by serial, by hash and by object', async () => {
    const [serial, hash, object] = [await issue('by-serial'), await issue('by-hash'), await issue('by-object')];
    const revoked = [{ serialNumber: serial.status.serialNumber, reason: 'superseded' }, { certificateSHA256: hash.status.certificateSHA256 }, { certificate: { namespace, name: 'by-object' } }];
    await applyTenant({ revoked });
    for (const { status } of [serial, hash, object]) await listed(status.serialNumber ?? '');
    await world.refused(namespace, 'by-object', 'Revoked');
    // Single serials are replaced: the object itself is still welcome.
    for (const name of ['by-serial', 'by-hash']) await eventually(async () => assert.equal((await world.getCertificate(namespace, name)).status?.revision, 2), SLOW);
    await applyTenant({ revoked: [] });
    await world.ready(namespace, 'by-object');
    assert.notEqual((await world.pair(namespace, 'by-object')).status.serialNumber, object.status.serialNumber);
    await listed(object.status.serialNumber ?? '');
  });

  it('keeps no CRL for a CA Secret, and adds no finalizer, until it is needed', async () => {
    const plain = { issuer: { kind: 'Secret', name: 'plain-ca' } };
    const kept = await issue('plain', plain);
    const lost = await issue('lost', plain);
    assert.equal((await world.getCertificate(namespace, 'plain')).metadata.finalizers, undefined);
    await assert.rejects(plainCrl(), isNotFound);
    await world.certificate(namespace, 'lost', { ...plain, commonName: `lost.${namespace}`, revoked: {} });
    const crl = await listed(lost.status.serialNumber ?? '', plainCrl);
    assert.equal(verifyWithOpenssl({ anchors: kept.anchor, leaf: kept.certificate, crls: crl, purpose: 'sslclient', at: new Date() }), 'OK');
    await eventually(async () => assert.deepEqual((await world.getCertificate(namespace, 'plain')).metadata.finalizers, ['tenant-mtls.dev/revoke-on-delete']), SLOW);
    await eventually(async () => assert.equal((await world.configMap(namespace, 'plain'))['trust-0.crl'], crl), SLOW);
  });

  it('revokes what an earlier issuer has signed, too', async () => {
    const { status } = await issue('moved');
    const plain = { issuer: { kind: 'Secret', name: 'plain-ca' }, commonName: `moved.${namespace}` };
    await world.certificate(namespace, 'moved', plain);
    await eventually(async () => assert.equal((await world.pair(namespace, 'moved')).status.revision, 2), SLOW);
    const moved = (await world.pair(namespace, 'moved')).status;
    await world.certificate(namespace, 'moved', { ...plain, revoked: {} });
    await listed(moved.serialNumber ?? '', plainCrl);
    await listed(status.serialNumber ?? '');
    const { status: deleted } = await issue('moved-and-deleted');
    await world.certificate(namespace, 'moved-and-deleted', { ...plain, commonName: `moved-and-deleted.${namespace}` });
    await eventually(async () => assert.equal((await world.pair(namespace, 'moved-and-deleted')).status.revision, 2), SLOW);
    await admin.delete(resources.TenantCertificate, { namespace, name: 'moved-and-deleted' });
    await eventually(async () => await assert.rejects(world.getCertificate(namespace, 'moved-and-deleted'), isNotFound), SLOW);
    assert.ok(revokedSerials(readCrl(await tenantCrl()) ?? assert.fail()).has(deleted.serialNumber ?? ''));
  });

  it('keeps one from the beginning where the CA Secret asks for it', async () => {
    const secret = (await newAuthority('asking-ca')).secret(namespace, 'asking-ca');
    await admin.create(resources.Secret, { ...secret, metadata: { ...secret.metadata, annotations: { 'tenant-mtls.dev/crl': 'true' } } } as KubeObject);
    await issue('asking', { issuer: { kind: 'Secret', name: 'asking-ca' } });
    assert.match((await world.secret(namespace, 'asking-ca-crl'))['ca.crl'] ?? '', /BEGIN X509 CRL/);
  });

  it('begins to keep one when the object of a CA asks for it', async () => {
    const ca = { issuer: { kind: 'SelfSigned' }, commonName: 'own-ca', isCA: true };
    await world.certificate(namespace, 'own-ca', ca);
    await issue('own', { issuer: { kind: 'Secret', name: 'own-ca-tls' } });
    await assert.rejects(world.secret(namespace, 'own-ca-tls-crl'), isNotFound);
    await world.certificate(namespace, 'own-ca', ca, { 'tenant-mtls.dev/crl': 'true' });
    await eventually(async () => assert.match((await world.configMap(namespace, 'own'))['trust-0.crl'] ?? '', /BEGIN X509 CRL/), SLOW);
  });

  it('shuts nobody out for a root that may not sign CRLs, and says that nothing can be revoked', async () => {
    using folder = new OpensslFolder();
    const { certificate, key } = folder.selfSigned('mute', { extensions: ['-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,digitalSignature,keyCertSign'] });
    const data = { 'tls.crt': Buffer.from(certificate).toString('base64'), 'tls.key': Buffer.from(key).toString('base64') };
    await admin.create(resources.Secret, { apiVersion: 'v1', kind: 'Secret', type: 'kubernetes.io/tls', metadata: { name: 'mute-ca', namespace }, data } as KubeObject);
    const mute = { issuer: { kind: 'Secret', name: 'mute-ca' } };
    const good = await issue('mute-good', mute);
    await issue('mute-bad', mute);
    await world.certificate(namespace, 'mute-bad', { ...mute, commonName: `mute-bad.${namespace}`, revoked: {} });
    await world.refused(namespace, 'mute-bad', 'Revoked');
    await eventually(async () => assert.equal((await world.getCertificate(namespace, 'mute-good')).status?.conditions?.find(({ type }) => type === 'CRLExpiring')?.reason, 'CRLNotAllowed'), SLOW);
    const { 'trust-0.crt': anchors = '', 'trust-0.crl': crls } = await world.configMap(namespace, 'mute-good');
    assert.equal(crls, undefined);
    assert.equal(verifyWithOpenssl({ anchors, leaf: good.certificate, purpose: 'sslclient', at: new Date() }), 'OK');
    await assert.rejects(world.secret(namespace, 'mute-ca-crl'), isNotFound);
  });

  it('goes on with higher numbers after a restart, and signs nothing without a reason', async () => {
    const before = numberOf(await tenantCrl());
    await operator.stop();
    operator = await startOperator(cluster);
    await becomesLeader(operator);
    const { status } = await issue('after-restart');
    assert.equal(numberOf(await tenantCrl()), before);
    await admin.delete(resources.TenantCertificate, { namespace, name: 'after-restart' });
    assert.equal(numberOf(await listed(status.serialNumber ?? '')), before + 1n);
  });

  it('forgets no certificate that was stored and not reported before the next one replaces it', async () => {
    const { status } = await issue('unreported');
    await operator.stop();
    await admin.patchStatus(resources.TenantCertificate, { namespace, name: 'unreported' }, { issued: null, serialNumber: null, certificateSHA256: null });
    await world.certificate(namespace, 'unreported', { issuer: { kind: 'Tenant', name: tenant }, commonName: `renamed.${namespace}` });
    operator = await startOperator(cluster);
    await becomesLeader(operator);
    await eventually(async () => assert.equal((await world.getCertificate(namespace, 'unreported')).status?.revision, 2), SLOW);
    const { issued = [] } = (await world.getCertificate(namespace, 'unreported')).status ?? {};
    assert.deepEqual([issued.length, issued[0]?.serialNumber], [2, status.serialNumber]);
  });

  it('waits with a deletion while something is wrong with the issuer, and revokes when it was put right', async () => {
    const { status } = await issue('patient', { issuer: { kind: 'Secret', name: 'asking-ca' } });
    const { data } = await admin.get<KubeObject & { data: Record<string, string> }>(resources.Secret, { namespace, name: 'asking-ca' });
    const keep = async (key: string | undefined) => await admin.mergePatch(resources.Secret, { namespace, name: 'asking-ca' }, { data: { 'tls.key': key } });
    await keep('eA==');
    await eventually(async () => assert.equal((await world.getCertificate(namespace, 'patient')).status?.conditions?.find(({ type }) => type === 'Ready')?.reason, 'IssuerMalformed'), SLOW);
    await admin.delete(resources.TenantCertificate, { namespace, name: 'patient' });
    await eventually(async () => assert.ok(await hasEvent('RevocationWaits', 'patient')), SLOW);
    await world.getCertificate(namespace, 'patient');
    await keep(data['tls.key']);
    await eventually(async () => await assert.rejects(world.getCertificate(namespace, 'patient'), isNotFound), SLOW);
    await listed(status.serialNumber ?? '', async () => (await world.secret(namespace, 'asking-ca-crl'))['ca.crl'] ?? '');
  });

  const hasEvent = async (reason: string, name: string) => {
    const { items } = await admin.list<KubeObject & { reason?: string; involvedObject?: { name?: string } }>(resources.Event, { namespace });
    return items.some((each) => each.reason === reason && each.involvedObject?.name === name);
  };

  it('issues nothing more from a CA that is revoked itself, until that is taken back', async () => {
    const sub = { issuer: { kind: 'Secret', name: 'top-tls' }, commonName: 'sub', isCA: true, duration: '200h' };
    const leaf = { issuer: { kind: 'Secret', name: 'sub-tls' } };
    await world.certificate(namespace, 'top', { issuer: { kind: 'SelfSigned' }, commonName: 'top', isCA: true, duration: '300h' });
    await world.certificate(namespace, 'sub', sub);
    await issue('below', leaf);
    await world.certificate(namespace, 'sub', { ...sub, revoked: { reason: 'cACompromise' } });
    await world.refused(namespace, 'below', 'Revoked');
    await world.certificate(namespace, 'late', { ...leaf, commonName: `late.${namespace}` });
    await world.refused(namespace, 'late', 'Revoked');
    await world.certificate(namespace, 'sub', sub);
    await world.ready(namespace, 'late');
  });

  it('never starts over from a state that it cannot read', async () => {
    const name = `tenant-${tenant}-authority-crl`;
    const data = await world.secret(SYSTEM_NAMESPACE, name);
    const [key = '', text = ''] = Object.entries(data).find(([each]) => each.endsWith('.json')) ?? [];
    const write = async (content: string) => await admin.mergePatch(resources.Secret, { namespace: SYSTEM_NAMESPACE, name }, { data: { [key]: Buffer.from(content).toString('base64') } });
    await write('nonsense');
    await issue('while-malformed');
    assert.equal((await world.configMap(namespace, 'while-malformed'))['trust-0.crl'], data['ca.crl']);
    await eventually(async () => {
      const condition = (await world.getTenant(tenant)).status?.conditions?.find(({ type }) => type === 'CRLExpiring');
      assert.equal(condition?.reason, 'CRLStateMalformed');
    }, SLOW);
    assert.equal(await tenantCrl(), data['ca.crl']);
    await write(text);
    await admin.delete(resources.TenantCertificate, { namespace, name: 'while-malformed' });
    await eventually(async () => await assert.rejects(world.getCertificate(namespace, 'while-malformed'), isNotFound), SLOW);
  });

  it('lets everything go when the issuer is gone, and says that nothing was revoked', async () => {
    await admin.delete(resources.Secret, { namespace, name: 'plain-ca' });
    await world.refused(namespace, 'plain', 'IssuerNotFound');
    await admin.delete(resources.TenantCertificate, { namespace, name: 'plain' });
    await eventually(async () => await assert.rejects(world.getCertificate(namespace, 'plain'), isNotFound), SLOW);
    await eventually(async () => assert.ok(await hasEvent('NotRevoked', 'plain')), SLOW);
  });

  it('holds up no namespace', async () => {
    const name = await freshNamespace(cluster, 'going');
    cluster.cleanups.pop();
    await applyTenant({ namespaces: { names: [namespace, name] } });
    await world.certificate(name, 'inside', { issuer: { kind: 'Tenant', name: tenant }, commonName: `inside.${namespace}` });
    await world.ready(name, 'inside');
    await admin.delete(resources.Namespace, { name });
    await eventually(async () => await assert.rejects(admin.get(resources.TenantCertificate, { namespace: name, name: 'inside' }), isNotFound), { timeoutMs: 60_000 });
  });
});
