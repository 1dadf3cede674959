import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Tenant, TenantSpec } from '../../../src/api/tenant.ts';
import { authorityRequest, findSameSubject } from '../../../src/reconcilers/authorities/tenant-request.ts';

function aTenant(name: string, spec: Partial<TenantSpec> = {}, creationTimestamp = '2026-11-01T00:00:00Z'): Tenant {
  return { apiVersion: 'tenant-mtls.dev/v1alpha1', kind: 'Tenant', metadata: { name, creationTimestamp }, spec: { issuer: { kind: 'Secret', name: 'root' }, namespaces: { names: [name] }, allow: { isCA: false }, ...spec } };
}

const KEY = { algorithm: 'ECDSA', rotationPolicy: 'Always' } as const;

describe('authorityRequest', () => {
  it('asks for an authority of the name of the Tenant, for five years, with nothing allowed and none below it', () => {
    const { request, limits } = authorityRequest(aTenant('shop'));
    assert.deepEqual([request.subject.commonName, request.durationMs, request.key, request.isCA, request.usages], ['shop', 43_800 * 3_600_000, { algorithm: 'ECDSA', size: 256 }, true, []]);
    assert.equal(limits.maxPathLen, 0);
    assert.deepEqual(limits.nameConstraints.permitted.dnsNames, ['nothing.invalid']);
  });

  it('sets no limit of its own where authorities are allowed', () => {
    assert.equal(authorityRequest(aTenant('shop', { allow: { isCA: true } })).limits.maxPathLen, undefined);
  });

  it('makes no room for patterns that policy does not understand', () => {
    const { permitted } = authorityRequest(aTenant('shop', { allow: { isCA: false, dnsNames: ['web-*.x.example', '*.shop.svc'], uris: ['urn:x:*'] } })).limits.nameConstraints;
    assert.deepEqual([permitted.dnsNames, permitted.uriHosts], [['shop.svc'], ['nothing.invalid']]);
  });

  const hash = (spec: Partial<TenantSpec>) => authorityRequest(aTenant('shop', spec)).hash;
  const asks: Record<string, readonly [Partial<TenantSpec>, boolean]> = {
    'other names': [{ allow: { isCA: false, dnsNames: ['*.shop.svc'] } }, true],
    'authorities below it': [{ allow: { isCA: true } }, true],
    'another lifetime': [{ authority: { duration: '100h', privateKey: KEY } }, true],
    'another key': [{ authority: { privateKey: { ...KEY, size: 384 } } }, true],
    'another subject': [{ authority: { commonName: 'x', privateKey: KEY } }, true],
    'another root by name': [{ issuer: { kind: 'Secret', name: 'other' } }, true],
    'other usages of its certificates': [{ allow: { isCA: false, usages: ['client auth'] } }, false],
    'other namespaces': [{ namespaces: { names: ['x'] } }, false],
    'revocations': [{ revoked: [{ serialNumber: '0A', reason: 'unspecified' }] }, false],
    'what is the default': [{ authority: { duration: '43800h', privateKey: KEY } }, false],
  };
  for (const [what, [spec, isAnother]] of Object.entries(asks)) {
    it(`${isAnother ? 'asks for another' : 'keeps the same'} authority for ${what}`, () => assert.equal(hash(spec) !== hash({}), isAnother));
  }
});

describe('findSameSubject', () => {
  const named = (name: string, commonName: string, created: string) => aTenant(name, { authority: { commonName, privateKey: KEY } }, created);
  const [older, newer] = [named('a', 'x', '2026-11-01T00:00:00Z'), named('b', 'x', '2026-11-02T00:00:00Z')];

  it('leaves a subject to the older Tenant', () => {
    assert.equal(findSameSubject(newer, [older, newer])?.metadata.name, 'a');
    assert.equal(findSameSubject(older, [older, newer]), undefined);
  });
  it('protects the name of a Tenant that has not chosen one', () => assert.equal(findSameSubject(named('b', 'a', '2026-11-02T00:00:00Z'), [aTenant('a')])?.metadata.name, 'a'));
  it('takes spellings that OpenSSL takes for the same name for the same', () => {
    const organized = (name: string, commonName: string, organization: string) => aTenant(name, { authority: { commonName, subject: { organizations: [organization] }, privateKey: KEY } }, `2026-11-0${name === 'a' ? 1 : 2}T00:00:00Z`);
    for (const [commonName, organization] of [['SHOP ca', 'Acme Inc'], ['shop  CA', 'Acme Inc'], ['shop ca ', 'ACME inc']] as const) {
      assert.equal(findSameSubject(organized('b', commonName, organization), [organized('a', 'shop ca', 'Acme Inc')])?.metadata.name, 'a', commonName);
    }
  });
  it('takes another organization for another subject', () => {
    const other = aTenant('b', { authority: { commonName: 'x', subject: { organizations: ['B'] }, privateKey: KEY } }, '2026-11-02T00:00:00Z');
    assert.equal(findSameSubject(other, [older]), undefined);
  });
});
