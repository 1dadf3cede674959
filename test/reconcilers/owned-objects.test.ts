// What the caches keep of the Secrets and ConfigMaps that are ours, and what is read from it.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { before, describe, it } from 'node:test';
import { inspect } from 'node:util';
import type { Secret } from '../../src/api/object-meta.ts';
import { hashData, pruneConfigMap } from '../../src/reconcilers/owned-config-map.ts';
import { pruneSecret } from '../../src/reconcilers/owned-secret.ts';
import { newAuthority } from '../support/authority.ts';
import type { TestAuthority } from '../support/authority.ts';
import { base64 } from '../support/tenant-certificates.ts';

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

describe('pruneSecret', () => {
  let pair: TestAuthority;
  let other: TestAuthority;
  before(async () => void ([pair, other] = [await newAuthority('one'), await newAuthority('two')]));

  const secret = (data: Record<string, string>, annotations: Record<string, string> = {}): Secret => ({
    metadata: { name: 'hello-tls', namespace: 'shop', annotations: { 'tenant-mtls.dev/certificate-name': 'hello', ...annotations } },
    type: 'kubernetes.io/tls', data: Object.fromEntries(Object.entries(data).map(([key, text]) => [key, base64(text)])),
  });

  it('keeps no key, in no form', () => {
    const pruned = pruneSecret(secret({ 'tls.crt': pair.certificatePem, 'tls.key': pair.keyPem }));
    const text = inspect(pruned, { depth: 10 }) + JSON.stringify(pruned);
    assert.doesNotMatch(text, /PRIVATE KEY/);
    assert.ok(!text.includes(base64(pair.keyPem).slice(0, 40)));
    assert.equal(pruned.data, undefined);
  });

  it('keeps the hashes of the files by their path in the sidecar', () => {
    const { files } = pruneSecret(secret({ 'tls.crt': pair.certificatePem, 'tls.key': pair.keyPem, 'ca.crt': 'anchor', more: 'x' }));
    assert.deepEqual(files, { 'certs/tls.crt': sha256(pair.certificatePem), 'certs/tls.key': sha256(pair.keyPem), 'caCerts/ca.crt': sha256('anchor') });
  });

  it('is idempotent', () => {
    const once = pruneSecret(secret({ 'tls.crt': pair.certificatePem, 'tls.key': pair.keyPem }));
    assert.equal(pruneSecret(once), once);
  });

  it('tells the issuer only of the certificate that was put there', () => {
    const [crt, key] = [pair.certificatePem, pair.keyPem];
    const { certificateSHA256 = '' } = pruneSecret(secret({ 'tls.crt': crt, 'tls.key': key }));
    const stored = (hash: string) => pruneSecret(secret({ 'tls.crt': crt, 'tls.key': key }, { 'tenant-mtls.dev/certificate-sha256': hash, 'tenant-mtls.dev/issuer-sha256': 'f00' })).stored;
    const issuerOf = (hash: string) => { const it = stored(hash); return it.state === 'Read' ? it.issuerSHA256 : it.state; };
    assert.deepEqual([issuerOf(certificateSHA256), issuerOf('another')], ['f00', undefined]);
  });

  it('keeps what an authority has stored: anchors and CRLs', () => {
    const state: Secret = { metadata: { name: 'shop-ca-anchors', namespace: 'shop', annotations: { 'tenant-mtls.dev/authority': 'Secret/shop/shop-ca' } }, data: { a: base64('x') } };
    assert.deepEqual(pruneSecret(state).data, { a: base64('x') });
  });

  it('keeps no data of what only bears our label', () => {
    assert.equal(pruneSecret({ metadata: { name: 'other', namespace: 'shop' }, data: { password: base64('x') } }).data, undefined);
  });

  const states: Record<string, [data: () => Record<string, string>, expected: object]> = {
    'a pair that matches': [() => ({ 'tls.crt': pair.certificatePem, 'tls.key': pair.keyPem }), { state: 'Read', keyMatches: true }],
    'a key of another certificate': [() => ({ 'tls.crt': pair.certificatePem, 'tls.key': other.keyPem }), { state: 'Read', keyMatches: false }],
    'no key': [() => ({ 'tls.crt': pair.certificatePem }), { state: 'DataMissing', keys: ['tls.key'] }],
    'empty values': [() => ({ 'tls.crt': '', 'tls.key': '' }), { state: 'DataMissing', keys: ['tls.crt', 'tls.key'] }],
    'a certificate that is none': [() => ({ 'tls.crt': 'x', 'tls.key': pair.keyPem }), { state: 'CertificateMalformed' }],
    'a key that is none': [() => ({ 'tls.crt': pair.certificatePem, 'tls.key': 'x' }), { state: 'KeyMalformed' }],
  };
  for (const [sentence, [data, expected]] of Object.entries(states)) {
    it(`recognises ${sentence}`, () => {
      const { stored } = pruneSecret(secret(data()));
      assert.deepEqual(Object.fromEntries(Object.keys(expected).map((key) => [key, (stored as unknown as Record<string, unknown>)[key]])), expected);
    });
  }
});

describe('pruneConfigMap', () => {
  const configMap = { metadata: { name: 'hello-proxy', namespace: 'shop' }, data: { b: '2', a: '1' } };

  it('keeps a hash instead of the data, and is idempotent', () => {
    const pruned = pruneConfigMap(configMap);
    assert.ok(!('data' in pruned));
    assert.equal(pruned.dataHash, hashData({ a: '1', b: '2' }));
    assert.equal(pruneConfigMap(pruned), pruned);
  });

  it('takes no data for another', () => {
    const hashes = [{}, { a: '' }, { a: '1' }, { b: '1' }, { a: '1', b: '' }, { a: '1\0b\0' }, { a1: '' }, { a: 'é' }, { a: 'e' }].map((data) => hashData(data as Record<string, string>));
    assert.equal(new Set(hashes).size, hashes.length);
  });
});
