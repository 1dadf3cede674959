import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import * as fc from 'fast-check';

import type { TenantCertificateSpec } from '../../src/api/tenant-certificate.ts';
import { desireCertificate, resolveKey } from '../../src/issuance/desired-certificate.ts';
import { canonicalRequest, requestHash } from '../../src/issuance/request-hash.ts';
import { HOUR, aTenantCertificate, desired } from './builders.ts';

describe('desireCertificate', () => {
  it('gives a leaf a week, both usages and a P-256 key', () => {
    const { request, secret, renewBeforeMs, revoked } = desired();
    assert.equal(request.durationMs, 168 * HOUR);
    assert.deepEqual(request.usages, ['server auth', 'client auth']);
    assert.deepEqual(request.key, { algorithm: 'ECDSA', size: 256 });
    assert.deepEqual([secret.name, secret.deletionPolicy, renewBeforeMs, revoked], ['hello-tls', 'Delete', undefined, undefined]);
  });

  it('gives an authority five years, no extended usage, and keeps its Secret', () => {
    const { request, secret } = desired({ isCA: true });
    assert.equal(request.durationMs, 43_800 * HOUR);
    assert.deepEqual(request.usages, []);
    assert.equal(secret.deletionPolicy, 'Retain');
  });

  it('prefers what the spec says', () => {
    const { request, secret, renewBeforeMs, revoked, renewToken } = desired(
      { duration: '24h', renewBefore: '20h', usages: ['client auth'], secretName: 'other', deletionPolicy: 'Retain', revoked: { reason: 'superseded' } },
      { 'tenant-mtls.dev/renew': '2' },
    );
    assert.deepEqual([request.durationMs, renewBeforeMs, request.usages], [24 * HOUR, 20 * HOUR, ['client auth']]);
    assert.deepEqual([secret.name, secret.deletionPolicy, revoked, renewToken], ['other', 'Retain', 'superseded', '2']);
  });

  it('copes with objects that an older CRD stored without defaults', () => {
    const { spec, ...rest } = aTenantCertificate();
    const { privateKey: _, isCA: __, ...bare } = spec;
    assert.deepEqual(desireCertificate({ ...rest, spec: bare as TenantCertificateSpec }), desired());
  });
});

describe('resolveKey', () => {
  const cases = {
    'an RSA key of 2048 bits': [{ algorithm: 'RSA' }, { algorithm: 'RSA', size: 2048 }],
    'an RSA key of the size asked for': [{ algorithm: 'RSA', size: 4096 }, { algorithm: 'RSA', size: 4096 }],
    'an Ed25519 key without a size': [{ algorithm: 'Ed25519' }, { algorithm: 'Ed25519' }],
    'a P-384 key': [{ algorithm: 'ECDSA', size: 384 }, { algorithm: 'ECDSA', size: 384 }],
  } as const;
  for (const [sentence, [asked, expected]] of Object.entries(cases)) it(`resolves ${sentence}`, () => assert.deepEqual(resolveKey(asked), expected));
});

describe('requestHash', () => {
  const base: Partial<TenantCertificateSpec> = { dnsNames: ['a.shop', 'b.shop'], subject: { organizations: ['One', 'Two'] } };
  const hashOf = (spec: Partial<TenantCertificateSpec>) => requestHash(desired({ ...base, ...spec }).request);

  const signed: Record<string, Partial<TenantCertificateSpec>> = {
    'the issuer': { issuer: { kind: 'Secret', name: 'other-ca' } },
    'the kind of issuer': { issuer: { kind: 'Tenant', name: 'shop-ca' } },
    'the common name': { commonName: 'other.shop.example' },
    'an attribute of the subject': { subject: { organizations: ['One', 'Three'] } },
    'the order of attributes': { subject: { organizations: ['Two', 'One'] } },
    'the kind of an attribute': { subject: { organizationalUnits: ['One', 'Two'] } },
    'a DNS name': { dnsNames: ['a.shop'] },
    'an address': { ipAddresses: ['10.0.0.1'] },
    'a URI': { uris: ['spiffe://shop/a'] },
    'a mail address': { emailAddresses: ['a@shop.example'] },
    'being an authority': { isCA: true, duration: '168h', usages: ['server auth', 'client auth'] },
    'the usages': { usages: ['server auth'] },
    'the duration': { duration: '24h' },
    'the algorithm': { privateKey: { algorithm: 'RSA', rotationPolicy: 'Always' } },
    'the size of the key': { privateKey: { algorithm: 'ECDSA', size: 384, rotationPolicy: 'Always' } },
  };
  for (const [what, spec] of Object.entries(signed)) it(`changes with ${what}`, () => assert.notEqual(hashOf(spec), hashOf({})));

  const notSigned: Record<string, Partial<TenantCertificateSpec>> = {
    'the order of the DNS names': { dnsNames: ['b.shop', 'a.shop'] },
    'a repeated DNS name': { dnsNames: ['a.shop', 'b.shop', 'a.shop'] },
    'a default that is spelled out': { duration: '168h', usages: ['client auth', 'server auth'], privateKey: { algorithm: 'ECDSA', size: 256, rotationPolicy: 'Always' } },
    'another spelling of the duration': { duration: '10080m' },
    renewBefore: { renewBefore: '1h' },
    'the Secret\'s name': { secretName: 'other' },
    'labels of the Secret': { secretTemplate: { labels: { a: 'b' } } },
    'what happens on deletion': { deletionPolicy: 'Retain' },
    'how the key is rotated': { privateKey: { algorithm: 'ECDSA', rotationPolicy: 'Never' } },
  };
  for (const [what, spec] of Object.entries(notSigned)) it(`does not change with ${what}`, () => assert.equal(hashOf(spec), hashOf({})));

  it('is never equal for names that only look alike when joined', () => {
    const names = fc.array(fc.string(), { maxLength: 3 });
    fc.assert(fc.property(names, names, names, names, (a, b, c, d) => {
      const one = canonicalRequest(desired({ dnsNames: a, uris: b }).request);
      const other = canonicalRequest(desired({ dnsNames: c, uris: d }).request);
      const same = (x: string[], y: string[]) => new Set([...x, ...y]).size === new Set(x).size && new Set(x).size === new Set(y).size;
      assert.equal(one === other, same(a, c) && same(b, d));
    }));
  });

  it('is stable across releases, or every certificate would be issued again', () => {
    assert.equal(hashOf({}), '51ab68846314f6eeabea6ddbf24fbfc5a6bdf7b698ac40b95cfb9038f3394d04');
  });
});
