import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { before, describe, it } from 'node:test';
import { inspect } from 'node:util';

import * as fc from 'fast-check';

import { encodeCrl } from '../../src/pki/crl.ts';
import { encodePem } from '../../src/pki/pem.ts';
import { writePrivateKey } from '../../src/pki/private-key.ts';
import { buildTrustBundle, crlCoverage, parseTrust } from '../../src/pki/trust-bundle.ts';
import type { TrustMaterial } from '../../src/pki/trust-bundle.ts';
import { anIntermediate, aRoot, NOW } from './authorities.ts';
import type { Authority } from './authorities.ts';

const crlOf = (authority: Authority): Promise<{ der: Buffer; pem: string }> =>
  encodeCrl(authority.issuer, { number: 1n, thisUpdate: NOW, nextUpdate: new Date(NOW.getTime() + 1000), entries: [] });

function trusted(text: string): TrustMaterial {
  const result = parseTrust(text);
  if (!result.ok) throw new Error(result.message);
  return result;
}

describe('parseTrust', () => {
  let one: Authority;
  let two: Authority;
  before(async () => {
    [one, two] = [await aRoot(), await aRoot({ subject: { commonName: 'two' } })];
  });

  it('reads certificates and CRLs, with comments between them', async () => {
    const crl = await crlOf(one);
    const text = `# Company\n${one.anchorPem}\nsubject=CN=two\r\n${two.anchorPem.replaceAll('\n', '\r\n')}${crl.pem}`;
    assert.deepEqual(trusted(text).certificates, [one.anchorDer, two.anchorDer]);
    assert.deepEqual(trusted(text).crls, [crl.der]);
  });

  it('passes on nothing that stands behind a certificate or CRL in its block', async () => {
    const hidden = Buffer.from('hidden behind');
    const text = encodePem('CERTIFICATE', Buffer.concat([one.anchorDer, hidden]));
    const result = parseTrust(text);
    assert.ok(!result.ok || result.certificates.every((der) => !der.includes(hidden)));
    const crl = await crlOf(one);
    assert.equal(parseTrust(one.anchorPem + encodePem('X509 CRL', Buffer.concat([crl.der, hidden]))).ok, false);
  });

  it('refuses a source that holds anything else, with a reason, and quotes nothing of it', async () => {
    const key = writePrivateKey(one.key);
    const publicKey = generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' }).toString();
    const intermediate = await anIntermediate(one);
    const cases: readonly (readonly [string, string])[] = [
      [key, 'ForbiddenContent'],
      [one.anchorPem + key, 'ForbiddenContent'],
      [one.anchorPem + publicKey, 'ForbiddenContent'],
      [one.anchorPem + encodePem('SECRET', Buffer.from('password')), 'ForbiddenContent'],
      [one.anchorPem + key.replace('-----BEGIN', '----BEGIN'), 'ForbiddenContent'],
      [one.anchorPem + key.slice(0, 80), 'Malformed'],
      [`${one.anchorPem}-----BEGIN CERTIFICATE-----\npassword`, 'Malformed'],
      [encodePem('CERTIFICATE', Buffer.from('password')), 'CertificateMalformed'],
      [one.anchorPem + encodePem('X509 CRL', Buffer.from('password')), 'CrlMalformed'],
      [key.replaceAll('PRIVATE KEY', 'CERTIFICATE'), 'CertificateMalformed'],
      ['password', 'NoAnchor'],
      ['', 'NoAnchor'],
      [intermediate.certificate.pem, 'NoAnchor'],
    ];
    for (const [text, reason] of cases) {
      const result = parseTrust(text);
      assert.equal(result.ok ? 'ok' : result.reason, reason, text.slice(0, 300));
      assert.doesNotMatch(inspect(result), /password|[A-Za-z0-9+/]{40}/);
    }
  });

  it('never passes on text of any source that is neither', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(one.anchorPem, '-----BEGIN ', 'PRIVATE KEY-----', '-----END CERTIFICATE-----', 'c2VjcmV0', '\n', 'X509 CRL', '-')), (parts) => {
        const result = parseTrust(parts.join(''));
        assert.ok(!result.ok || result.certificates.every((der) => der.equals(one.anchorDer)));
      }),
    );
  });
});

describe('buildTrustBundle', () => {
  it('is the same whatever the order and number of its sources', async () => {
    const sources = await Promise.all(['a', 'b', 'c'].map(async (commonName) => trusted((await aRoot({ subject: { commonName } })).anchorPem)));
    const expected = buildTrustBundle(sources);
    assert.deepEqual(buildTrustBundle([...sources.toReversed(), ...sources]), expected);
    assert.equal(expected.certificatesPem.match(/BEGIN CERTIFICATE/g)?.length, 3);
    assert.deepEqual(trusted(expected.certificatesPem).certificates.length, 3);
    assert.equal(expected.crlsPem, '');
  });

  it('is empty without sources', () => assert.deepEqual(buildTrustBundle([]), { certificatesPem: '', crlsPem: '' }));
});

describe('crlCoverage', () => {
  it('tells whether all, some or none of the certificates have a CRL', async () => {
    const [one, two] = [await aRoot(), await aRoot({ subject: { commonName: 'two' } })];
    const crls = [(await crlOf(one)).pem, (await crlOf(two)).pem];
    const anchors = one.anchorPem + two.anchorPem;
    assert.equal(crlCoverage(trusted(anchors)), 'None');
    assert.equal(crlCoverage(trusted(anchors + crls[0])), 'Some');
    assert.equal(crlCoverage(trusted(anchors + crls.join(''))), 'All');
  });
});
