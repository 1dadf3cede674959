import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';

import { makeAnchor } from '../../src/pki/anchor.ts';
import { encodeCrl } from '../../src/pki/crl.ts';
import { inspectCertificate } from '../../src/pki/inspect-certificate.ts';
import { issueCertificate } from '../../src/pki/issue-certificate.ts';
import { nameConstraintsFor } from '../../src/pki/name-constraints.ts';
import { generatePrivateKey, writePrivateKey } from '../../src/pki/private-key.ts';
import { maySignCrls } from '../../src/pki/read-crl.ts';
import { anIntermediate, aRequest, aRoot, issuerOf, P256, serial } from './authorities.ts';
import { file, openssl, verifyWithOpenssl } from './openssl.ts';

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

  it('may sign CRLs even where the authority may not, as with CAs of cert-manager', async () => {
    const root = await aRoot();
    const key = file('sub.key', writePrivateKey(await generatePrivateKey(P256)));
    const ca = [file('root.crt', root.certificate.pem), '-CAkey', file('root.key', writePrivateKey(root.key))] as const;
    const { output } = openssl('req', '-x509', '-CA', ...ca, '-key', key, '-subj', '/CN=sub', '-days', '9', '-addext', 'keyUsage=critical,digitalSignature,keyCertSign');
    const issuer = issuerOf(output, readFileSync(key, 'utf8'));
    const { pem: anchors } = await makeAnchor(issuer);
    const leaf = await issueCertificate(aRequest(), issuer, { serial: serial(), now: new Date(issuer.notBefore.getTime() + 1000), key: root.key });
    const at = new Date(issuer.notBefore.getTime() + 2000);
    const { pem: crls } = await encodeCrl(issuer, { number: 1n, thisUpdate: at, nextUpdate: new Date(at.getTime() + 60_000), entries: [] });
    assert.deepEqual([issuer.certificate, inspectCertificate(anchors)?.x509.raw ?? assert.fail()].map(maySignCrls), [false, true]);
    assert.equal(verifyWithOpenssl({ anchors, leaf: leaf.pem, crls, purpose: 'sslclient', at }), 'OK');
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
