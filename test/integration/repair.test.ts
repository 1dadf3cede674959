// What people do to the Secret and the ConfigMap of a certificate is put right within seconds, and issued again only where it must be.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { ConfigMap, Secret } from '../../src/api/object-meta.ts';
import type { KubeObject } from '../../src/kube/object.ts';
import { resources } from '../../src/kube/resources.ts';
import { connect, eventually, freshNamespace, missingCluster } from '../support/cluster.ts';
import { newAuthority } from '../support/authority.ts';
import { becomesLeader, installPrerequisites, startOperator } from '../support/operator.ts';
import type { OperatorProcess } from '../support/operator.ts';
import { base64, TenantCertificates, textOf } from '../support/tenant-certificates.ts';

const SOON = { timeoutMs: 5000 };
const ISSUER = { kind: 'Secret', name: 'shop-ca' };

describe('a Secret and a ConfigMap of ours', { skip: missingCluster() }, () => {
  const cluster = connect();
  const { admin } = cluster;
  let operator: OperatorProcess;
  let certificates: TenantCertificates;
  let namespace: string;

  before(async () => {
    await installPrerequisites(cluster);
    namespace = await freshNamespace(cluster, 'repair');
    certificates = new TenantCertificates(cluster, namespace);
    const ca = await newAuthority('shop-ca');
    await certificates.putSecret('shop-ca', { 'tls.crt': ca.certificatePem, 'tls.key': ca.keyPem });
    operator = await startOperator(cluster);
    await becomesLeader(operator);
  });
  after(async () => await operator.stop());

  const spec = (name: string, more: object = {}) => ({ issuer: ISSUER, commonName: `${name}.example`, dnsNames: [`${name}.example`], ...more });
  const issue = async (name: string, more: object = {}, metadata: object = {}) => {
    await certificates.apply(name, spec(name, more), metadata);
    return await certificates.ready(name);
  };
  const issuances = (name: string) => operator.log.filter(({ msg, certificate }) => msg === 'certificate issued' && certificate === `${namespace}/${name}`).length;

  interface Edit {
    readonly patch: object | ((secret: Secret) => object | Promise<object>) | 'delete';
    /** Whether a new certificate is needed. */
    readonly reissued: boolean;
  }

  const without = (annotation: string) => ({ metadata: { annotations: { [`tenant-mtls.dev/${annotation}`]: null } } });

  /** As whoever edits it by hand. */
  const BY_HAND = { query: { fieldManager: 'somebody' } };

  const edits: Record<string, Edit> = {
    'the whole Secret': { patch: 'delete', reissued: true },
    'tls.crt, which was garbled': { patch: { data: { 'tls.crt': base64('nonsense') } }, reissued: true },
    'tls.crt, which was taken out': { patch: { data: { 'tls.crt': '' } }, reissued: true },
    'tls.crt, which was cut to half its chain': { patch: (secret) => ({ data: { 'tls.crt': base64(textOf(secret, 'tls.crt').slice(0, 300)) } }), reissued: true },
    'tls.key, which was garbled': { patch: { data: { 'tls.key': base64('nonsense') } }, reissued: true },
    'tls.key, which was another\'s': { patch: async () => ({ data: { 'tls.key': base64((await newAuthority('other')).keyPem) } }), reissued: true },
    'both, which were another\'s pair': { patch: async () => pairOf(await newAuthority('other')), reissued: true },
    'ca.crt, which was garbled': { patch: { data: { 'ca.crt': base64('nonsense') } }, reissued: false },
    'ca.crt, which was taken out': { patch: { data: { 'ca.crt': null } }, reissued: false },
    'ca.crt, which had one more CA': { patch: async (secret: Secret) => ({ data: { 'ca.crt': base64(textOf(secret, 'ca.crt') + (await newAuthority('evil')).certificatePem) } }), reissued: false },
    'our label managed-by': { patch: { metadata: { labels: { 'app.kubernetes.io/managed-by': null } } }, reissued: false },
    'our label with the certificate\'s name': { patch: { metadata: { labels: { 'tenant-mtls.dev/certificate': 'someone-else' } } }, reissued: false },
    'all labels': { patch: { metadata: { labels: null } }, reissued: false },
    'the template\'s label': { patch: { metadata: { labels: { team: 'other' } } }, reissued: false },
    'the template\'s annotation': { patch: { metadata: { annotations: { note: null } } }, reissued: false },
    'the owner': { patch: { metadata: { ownerReferences: [] } }, reissued: false },
    'our annotation with the certificate\'s name': { patch: without('certificate-name'), reissued: false },
    'our annotation with the certificate\'s name, and the owner\'s label': { patch: { metadata: { labels: null, annotations: { 'tenant-mtls.dev/certificate-name': null } } }, reissued: false },
    'all annotations': { patch: { metadata: { annotations: null } }, reissued: false },
    'the annotation with the request\'s hash, which was taken out': { patch: without('request-sha256'), reissued: false },
    'the annotation with the request\'s hash, which was another': { patch: { metadata: { annotations: { 'tenant-mtls.dev/request-sha256': 'x' } } }, reissued: true },
    'the annotation with the certificate\'s hash': { patch: without('certificate-sha256'), reissued: false },
    'the annotation with the issuer\'s hash': { patch: without('issuer-sha256'), reissued: false },
    'the annotation with the issuer\'s hash, which was another': { patch: { metadata: { annotations: { 'tenant-mtls.dev/issuer-sha256': 'x' } } }, reissued: false },
    'the annotation with the revision': { patch: without('revision'), reissued: false },
    'the annotation with the renewal': { patch: without('renewed'), reissued: false },
    'all annotations, and the certificate, which was another\'s': { patch: async () => ({ metadata: { annotations: null }, ...pairOf(await newAuthority('other')) }), reissued: true },
  };

  describe('is put right, when somebody changed', { concurrency: 8 }, () => {
    for (const [index, [sentence, { patch, reissued }]] of Object.entries(edits).entries()) {
      it(sentence, async () => {
        const name = `edited-${index}`;
        const before = await issue(name, { secretTemplate: { labels: { team: 'shop' }, annotations: { note: 'ours' } } }, { annotations: { 'tenant-mtls.dev/renew': 'once' } });
        const ref = { namespace, name: `${name}-tls` };
        const was = await certificates.secret(ref.name);
        if (patch === 'delete') await admin.delete(resources.Secret, ref);
        else await admin.mergePatch(resources.Secret, ref, typeof patch === 'function' ? await patch(was) : patch, BY_HAND);
        await eventually(async () => {
          const now = await certificates.secret(ref.name);
          assert.deepEqual(frame(now), frame(was));
          if (reissued) assert.notEqual(textOf(now, 'tls.crt'), textOf(was, 'tls.crt'));
          else assert.deepEqual([now.data, now.metadata.annotations], [was.data, was.metadata.annotations]);
        }, SOON);
        await eventually(async () => {
          const { status } = await certificates.ready(name);
          const revision = (before.status?.revision ?? 0) + (reissued ? 1 : 0);
          assert.deepEqual([status?.revision, status?.serialNumber], [revision, (await certificates.leaf(ref.name)).serialNumber]);
        }, SOON);
        assert.equal(issuances(name), reissued ? 2 : 1);
      });
    }
  });

  it('keeps what others added to it', async () => {
    await issue('shared');
    await admin.mergePatch(resources.Secret, { namespace, name: 'shared-tls' }, { metadata: { labels: { theirs: 'x', 'app.kubernetes.io/managed-by': null }, annotations: { theirs: 'y' } }, data: { extra: base64('z') } }, BY_HAND);
    await eventually(async () => {
      const { metadata, data } = await certificates.secret('shared-tls');
      assert.equal(metadata.labels?.['app.kubernetes.io/managed-by'], 'tenant-mtls');
      assert.deepEqual([metadata.labels['theirs'], metadata.annotations?.['theirs'], data?.['extra']], ['x', 'y', base64('z')]);
    }, SOON);
    assert.equal(issuances('shared'), 1);
  });

  describe('is put right, when somebody changed of the ConfigMap', { concurrency: 4 }, () => {
    const patches: Record<string, object | 'delete'> = {
      'all of it': 'delete',
      'nginx.conf': { data: { 'nginx.conf': 'events {}' } },
      'the manifest': { data: { manifest: null } },
      'the trust bundle': { data: { 'trust-0.crt': '' } },
      'our label': { metadata: { labels: { 'app.kubernetes.io/managed-by': null } } },
      'our annotation with the certificate\'s name': { metadata: { annotations: { 'tenant-mtls.dev/certificate-name': null } } },
      'our annotation of the manifest': { metadata: { annotations: { 'tenant-mtls.dev/manifest-sha256': 'x' } } },
      'the owner': { metadata: { ownerReferences: [] } },
    };
    for (const [index, [sentence, patch]] of Object.entries(patches).entries()) {
      it(sentence, async () => {
        const name = `config-${index}`;
        await issue(name);
        const ref = { namespace, name: `${name}-proxy` };
        const content = ({ metadata: { labels, annotations, ownerReferences }, data }: ConfigMap) => ({ labels, annotations, ownerReferences, data });
        const was = content(await certificates.configMap(ref.name));
        if (patch === 'delete') await admin.delete(resources.ConfigMap, ref);
        else await admin.mergePatch(resources.ConfigMap, ref, patch, BY_HAND);
        await eventually(async () => assert.deepEqual(content(await certificates.configMap(ref.name)), was), SOON);
        assert.equal(issuances(name), 1);
      });
    }
  });

  describe('follows the spec', { concurrency: 4 }, () => {
    it('with one new certificate for one change of what is signed', async () => {
      await issue('changing');
      await certificates.apply('changing', spec('changing', { dnsNames: ['changing.example', 'more.example'] }));
      const { status } = await certificates.ready('changing');
      assert.equal(status?.revision, 2);
      assert.equal((await certificates.leaf('changing-tls')).subjectAltName, 'DNS:changing.example, DNS:more.example');
      assert.equal(issuances('changing'), 2);
    });

    it('without a new certificate when only labels change, and takes old ones away', async () => {
      await issue('labels', { secretTemplate: { labels: { old: 'x' }, annotations: { stale: 'x' } } });
      await certificates.apply('labels', spec('labels', { secretTemplate: { labels: { fresh: 'y' } } }));
      await eventually(async () => {
        const { labels = {}, annotations = {} } = (await certificates.secret('labels-tls')).metadata;
        assert.deepEqual([labels['old'], labels['fresh'], annotations['stale']], [undefined, 'y', undefined]);
      }, SOON);
      assert.equal(issuances('labels'), 1);
    });

    it('and lets go of what is to be retained', async () => {
      await issue('retained');
      await certificates.apply('retained', spec('retained', { deletionPolicy: 'Retain' }));
      await eventually(async () => {
        assert.deepEqual((await certificates.secret('retained-tls')).metadata.ownerReferences ?? [], []);
        assert.deepEqual((await certificates.configMap('retained-proxy')).metadata.ownerReferences ?? [], []);
      }, SOON);
      assert.equal(issuances('retained'), 1);
    });

    it('with one new certificate for each new renew annotation', async () => {
      await issue('renewed');
      for (const [token, revision] of [['one', 2], ['two', 3], [null, 3]] as const) {
        await admin.mergePatch(resources.TenantCertificate, { namespace, name: 'renewed' }, { metadata: { annotations: { 'tenant-mtls.dev/renew': token } } });
        await eventually(async () => assert.equal((await certificates.get('renewed')).status?.revision, revision));
      }
      assert.equal(issuances('renewed'), 3);
      assert.equal((await certificates.get('renewed')).status?.issued?.length, 3);
    });

    it('with a new key for a new certificate, or the old one where it is to be kept', async () => {
      for (const [rotationPolicy, isSame] of [['Never', true], ['Always', false]] as const) {
        const name = `key-${rotationPolicy.toLowerCase()}`;
        await issue(name, { privateKey: { rotationPolicy } });
        const before = await certificates.leaf(`${name}-tls`);
        await admin.mergePatch(resources.TenantCertificate, { namespace, name }, { metadata: { annotations: { 'tenant-mtls.dev/renew': 'now' } } });
        await eventually(async () => assert.equal((await certificates.get(name)).status?.revision, 2));
        const after = await certificates.leaf(`${name}-tls`);
        assert.notEqual(after.serialNumber, before.serialNumber);
        assert.equal(after.publicKey.equals(before.publicKey), isSame, rotationPolicy);
      }
    });

    it('and says which field cannot be signed, until it is edited', async () => {
      await certificates.apply('unsignable', spec('unsignable', { dnsNames: ['good.example', 'bad..example'] }));
      const { message } = await certificates.refused('unsignable', 'InvalidSpec');
      assert.match(message, /dnsNames\[1\]/);
      await issue('unsignable');
    });

    it('and moves to another Secret when spec.secretName changes', async () => {
      await issue('moving');
      await certificates.apply('moving', spec('moving', { secretName: 'moved-tls' }));
      const { status } = await certificates.ready('moving');
      assert.equal(status?.secretName, 'moved-tls');
      assert.equal((await certificates.leaf('moved-tls')).serialNumber, status.serialNumber);
    });
  });

  it('is not written where somebody else has a ConfigMap of that name', async () => {
    await certificates.putConfigMap('occupied-proxy', { mine: 'x' });
    await certificates.apply('occupied', spec('occupied'));
    const { message } = await certificates.refused('occupied', 'ConfigMapNotOwned');
    assert.match(message, /ConfigMap occupied-proxy exists/);
    assert.deepEqual((await certificates.configMap('occupied-proxy')).data, { mine: 'x' });
  });

  it('is there also when its certificate was deleted and made anew at once', async () => {
    await issue('replaced');
    await certificates.delete('replaced');
    const { metadata } = await certificates.apply('replaced', spec('replaced'));
    await eventually(async () => {
      const { status } = await certificates.ready('replaced');
      const secret = await certificates.secret('replaced-tls');
      assert.deepEqual(secret.metadata.ownerReferences?.map(({ uid }) => uid), [metadata.uid]);
      assert.equal((await certificates.leaf('replaced-tls')).serialNumber, status?.serialNumber);
    });
  });

  it('stays when its certificate goes, where it holds a CA: a root, an intermediate below it and a leaf', async () => {
    await issue('root', { issuer: { kind: 'SelfSigned' }, isCA: true, commonName: 'root', dnsNames: [] });
    await issue('between', { issuer: { kind: 'Secret', name: 'root-tls' }, isCA: true, commonName: 'between', dnsNames: [] });
    await issue('below', { issuer: { kind: 'Secret', name: 'between-tls' } });
    const [root, between, leaf] = await Promise.all(['root-tls', 'between-tls', 'below-tls'].map(async (name) => await certificates.leaf(name)));
    assert.ok(root && between && leaf);
    assert.deepEqual([between.checkIssued(root), leaf.checkIssued(between), root.ca, between.ca, leaf.ca], [true, true, true, true, false]);
    for (const name of ['below', 'between', 'root']) await certificates.delete(name);
    await eventually(async () => await assert.rejects(certificates.secret('below-tls'), /404/));
    assert.equal((await certificates.leaf('root-tls')).serialNumber, root.serialNumber);
    assert.equal((await certificates.leaf('between-tls')).serialNumber, between.serialNumber);
  });

  it('is not fought over for ever with somebody who garbles it again and again', async () => {
    await issue('fought');
    const garble = async () => await admin.mergePatch(resources.Secret, { namespace, name: 'fought-tls' }, { data: { 'tls.crt': base64('nonsense') } }, BY_HAND);
    for (const revision of [2, 3, 4]) {
      await garble();
      await eventually(async () => assert.equal((await certificates.get('fought')).status?.revision, revision));
    }
    await garble();
    const { message } = await certificates.refused('fought', 'IssuanceSuspended');
    assert.match(message, /3 certificates were issued for the same reason, CertificateMalformed; the next attempt is at 20/);
    assert.equal(issuances('fought'), 4);
    await certificates.apply('fought', spec('fought', { dnsNames: ['edited.example'] }));
    await certificates.ready('fought');
  });

  it('serves on, and its certificate stays Ready, where only its renewal is suspended', async () => {
    await certificates.apply('worn', spec('worn'), { annotations: { 'tenant-mtls.dev/renew': 'once' } });
    await certificates.ready('worn');
    const forget = async () => await admin.mergePatch(resources.Secret, { namespace, name: 'worn-tls' }, { metadata: { annotations: { 'tenant-mtls.dev/renewed': 'another' } } }, BY_HAND);
    const condition = async (type: string) => (await certificates.get('worn')).status?.conditions?.find((each) => each.type === type);
    for (const revision of [2, 3, 4]) {
      await forget();
      await eventually(async () => assert.equal((await certificates.get('worn')).status?.revision, revision));
    }
    await forget();
    await eventually(async () => assert.deepEqual([(await condition('IssuanceSuspended'))?.status, (await condition('IssuanceSuspended'))?.reason], ['True', 'RenewalRequested']));
    assert.equal((await condition('Ready'))?.status, 'True');
  });

  it('goes to the younger of two that want it when the older is deleted', async () => {
    await issue('older', { secretName: 'wanted-tls' });
    await eventually(async () => assert.ok(Date.now() - Date.parse((await certificates.get('older')).metadata.creationTimestamp ?? '') > 1000));
    await certificates.apply('younger', spec('younger', { secretName: 'wanted-tls' }));
    await certificates.refused('younger', 'SecretNameTaken');
    await certificates.delete('older');
    await certificates.ready('younger', { timeoutMs: 10_000 });
    assert.match((await certificates.leaf('wanted-tls')).subject, /younger/);
  });

  it('goes on counting when the annotation with the revision was taken out', async () => {
    await issue('counted');
    await admin.mergePatch(resources.TenantCertificate, { namespace, name: 'counted' }, { metadata: { annotations: { 'tenant-mtls.dev/renew': 'now' } } });
    await eventually(async () => assert.equal((await certificates.get('counted')).status?.revision, 2));
    await admin.mergePatch(resources.Secret, { namespace, name: 'counted-tls' }, without('revision'), BY_HAND);
    await eventually(async () => assert.equal((await certificates.secret('counted-tls')).metadata.annotations?.['tenant-mtls.dev/revision'], '2'), SOON);
    assert.equal((await certificates.get('counted')).status?.revision, 2);
    await admin.mergePatch(resources.TenantCertificate, { namespace, name: 'counted' }, { metadata: { annotations: { 'tenant-mtls.dev/renew': 'again' } } });
    await eventually(async () => assert.equal((await certificates.get('counted')).status?.revision, 3));
  });

  it('is issued anew when what it was issued for cannot be told: the spec was edited meanwhile', async () => {
    const before = await issue('untold');
    await operator.stop();
    await admin.mergePatch(resources.Secret, { namespace, name: 'untold-tls' }, { metadata: { annotations: null } }, BY_HAND);
    await certificates.apply('untold', spec('untold', { dnsNames: ['other.example'] }));
    operator = await startOperator(cluster);
    const after = await certificates.ready('untold');
    assert.notEqual(after.status?.serialNumber, before.status?.serialNumber);
    assert.equal((await certificates.leaf('untold-tls')).subjectAltName, 'DNS:other.example');
    assert.equal(after.status?.revision, 2);
  });

  describe('restored from a backup with new uids', () => {
    it('is given its new owner when it still names the old one', async () => {
      const { metadata } = await issue('stale-owner');
      const stale = [{ apiVersion: 'tenant-mtls.dev/v1alpha1', kind: 'TenantCertificate', name: 'stale-owner', uid: '11111111-2222-3333-4444-555555555555', controller: true }];
      for (const [resource, name] of [[resources.Secret, 'stale-owner-tls'], [resources.ConfigMap, 'stale-owner-proxy']] as const) {
        await admin.mergePatch(resource, { namespace, name }, { metadata: { ownerReferences: stale } }, BY_HAND);
      }
      // Kubernetes' own garbage collector may be faster, and delete them for the owner that is gone: then they are made again.
      await eventually(async () => {
        for (const object of [await certificates.secret('stale-owner-tls'), await certificates.configMap('stale-owner-proxy')]) {
          assert.deepEqual(object.metadata.ownerReferences?.map(({ uid }) => uid), [metadata.uid]);
        }
      }, SOON);
      await certificates.ready('stale-owner');
    });

    it('is adopted, and nothing is issued', async () => {
      const before = await issue('restored');
      // Away with the operator and then with the object, as a cluster that begins with the backup never had either.
      await operator.stop();
      for (const [resource, name] of [[resources.Secret, 'restored-tls'], [resources.ConfigMap, 'restored-proxy']] as const) {
        await admin.mergePatch(resource, { namespace, name }, { metadata: { ownerReferences: null } });
      }
      await admin.mergePatch(resources.TenantCertificate, { namespace, name: 'restored' }, { metadata: { finalizers: null } });
      await certificates.delete('restored');
      await eventually(async () => await assert.rejects(certificates.get('restored')));
      await certificates.apply('restored', spec('restored'));
      operator = await startOperator(cluster);
      const after = await certificates.ready('restored');
      assert.notEqual(after.metadata.uid, before.metadata.uid);
      assert.deepEqual([after.status?.serialNumber, after.status?.revision], [before.status?.serialNumber, before.status?.revision]);
      for (const { metadata } of [await certificates.secret('restored-tls'), await certificates.configMap('restored-proxy')]) {
        assert.deepEqual(metadata.ownerReferences?.map(({ uid }) => uid), [after.metadata.uid]);
      }
      assert.equal(issuances('restored'), 0);
    });

    it('is replaced when its deletion has revoked it meanwhile', async () => {
      await admin.mergePatch(resources.Secret, { namespace, name: 'shop-ca' }, { metadata: { annotations: { 'tenant-mtls.dev/crl': 'true' } } });
      await eventually(async () => await certificates.secret('shop-ca-crl'), SOON);
      const before = await issue('revoked-meanwhile');
      const { metadata: { labels, annotations }, type, data } = await certificates.secret('revoked-meanwhile-tls');
      await certificates.delete('revoked-meanwhile');
      await eventually(async () => await assert.rejects(certificates.secret('revoked-meanwhile-tls')), SOON);
      await admin.create(resources.Secret, { apiVersion: 'v1', kind: 'Secret', metadata: { namespace, name: 'revoked-meanwhile-tls', labels, annotations }, type, data } as KubeObject);
      const after = await issue('revoked-meanwhile');
      assert.notEqual(after.status?.serialNumber, before.status?.serialNumber);
    });
  });
});

/** What of a Secret is the same for every certificate of one object. */
function frame(secret: Secret): object {
  const { labels, annotations = {}, ownerReferences } = secret.metadata;
  return { labels, annotations: Object.keys(annotations).sort(), ownerReferences, type: secret.type, keys: Object.keys(secret.data ?? {}).sort(), anchor: textOf(secret, 'ca.crt') };
}

function pairOf({ certificatePem, keyPem }: { certificatePem: string; keyPem: string }): object {
  return { data: { 'tls.crt': base64(certificatePem), 'tls.key': base64(keyPem) } };
}
