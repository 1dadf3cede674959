import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { OWN_ANNOTATION } from '../../../src/api/names.ts';
import type { TenantCertificate, TrustSource } from '../../../src/api/tenant-certificate.ts';
import { Cache } from '../../../src/kube/cache.ts';
import { authorityKey } from '../../../src/reconcilers/authorities/authority.ts';
import { trustReferences } from '../../../src/reconcilers/certificates/trust-references.ts';
import { authorityBehind, trustersOf } from '../../../src/reconcilers/certificates/trusted-authority.ts';
import { INDEX } from '../../../src/reconcilers/reconciler-context.ts';
import { aTenantCertificate } from '../../issuance/builders.ts';
import { aProxySpec } from '../../support/proxy-specs.ts';
import { quiet } from '../authorities/state-store.ts';

function world() {
  const certificates = new Cache<TenantCertificate>({
    logger: quiet,
    indexes: { [INDEX.authority]: ({ metadata, spec }) => (spec.issuer.kind === 'SelfSigned' ? [] : [authorityKey(metadata.namespace ?? '', spec.issuer)]), [INDEX.trust]: trustReferences },
  });
  const owners = new Map<string, string>();
  const add = (name: string, spec: Partial<TenantCertificate['spec']>) => {
    const certificate = aTenantCertificate(spec);
    const metadata = { name, namespace: 'shop', uid: name, resourceVersion: '1' };
    certificates.upsert({ ...certificate, metadata: { ...certificate.metadata, ...metadata } });
    owners.set(spec.secretName ?? `${name}-tls`, name);
  };
  add('root', { issuer: { kind: 'SelfSigned' }, isCA: true, secretName: 'root-ca' });
  add('sub', { issuer: { kind: 'Secret', name: 'root-ca' }, isCA: true, secretName: 'sub-ca' });
  add('client', { issuer: { kind: 'Secret', name: 'sub-ca' } });
  add('bought', { issuer: { kind: 'Secret', name: 'bought-ca' } });
  add('of-tenant', { issuer: { kind: 'Tenant', name: 'bank' } });
  const trusting = (name: string, trust: TrustSource) => add(name, { issuer: { kind: 'SelfSigned' }, proxy: aProxySpec({ listeners: [{ name: 'https', port: 8443, tls: { trust: [trust] } }] }) });
  trusting('by-ca', { kind: 'Secret', name: 'sub-ca', key: 'tls.crt' });
  trusting('by-leaf', { kind: 'Secret', name: 'client-tls' });
  trusting('by-tenant', { kind: 'Tenant', name: 'bank' });
  trusting('by-leaf-of-tenant', { kind: 'Secret', name: 'of-tenant-tls' });
  const secret = (name: string, namespace = 'shop') => ({ metadata: { name, namespace, annotations: owners.has(name) ? { [OWN_ANNOTATION.certificateName]: owners.get(name) ?? '' } : {} } });
  return { certificates, secret };
}

describe('authorityBehind', () => {
  const cases: Record<string, readonly [TrustSource, string | undefined]> = {
    'the CA of a CA Secret is its authority': [{ kind: 'Secret', name: 'sub-ca', key: 'tls.crt' }, 'Secret/shop/sub-ca'],
    'the anchors in a CA Secret that we wrote are those of its issuer': [{ kind: 'Secret', name: 'sub-ca' }, 'Secret/shop/root-ca'],
    'a root is its own anchor': [{ kind: 'Secret', name: 'root-ca' }, 'Secret/shop/root-ca'],
    'the anchors in a CA Secret of others may be its own': [{ kind: 'Secret', name: 'bought-ca' }, 'Secret/shop/bought-ca'],
    'the anchors beside a certificate are those of its issuer': [{ kind: 'Secret', name: 'client-tls', key: 'ca.crt' }, 'Secret/shop/sub-ca'],
    'that issuer may be a Tenant': [{ kind: 'Secret', name: 'of-tenant-tls' }, 'Tenant/bank'],
    'the certificate itself is nobody\'s': [{ kind: 'Secret', name: 'client-tls', key: 'tls.crt' }, undefined],
    'another key is nobody\'s': [{ kind: 'Secret', name: 'sub-ca', key: 'partner.crt' }, undefined],
    'a Secret of somebody else is nobody\'s': [{ kind: 'Secret', name: 'partner' }, undefined],
  };
  for (const [sentence, [source, expected]] of Object.entries(cases)) it(sentence, () => {
    const { secret, ...caches } = world();
    assert.equal(authorityBehind(caches, source, secret(source.name ?? '')), expected);
  });

  it('knows the Secrets of one namespace only', () => {
    const { secret, ...caches } = world();
    assert.equal(authorityBehind(caches, { kind: 'Secret', name: 'sub-ca', key: 'tls.crt' }, secret('sub-ca', 'other')), undefined);
  });
});

describe('trustersOf', () => {
  const cases = { 'Secret/shop/sub-ca': ['shop/by-ca', 'shop/by-leaf'], 'Tenant/bank': ['shop/by-leaf-of-tenant', 'shop/by-tenant'], 'Secret/shop/bought-ca': [] };
  for (const [authority, expected] of Object.entries(cases)) it(`finds whom ${authority} concerns`, () => assert.deepEqual([...trustersOf(world(), authority)].sort(), expected));
});
