import assert from 'node:assert/strict';
import { before, beforeEach, describe, it } from 'node:test';
import { OWN_ANNOTATION } from '../../../src/api/names.ts';
import type { TenantCertificate } from '../../../src/api/tenant-certificate.ts';
import { Cache } from '../../../src/kube/cache.ts';
import { encodeCrl } from '../../../src/pki/crl.ts';
import { pruneSecret } from '../../../src/reconcilers/owned-secret.ts';
import { INDEX } from '../../../src/reconcilers/reconciler-context.ts';
import type { ReconcilerContext } from '../../../src/reconcilers/reconciler-context.ts';
import { rotateAuthority } from '../../../src/reconcilers/authorities/rotate-authority.ts';
import { GateClock } from '../../../src/reconcilers/authorities/rotation-gates.ts';
import { aTenantCertificate } from '../../issuance/builders.ts';
import { anIntermediate, aRoot, NOW } from '../../pki/authorities.ts';
import type { Authority } from '../../pki/authorities.ts';
import { quiet, StateStore } from './state-store.ts';

describe('rotateAuthority in phase Prepared', () => {
  let root: Authority;
  let old: Authority;
  let next: Authority;
  let store: StateStore;

  before(async () => {
    root = await aRoot();
    [old, next] = [await anIntermediate(root, { subject: { commonName: 'shop' } }), await anIntermediate(root, { subject: { commonName: 'shop' } })];
  });
  beforeEach(() => {
    store = new StateStore();
    // Somebody uses a certificate, and is waited for.
    store.cache.upsert(pruneSecret({ metadata: { namespace: 'shop', name: 'hello-tls', annotations: { [OWN_ANNOTATION.certificateName]: 'hello' }, resourceVersion: '1' }, data: {} }));
  });

  const context = () => {
    const certificates = new Cache<TenantCertificate>({ logger: quiet, indexes: { [INDEX.authority]: () => ['Tenant/shop'], [INDEX.trust]: () => [] } });
    certificates.upsert(aTenantCertificate());
    const caches = { secrets: store.cache, certificates, configMaps: new Cache({ logger: quiet }) };
    return { client: store.client, caches, now: () => NOW, log: quiet, gateClock: new GateClock(() => 0), convergedManifest: () => undefined, rotationWaitMs: 90_000 } as unknown as ReconcilerContext;
  };
  const source = (observed: Authority, earlier: readonly Authority[] = []) => (
    { key: 'Tenant/shop', name: 'Tenant shop', ca: { namespace: 'system', name: 'ca' }, observed: observed.issuer, earlier: earlier.map(({ issuer }) => issuer), tenant: 'shop', crl: { wanted: true, lifeMs: 1, revoked: [] } }
  );
  const revokeOld = async () => {
    const entries = [{ serialNumber: old.issuer.x509.serialNumber, revocationDate: NOW, reason: 'cACompromise' as const }];
    const { pem } = await encodeCrl(root.issuer, { number: 1n, thisUpdate: NOW, nextUpdate: new Date(NOW.getTime() + 1000), entries });
    for (const [name, key, text] of [['root-crl', 'x.crl', pem], ['root-anchors', 'x.crt', root.anchorPem]] as const) {
      store.cache.upsert(pruneSecret({ metadata: { namespace: 'system', name, annotations: { [OWN_ANNOTATION.authority]: 'Secret/system/root' }, resourceVersion: '1' }, data: { [key]: Buffer.from(text).toString('base64') } }));
    }
  };
  const replace = async () => {
    await rotateAuthority(context(), source(old));
    return await rotateAuthority(context(), source(next, [old]));
  };

  it('goes on signing by the one before, whose anchor everyone has', async () => {
    const { state, issuer, waiting } = await replace();
    assert.deepEqual([state.phase, issuer.sha256, waiting], ['Prepared', old.issuer.sha256, undefined]);
  });
  it('signs nothing by the one before when that is revoked', async () => {
    await revokeOld();
    const { state, issuer, waiting } = await replace();
    assert.deepEqual([state.phase, issuer.sha256], ['Prepared', next.issuer.sha256]);
    assert.match(waiting ?? '', /the one before cannot sign, because its key is gone or it is revoked/u);
  });
});
