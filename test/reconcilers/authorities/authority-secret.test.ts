import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { Secret } from '../../../src/api/object-meta.ts';
import { writePrivateKey } from '../../../src/pki/private-key.ts';
import { authoritySecret, authoritySecretName, readAuthoritySecret, withoutRetired } from '../../../src/reconcilers/authorities/authority-secret.ts';
import type { Made } from '../../../src/reconcilers/authorities/authority-secret.ts';
import { aRoot } from '../../pki/authorities.ts';
import type { Authority } from '../../pki/authorities.ts';

describe('the Secret of an authority', () => {
  const made: Made = { requestHash: 'h', renewToken: '1', issuerSHA256: 'r' };
  const identity = { tenant: 'shop', namespace: 'system', made };
  const pairOf = ({ certificate, key }: Authority) => ({ certificatePem: certificate.chainPem, keyPem: writePrivateKey(key) });
  let authorities: Authority[];
  before(async () => (authorities = await Promise.all([aRoot(), aRoot(), aRoot()])));

  /** One after the other. */
  const succession = (count: number): Secret => authorities.slice(0, count).reduce<Secret | undefined>((secret, authority, index) => {
    const replacedSHA256 = authorities[index - 1]?.issuer.sha256 ?? '';
    return authoritySecret(identity, pairOf(authority), secret && { secret, replacedSHA256 });
  }, undefined) ?? assert.fail();

  it('is read back: what it was made for, the newest pair, and those before it', () => {
    const keys = readAuthoritySecret(succession(3), 'shop');
    assert.ok(!('reason' in keys), JSON.stringify(keys));
    assert.deepEqual(keys.made, made);
    assert.equal(keys.observed.sha256, authorities[2]?.issuer.sha256);
    assert.deepEqual(keys.earlier.map(({ sha256 }) => sha256).sort(), authorities.slice(0, 2).map(({ issuer }) => issuer.sha256).sort());
  });

  it('carries no label by which caches would select it, for it holds keys', () => {
    assert.deepEqual(succession(1).metadata.labels, { 'tenant-mtls.dev/tenant': 'shop' });
  });

  it('gives up the keys of those that have retired, and no others', () => {
    const [first = '', second = ''] = authorities.map(({ issuer }) => issuer.sha256);
    const secret = succession(3);
    assert.equal(withoutRetired(secret, new Set([first, second])), undefined);
    const smaller = withoutRetired(secret, new Set([second]));
    assert.deepEqual(Object.keys(smaller?.data ?? {}).sort(), [`${second}.crt`, `${second}.key`, 'tls.crt', 'tls.key'].sort());
  });

  it('is nobody else\'s', () => {
    const keys = readAuthoritySecret(succession(1), 'bank');
    assert.ok('reason' in keys && keys.reason === 'SecretNotOwned');
  });

  it('goes on with the newest pair where an earlier one cannot be read', () => {
    const [first = ''] = authorities.map(({ issuer }) => issuer.sha256);
    const secret = succession(2);
    const keys = readAuthoritySecret({ ...secret, data: { ...secret.data, [`${first}.key`]: 'eA==' } }, 'shop');
    assert.ok(!('reason' in keys));
    assert.deepEqual(keys.earlier, []);
  });

  it('has a name that fits, however long the Tenant\'s', () => assert.ok(`${authoritySecretName('x'.repeat(63))}-anchors`.length <= 253));
});
