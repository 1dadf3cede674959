// The library's own certificate classes read what we signed with its ASN.1 schemas: nothing is lost or invented on the way.
import 'reflect-metadata';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as x509 from '@peculiar/x509';
import { issueCertificate } from '../../src/pki/issue-certificate.ts';
import { generatePrivateKey } from '../../src/pki/private-key.ts';
import { aRequest, anIntermediate, aRoot, NOW, serial } from './authorities.ts';

describe('issueCertificate read by @peculiar/x509', () => {
  it('says exactly what was asked for, and is signed by its issuer', async () => {
    const authority = await anIntermediate(await aRoot(), { maxPathLen: 0 });
    const request = aRequest({ usages: ['server auth', 'client auth'], subject: { commonName: 'hello', organizations: ['Shop'] }, dnsNames: ['hello.shop.svc'], ipAddresses: ['10.0.0.1'], uris: ['spiffe://shop/hello'] });
    const issued = await issueCertificate(request, authority.issuer, { serial: serial(), now: NOW, key: await generatePrivateKey({ algorithm: 'ECDSA', size: 256 }) });
    const certificate = new x509.X509Certificate(issued.der);
    const signer = new x509.X509Certificate(authority.issuer.certificate);
    assert.equal(certificate.subject, 'O=Shop, CN=hello');
    assert.equal(certificate.issuer, signer.subject);
    assert.deepEqual(certificate.getExtension(x509.SubjectAlternativeNameExtension)?.names.toJSON(), [
      { type: 'dns', value: 'hello.shop.svc' }, { type: 'ip', value: '10.0.0.1' }, { type: 'url', value: 'spiffe://shop/hello' },
    ]);
    assert.deepEqual([...(certificate.getExtension(x509.ExtendedKeyUsageExtension)?.usages ?? [])], [x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]);
    assert.equal(certificate.getExtension(x509.BasicConstraintsExtension)?.ca, false);
    assert.equal(certificate.getExtension(x509.AuthorityKeyIdentifierExtension)?.keyId, signer.getExtension(x509.SubjectKeyIdentifierExtension)?.keyId);
    assert.equal(certificate.extensions.length, 6);
    assert.equal(await certificate.verify({ publicKey: signer, signatureOnly: true }), true);
  });
});
