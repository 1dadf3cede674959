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

  const copySecret = async (from: string, to: string) => {
    const { data } = await admin.get<KubeObject & { data: Record<string, string> }>(resources.Secret, { namespace, name: from });
    await admin.create(resources.Secret, { apiVersion: 'v1', kind: 'Secret', type: 'kubernetes.io/tls', metadata: { name: to, namespace }, data } as KubeObject);
  };
  const refusalOf = async (name: string) => (await world.getCertificate(namespace, name)).status?.conditions?.find(({ type }) => type === 'Ready')?.message ?? '';

  it('issues nothing from a copy of a CA that is revoked, says which serial stands where, and goes on when another CA is put there', async () => {
    const middle = { issuer: { kind: 'Secret', name: 'summit-tls' }, commonName: 'middle', isCA: true, duration: '200h' };
    const fromCopy = { issuer: { kind: 'Secret', name: 'middle-copy' } };
    await world.certificate(namespace, 'summit', { issuer: { kind: 'SelfSigned' }, commonName: 'summit', isCA: true, duration: '300h' });
    await world.certificate(namespace, 'middle', middle);
    const { status: { serialNumber = '' } } = await world.pair(namespace, 'middle');
    await copySecret('middle-tls', 'middle-copy');
    await issue('copied', fromCopy);
    const before = await world.configMap(namespace, 'copied');
    await world.certificate(namespace, 'middle', { ...middle, revoked: { reason: 'cACompromise' } });
    await world.refused(namespace, 'copied', 'Revoked');
    assert.match(await refusalOf('copied'), new RegExp(`Secret ${namespace}/middle-copy .*${serialNumber}.*Secret ${namespace}/summit-tls-crl`, 'u'));
    await eventually(async () => assert.ok(await hasEvent('Revoked', 'copied')), SLOW);
    await world.certificate(namespace, 'copied-late', { ...fromCopy, commonName: 'copied-late' });
    await world.refused(namespace, 'copied-late', 'Revoked');
    assert.deepEqual(await world.configMap(namespace, 'copied'), before);
    const { data } = (await newAuthority('new-middle')).secret(namespace, 'middle-copy') as KubeObject & { data: object };
    await admin.mergePatch(resources.Secret, { namespace, name: 'middle-copy' }, { data });
    for (const name of ['copied', 'copied-late']) await world.ready(namespace, name);
  });

  it('issues nothing from a copy of a CA whose serial the Tenant has revoked, nor from a CA below it, also after a restart', async () => {
    const name = `${tenant}-ca`;
    const apply = async (revoked: object[]) => await world.tenant(name, { issuer: { name: `${tenant}-root` }, namespaces: { names: [namespace] }, allow: { commonNames: [`*.ca.${namespace}`], isCA: true }, revoked });
    await apply([]);
    await world.certificate(namespace, 'branch', { issuer: { kind: 'Tenant', name }, commonName: `branch.ca.${namespace}`, isCA: true, duration: '200h' });
    const { status: { serialNumber = '' } } = await world.pair(namespace, 'branch');
    await copySecret('branch-tls', 'branch-copy');
    await world.certificate(namespace, 'twig', { issuer: { kind: 'Secret', name: 'branch-copy' }, commonName: 'twig', isCA: true, duration: '100h' });
    await world.ready(namespace, 'twig');
    await world.certificate(namespace, 'leaf', { issuer: { kind: 'Secret', name: 'twig-tls' }, commonName: 'leaf' });
    await world.ready(namespace, 'leaf');
    await apply([{ serialNumber, reason: 'cACompromise' }]);
    for (const each of ['twig', 'leaf']) await world.refused(namespace, each, 'Revoked');
    assert.match(await refusalOf('twig'), new RegExp(`its certificate, serial ${serialNumber}`, 'u'));
    assert.match(await refusalOf('leaf'), new RegExp(`a certificate above it, serial ${serialNumber}`, 'u'));
    await operator.stop();
    operator = await startOperator(cluster);
    await becomesLeader(operator);
    await world.certificate(namespace, 'leaf-late', { issuer: { kind: 'Secret', name: 'branch-copy' }, commonName: 'leaf-late' });
    await world.refused(namespace, 'leaf-late', 'Revoked');
    // The object itself was given another CA.
    await eventually(async () => assert.equal((await world.getCertificate(namespace, 'branch')).status?.revision, 2), SLOW);
  });

  it('issues nothing for a Tenant whose root is revoked, until the Tenant has another root', async () => {
    const name = `${tenant}-under`;
    const root = { issuer: { kind: 'Secret', name: `${name}-top-tls` }, commonName: `${name}-root`, isCA: true, duration: '200h', deletionPolicy: 'Delete' };
    await world.certificate(SYSTEM_NAMESPACE, `${name}-top`, { issuer: { kind: 'SelfSigned' }, commonName: `${name}-top`, isCA: true, duration: '300h', deletionPolicy: 'Delete' });
    await world.certificate(SYSTEM_NAMESPACE, `${name}-root`, root);
    for (const each of ['top', 'root']) cluster.cleanups.push(async () => await admin.delete(resources.TenantCertificate, { namespace: SYSTEM_NAMESPACE, name: `${name}-${each}` }));
    await world.ready(SYSTEM_NAMESPACE, `${name}-root`);
    const apply = async (issuer: string) => await world.tenant(name, { issuer: { name: issuer }, namespaces: { names: [namespace] }, allow: { commonNames: [`*.under.${namespace}`] }, authority: { duration: '150h' } });
    await apply(`${name}-root-tls`);
    const leaf = { issuer: { kind: 'Tenant', name } };
    await world.certificate(namespace, 'under', { ...leaf, commonName: `a.under.${namespace}` });
    await world.ready(namespace, 'under');
    await world.certificate(SYSTEM_NAMESPACE, `${name}-root`, { ...root, revoked: { reason: 'cACompromise' } });
    await world.refused(namespace, 'under', 'Revoked');
    await eventually(async () => assert.equal((await world.getTenant(name)).status?.conditions?.find(({ type }) => type === 'Ready')?.reason, 'Revoked'), SLOW);
    await apply(`${tenant}-root`);
    await world.ready(namespace, 'under');
    await eventually(async () => assert.equal((await world.getCertificate(namespace, 'under')).status?.revision, 2), SLOW);
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

/** What makes the process believe that it is later than it is. */
function clockAhead(ms: number): Readonly<Record<string, string>> {
  const code = `const Real = Date; globalThis.Date = class extends Real { constructor(...args) { args.length === 0 ? super(Real.now() + ${ms}) : super(...args); } static now() { return Real.now() + ${ms}; } };`;
  return { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(code)}` };
}

describe('revocation while the clock of the operator is 40 days ahead', { skip: missingCluster() }, () => {
  const DAY = 86_400_000;
  const cluster = connect();
  const { admin } = cluster;
  const world = new IssuanceWorld(cluster);
  let namespace: string;

  before(async () => {
    await installPrerequisites(cluster);
    namespace = await freshNamespace(cluster, 'ahead');
    const secret = (await newAuthority('ahead-ca')).secret(namespace, 'ahead-ca');
    await admin.create(resources.Secret, { ...secret, metadata: { ...secret.metadata, annotations: { 'tenant-mtls.dev/crl': 'true' } } } as KubeObject);
  });

  // It would renew everything that others have left.
  const lead = async (env: Readonly<Record<string, string>> = {}) => {
    const operator = await startOperator(cluster, { env, args: ['--webhook', 'off', '--metrics-port', '0', '--watch-namespaces', namespace] });
    await becomesLeader(operator);
    return operator;
  };
  const apply = async (name: string, spec: object = {}) => await world.certificate(namespace, name, { issuer: { kind: 'Secret', name: 'ahead-ca' }, commonName: name, duration: '2400h', ...spec });
  const issue = async (name: string, spec: object = {}) => {
    await apply(name, spec);
    return (await world.pair(namespace, name)).status.serialNumber ?? '';
  };
  /** The CRL as soon as all of these are on it. */
  const listing = async (...serials: string[]) => await eventually(async () => {
    const crl = readCrl((await world.secret(namespace, 'ahead-ca-crl'))['ca.crl'] ?? '') ?? assert.fail();
    assert.deepEqual([...revokedSerials(crl)].sort(), serials.sort());
    return crl;
  }, SLOW);
  const skewed = async () => (await world.getCertificate(namespace, 'kept')).status?.conditions?.find(({ type }) => type === 'ClockSkewed');

  it('takes nothing off the CRL, signs none for the future, says so, and is silent when the clock is right again', async () => {
    const short = { duration: '24h' };
    const serials: string[] = [];
    {
      await using _ = await lead();
      await issue('kept');
      serials.push(await issue('ended', short));
      for (const name of ['first', 'second']) serials.push(await issue(name));
      await apply('ended', { ...short, revoked: { reason: 'keyCompromise' } });
      await listing(serials[0] ?? '');
      assert.equal(await skewed(), undefined);
    }
    {
      await using _ = await lead(clockAhead(40 * DAY));
      for (const [index, name] of ['first', 'second'].entries()) {
        await apply(name, { revoked: { reason: 'keyCompromise' } });
        const { thisUpdate, nextUpdate = assert.fail() } = await listing(...serials.slice(0, index + 2));
        assert.ok(thisUpdate.getTime() < Date.now(), `begins ${thisUpdate.toISOString()}`);
        assert.ok(nextUpdate.getTime() < Date.now() + 8 * DAY, `ends ${nextUpdate.toISOString()}`);
      }
      await eventually(async () => assert.match((await skewed())?.message ?? '', /more than a day ahead of the API server's/u), SLOW);
    }
    await using _ = await lead();
    await eventually(async () => assert.equal(await skewed(), undefined), SLOW);
    await listing(...serials);
  });
});
