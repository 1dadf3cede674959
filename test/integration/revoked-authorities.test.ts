// CAs that are revoked, on a real API server: nothing is issued from them, nor from a copy of their Secret, nor from a CA below them.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { KubeObject } from '../../src/kube/object.ts';
import { resources } from '../../src/kube/resources.ts';
import { newAuthority } from '../support/authority.ts';
import { connect, eventually, freshNamespace, missingCluster } from '../support/cluster.ts';
import { IssuanceWorld } from '../support/issuance-world.ts';
import { becomesLeader, installPrerequisites, startOperator, SYSTEM_NAMESPACE } from '../support/operator.ts';
import type { OperatorProcess } from '../support/operator.ts';

const SLOW = { timeoutMs: 20_000 };

describe('a revoked authority', { skip: missingCluster() }, () => {
  const cluster = connect();
  const { admin } = cluster;
  const world = new IssuanceWorld(cluster);
  let operator: OperatorProcess;
  let namespace: string;
  let tenant: string;

  before(async () => {
    await installPrerequisites(cluster);
    namespace = await freshNamespace(cluster, 'revoked-ca');
    tenant = namespace;
    operator = await startOperator(cluster);
    await becomesLeader(operator);
    await world.platformRoot(`${tenant}-root`);
    await admin.create(resources.Secret, (await newAuthority('plain-ca')).secret(namespace, 'plain-ca') as KubeObject);
  });
  after(async () => await operator.stop());

  const issue = async (name: string, spec: object) => {
    await world.certificate(namespace, name, { commonName: name, ...spec });
    return await world.pair(namespace, name);
  };
  const hasEvent = async (reason: string, name: string) => {
    const { items } = await admin.list<KubeObject & { reason?: string; involvedObject?: { name?: string } }>(resources.Event, { namespace });
    return items.some((each) => each.reason === reason && each.involvedObject?.name === name);
  };
  const copySecret = async (from: string, to: string) => {
    const { data } = await admin.get<KubeObject & { data: Record<string, string> }>(resources.Secret, { namespace, name: from });
    await admin.create(resources.Secret, { apiVersion: 'v1', kind: 'Secret', type: 'kubernetes.io/tls', metadata: { name: to, namespace }, data } as KubeObject);
  };
  const refusalOf = async (name: string) => (await world.getCertificate(namespace, name)).status?.conditions?.find(({ type }) => type === 'Ready')?.message ?? '';

  const trusting = (...trust: object[]) => ({ proxy: { listeners: [{ name: 'https', port: 8443, protocol: 'HTTP', tls: { clientAuth: 'Required', trust }, routes: [{ upstream: 'app' }] }], upstreams: [{ name: 'app', addresses: ['127.0.0.1:8080'] }] } });

  it('issues nothing from a copy of a CA that is revoked, says which serial stands where, and goes on when another CA is put there', async () => {
    const middle = { issuer: { kind: 'Secret', name: 'summit-tls' }, commonName: 'middle', isCA: true, duration: '200h' };
    const fromCopy = { issuer: { kind: 'Secret', name: 'middle-copy' } };
    await world.certificate(namespace, 'summit', { issuer: { kind: 'SelfSigned' }, commonName: 'summit', isCA: true, duration: '300h' });
    await world.certificate(namespace, 'middle', middle);
    const { status: { serialNumber = '' } } = await world.pair(namespace, 'middle');
    await copySecret('middle-tls', 'middle-copy');
    const { anchor } = await issue('copied', fromCopy);
    const before = await world.configMap(namespace, 'copied');
    await admin.create(resources.ConfigMap, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'anchor-copy', namespace }, data: { 'ca.crt': anchor } } as KubeObject);
    await issue('truster', { issuer: { kind: 'Secret', name: 'plain-ca' }, ...trusting({ kind: 'ConfigMap', name: 'anchor-copy' }) });
    await world.certificate(namespace, 'middle', { ...middle, revoked: { reason: 'cACompromise' } });
    await world.refused(namespace, 'copied', 'Revoked');
    assert.match(await refusalOf('copied'), new RegExp(`Secret ${namespace}/middle-copy .*${serialNumber}.*Secret ${namespace}/summit-tls-crl`, 'u'));
    await eventually(async () => assert.ok(await hasEvent('Revoked', 'copied')), SLOW);
    await world.certificate(namespace, 'copied-late', { ...fromCopy, commonName: 'copied-late' });
    await world.refused(namespace, 'copied-late', 'Revoked');
    assert.deepEqual(await world.configMap(namespace, 'copied'), before);
    await world.refused(namespace, 'truster', 'TrustSourceMissing');
    assert.match(await refusalOf('truster'), new RegExp(`ConfigMap ${namespace}/anchor-copy, key ca.crt, holds the anchor of a CA that is revoked: the CA in Secret ${namespace}/middle`, 'u'));
    const { data } = (await newAuthority('new-middle')).secret(namespace, 'middle-copy') as KubeObject & { data: object };
    await admin.mergePatch(resources.Secret, { namespace, name: 'middle-copy' }, { data });
    for (const name of ['copied', 'copied-late']) await world.ready(namespace, name);
    await admin.mergePatch(resources.ConfigMap, { namespace, name: 'anchor-copy' }, { data: { 'ca.crt': (await newAuthority('partner')).certificatePem } });
    await world.ready(namespace, 'truster');
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
});
