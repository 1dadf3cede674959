// Replacing a CA on a real API server: at no moment do two pods of one authority refuse each other, however late each loads its files.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import type { KubeObject } from '../../src/kube/object.ts';
import { resources } from '../../src/kube/resources.ts';
import { readCrl, revokedSerials } from '../../src/pki/read-crl.ts';
import { printWithOpenssl, verifyWithOpenssl } from '../pki/openssl.ts';
import { newAuthority } from '../support/authority.ts';
import { connect, eventually, freshNamespace, missingCluster } from '../support/cluster.ts';
import { FleetWatch } from '../support/fleet-watch.ts';
import { IssuanceWorld } from '../support/issuance-world.ts';
import { becomesLeader, installPrerequisites, startOperator, SYSTEM_NAMESPACE } from '../support/operator.ts';
import type { OperatorProcess } from '../support/operator.ts';

const SLOW = { timeoutMs: 40_000 };
const WAIT_MS = 2000;
/** Pods load what is written so late at most; the wait is meant to be longer. */
const LATEST_MS = WAIT_MS - 500;

describe('the replacement of a CA', { skip: missingCluster() }, () => {
  const cluster = connect();
  const { admin } = cluster;
  const world = new IssuanceWorld(cluster);
  let operator: OperatorProcess;
  let namespace: string;
  let tenant: string;

  before(async () => {
    await installPrerequisites(cluster);
    namespace = await freshNamespace(cluster, 'rotation');
    tenant = namespace;
    await start();
    await world.platformRoot(`${tenant}-root`);
    await applyTenant();
    for (const name of ['one', 'two']) await issue(name);
  });
  after(async () => await operator.stop());

  const start = async () => {
    operator = await startOperator(cluster, { args: ['--webhook', 'off', '--metrics-port', '0', '--rotation-wait', `${WAIT_MS / 1000}s`] });
    await becomesLeader(operator);
  };
  /** No other Tenant of the cluster may claim them. */
  const names = () => ({ commonNames: [`*.${namespace}`] });
  const applyTenant = async (spec: object = {}) => await world.tenant(tenant, { issuer: { name: `${tenant}-root` }, namespaces: { names: [namespace] }, allow: names(), ...spec });
  const issue = async (name: string, spec: object = { issuer: { kind: 'Tenant', name: tenant } }) => {
    await world.certificate(namespace, name, { commonName: `${name}.${namespace}`, ...spec });
    return await world.pair(namespace, name);
  };
  const phase = async (...wanted: string[]) => await eventually(async () => {
    const { status } = await world.getTenant(tenant);
    assert.ok(wanted.includes(status?.rotation?.phase ?? ''), JSON.stringify(status?.conditions));
    return status;
  }, SLOW);
  const replaced = async (before: string | undefined) => await eventually(async () => {
    const { status } = await world.getTenant(tenant);
    assert.equal(status?.rotation?.phase, 'Stable', JSON.stringify(status?.conditions));
    assert.notEqual(status.certificateSHA256, before);
    return status;
  }, SLOW);
  const anchorsIn = (pem: string) => pem.split(/(?<=-----END CERTIFICATE-----\n)/).filter(Boolean).length;

  it('goes through its phases when a Tenant asks for it, and all pods accept each other all the time', async () => {
    const before = await world.pair(namespace, 'one');
    const { status } = await world.tenantReady(tenant);
    await using watch = new FleetWatch(world, namespace, ['one', 'two'], LATEST_MS);
    await applyTenant({ renew: '1' });
    await phase('Prepared');
    await eventually(async () => assert.equal(anchorsIn((await world.configMap(namespace, 'two'))['trust-0.crt'] ?? ''), 2), SLOW);
    assert.equal((await world.pair(namespace, 'one')).status.serialNumber, before.status.serialNumber);
    const young = await issue('young');
    const after = await replaced(status?.certificateSHA256);
    await eventually(async () => assert.equal(anchorsIn((await world.configMap(namespace, 'two'))['trust-0.crt'] ?? ''), 1), SLOW);
    for (const name of ['one', 'two', 'young']) assert.equal((await world.pair(namespace, name)).status.issuerSHA256, after.certificateSHA256, name);
    assert.equal(anchorsIn(young.anchor), 2);
    assert.deepEqual(Object.keys(await world.secret(SYSTEM_NAMESPACE, `tenant-${tenant}-authority`)).sort(), ['tls.crt', 'tls.key']);
    assert.ok(watch.handshakes > 20, `${watch.handshakes} handshakes`);
    watch.assertNoneRefused();
  });

  it('gives an authority other constraints when the Tenant allows other names', async () => {
    const { status } = await world.tenantReady(tenant);
    await using watch = new FleetWatch(world, namespace, ['one', 'two'], LATEST_MS);
    await applyTenant({ allow: { ...names(), dnsNames: [`*.${namespace}.svc`] } });
    await replaced(status?.certificateSHA256);
    assert.match(printWithOpenssl('x509', (await world.getTenant(tenant)).status?.anchor ?? '', '-text'), new RegExp(`DNS:${namespace}\\.svc`));
    watch.assertNoneRefused();
  });

  it('survives a restart in the middle, and forgets no revocation', async () => {
    const { status } = await world.tenantReady(tenant);
    const { status: young } = await world.pair(namespace, 'young');
    await applyTenant({ renew: '2', allow: { ...names(), dnsNames: [`*.${namespace}.svc`] } });
    await phase('Prepared');
    await operator.stop();
    await world.certificate(namespace, 'young', { commonName: `young.${namespace}`, issuer: { kind: 'Tenant', name: tenant }, revoked: {} });
    await using watch = new FleetWatch(world, namespace, ['one', 'two'], LATEST_MS);
    await start();
    await eventually(async () => {
      const crls = (await world.configMap(namespace, 'one'))['trust-0.crl']?.split(/(?<=-----END X509 CRL-----\n)/).filter(Boolean) ?? [];
      assert.equal(crls.length, 2);
      assert.ok(crls.some((crl) => revokedSerials(readCrl(crl) ?? assert.fail()).has(young.serialNumber ?? '')));
    }, SLOW);
    await replaced(status?.certificateSHA256);
    watch.assertNoneRefused();
  });

  it('waits for a bundle that cannot be written, and says whose', async () => {
    const { status } = await world.tenantReady(tenant);
    const trust = [{ kind: 'Tenant', name: tenant }, { kind: 'ConfigMap', name: 'partner' }];
    const proxy = { listeners: [{ name: 'https', port: 8443, protocol: 'HTTP', tls: { trust }, routes: [{ upstream: 'app' }] }], upstreams: [{ name: 'app', addresses: ['127.0.0.1:8080'] }] };
    await world.certificate(namespace, 'two', { commonName: `two.${namespace}`, issuer: { kind: 'Tenant', name: tenant }, proxy });
    await world.refused(namespace, 'two', 'TrustSourceMissing');
    await applyTenant({ renew: '3', allow: { ...names(), dnsNames: [`*.${namespace}.svc`] } });
    await eventually(async () => {
      const ready = (await world.getTenant(tenant)).status?.conditions?.find(({ type }) => type === 'Ready');
      assert.match(ready?.message ?? '', new RegExp(`still to come: ${namespace}/two$`));
    }, SLOW);
    await world.certificate(namespace, 'two', { commonName: `two.${namespace}`, issuer: { kind: 'Tenant', name: tenant } });
    await replaced(status?.certificateSHA256);
  });

  it('signs nothing while the key of an overwritten CA Secret is missed and its successor not yet known', async () => {
    const [first, second] = [await newAuthority('first'), await newAuthority('second')];
    const plain = { issuer: { kind: 'Secret', name: 'plain-ca' } };
    await admin.create(resources.Secret, first.secret(namespace, 'plain-ca') as KubeObject);
    for (const name of ['a', 'b']) await issue(name, plain);
    await using watch = new FleetWatch(world, namespace, ['a', 'b'], LATEST_MS);
    const { data } = second.secret(namespace, 'plain-ca');
    await admin.mergePatch(resources.Secret, { namespace, name: 'plain-ca' }, { data });
    await eventually(async () => assert.equal(anchorsIn((await world.configMap(namespace, 'a'))['trust-0.crt'] ?? ''), 2), SLOW);
    await world.certificate(namespace, 'late', { commonName: `late.${namespace}`, ...plain });
    await world.refused(namespace, 'late', 'IssuerBeingReplaced');
    await eventually(async () => {
      for (const name of ['a', 'b', 'late']) {
        const { certificate, anchor } = await world.pair(namespace, name);
        assert.equal(new X509Certificate(certificate).checkIssued(new X509Certificate(second.certificatePem)), true, name);
        assert.equal(anchorsIn(anchor), 1, name);
        assert.equal(verifyWithOpenssl({ anchors: anchor, leaf: certificate, purpose: 'sslclient', at: new Date() }), 'OK');
      }
    }, SLOW);
    assert.ok(watch.handshakes > 20, `${watch.handshakes} handshakes`);
    watch.assertNoneRefused();
  });

  it('takes along whoever trusts the CA Secret by name, or the Secret of a certificate of it', async () => {
    const [first, second] = [await newAuthority('named-first'), await newAuthority('named-second')];
    await admin.create(resources.Secret, first.secret(namespace, 'named-ca') as KubeObject);
    const proxy = (trust: object) => ({ listeners: [{ name: 'https', port: 8443, protocol: 'HTTP', tls: { trust: [trust] }, routes: [{ upstream: 'app' }] }], upstreams: [{ name: 'app', addresses: ['127.0.0.1:8080'] }] });
    const sources = { 'by-ca': { kind: 'Secret', name: 'named-ca', key: 'tls.crt' }, 'by-leaf': { kind: 'Secret', name: 'by-ca-tls', key: 'ca.crt' } };
    for (const [name, trust] of Object.entries(sources)) await issue(name, { issuer: { kind: 'Secret', name: 'named-ca' }, proxy: proxy(trust) });
    // It has its certificate from elsewhere and only trusts.
    await issue('by-leaf-only', { issuer: { kind: 'Tenant', name: tenant }, proxy: proxy(sources['by-leaf']) });
    await using watch = new FleetWatch(world, namespace, ['by-ca', 'by-leaf'], LATEST_MS);
    const { data } = second.secret(namespace, 'named-ca');
    await admin.mergePatch(resources.Secret, { namespace, name: 'named-ca' }, { data });
    await eventually(async () => assert.equal(anchorsIn((await world.configMap(namespace, 'by-leaf-only'))['trust-0.crt'] ?? ''), 2), SLOW);
    await eventually(async () => {
      for (const name of ['by-ca', 'by-leaf']) assert.equal(new X509Certificate((await world.pair(namespace, name)).certificate).checkIssued(new X509Certificate(second.certificatePem)), true, name);
      for (const name of ['by-ca', 'by-leaf', 'by-leaf-only']) assert.equal((await world.configMap(namespace, name))['trust-0.crt']?.trim(), second.certificatePem.trim(), name);
    }, SLOW);
    assert.ok(watch.handshakes > 20, `${watch.handshakes} handshakes`);
    watch.assertNoneRefused();
  });
});
