import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { makeAnchor } from '../../src/pki/anchor.ts';
import { inspectCertificate } from '../../src/pki/inspect-certificate.ts';
import { nameConstraintsFor } from '../../src/pki/name-constraints.ts';
import { anIntermediate, aRoot, issuerOf } from './authorities.ts';
import { writePrivateKey } from '../../src/pki/private-key.ts';

describe('makeAnchor', () => {
  it('is the root itself for a root', async () => {
    const root = await aRoot();
    assert.deepEqual((await makeAnchor(root.issuer)).der, root.certificate.der);
  });

  it('repeats subject, key, key identifier, lifetime, path length and name constraints of an intermediate', async () => {
    const authority = await anIntermediate(await aRoot(), { subject: { commonName: 'shop', countries: ['DE'] }, maxPathLen: 2, usages: ['server auth', 'client auth'], nameConstraints: nameConstraintsFor({ dnsNames: ['*.shop.svc'] }) });
    const twin = inspectCertificate((await makeAnchor(authority.issuer)).pem)?.content;
    const { content } = authority.issuer;
    assert.ok(twin);
    for (const field of ['subject', 'publicKey', 'subjectKeyId', 'notBefore', 'notAfter', 'isCA', 'pathLen', 'keyUsage', 'extendedKeyUsage', 'nameConstraints'] as const) {
      assert.deepEqual(twin[field], content[field], field);
    }
    assert.ok(twin.issuer.equals(twin.subject));
    assert.ok(!content.issuer.equals(content.subject));
  });

  it('is an issuer of its own Secret again, with the same key', async () => {
    const authority = await anIntermediate(await aRoot());
    const issuer = issuerOf(authority.anchorPem, writePrivateKey(authority.key));
    assert.equal(issuer.isSelfSigned, true);
  });

  it('gives the same bytes again where signatures are not random', async () => {
    const root = await aRoot();
    for (const specification of [{ algorithm: 'RSA', size: 2048 }, { algorithm: 'Ed25519' }] as const) {
      const { issuer } = await anIntermediate(root, {}, specification);
      assert.deepEqual(await makeAnchor(issuer), await makeAnchor(issuer));
    }
  });
});
