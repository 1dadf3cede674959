import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { before, describe, it } from 'node:test';
import { inspect } from 'node:util';

import { issueCertificate } from '../../src/pki/issue-certificate.ts';
import { checkIssuerValidity, readIssuer } from '../../src/pki/issuer.ts';
import { readPrivateKey, writePrivateKey } from '../../src/pki/private-key.ts';
import { aLeaf, anIntermediate, aRequest, aRoot, issuerOf, NOW, serial } from './authorities.ts';
import type { Authority } from './authorities.ts';
import { file, openssl, verifyWithOpenssl } from './openssl.ts';

describe('readIssuer', () => {
  let root: Authority;
  let upper: Authority;
  let lower: Authority;

  before(async () => {
    root = await aRoot();
    upper = await anIntermediate(root, { subject: { commonName: 'upper' } });
    lower = await anIntermediate(upper, { subject: { commonName: 'lower' }, maxPathLen: 0 });
  });

  it('describes a root', () => {
    const issuer = issuerOf(root.certificate.pem, writePrivateKey(root.key));
    assert.equal(issuer.isSelfSigned, true);
    assert.deepEqual(issuer.chain, []);
    assert.equal(issuer.sha256, root.certificate.sha256);
    assert.equal(issuer.notAfter.getTime(), root.certificate.notAfter.getTime());
  });

  it('puts a chain of two intermediates in order, leaves out the root and what does not belong to it', async () => {
    const strangers = await aRoot();
    const certificatePem = [root, strangers, upper, lower].map(({ certificate }) => certificate.pem).join('\n');
    const issuer = issuerOf(certificatePem, writePrivateKey(lower.key));
    assert.deepEqual(issuer.chain, [upper.certificate.der]);
    assert.equal(issuer.pathLen, 0);
    assert.equal(issuer.isSelfSigned, false);
  });

  it('gives leaves a chain that verifies under the root two levels up', async () => {
    const { certificate } = await aLeaf({ ...lower, issuer: issuerOf(lower.certificate.chainPem, writePrivateKey(lower.key)) });
    const [, ...untrusted] = certificate.chainPem.split(/(?=-----BEGIN)/);
    assert.equal(untrusted.length, 2);
    assert.equal(verifyWithOpenssl({ anchors: root.certificate.pem, untrusted: untrusted.join(''), leaf: certificate.pem, purpose: 'sslserver', at: NOW }), 'OK');
  });

  it('refuses what is wrong with a reason, and quotes nothing of it', async () => {
    const leaf = await aLeaf(root);
    const keyPem = writePrivateKey(root.key);
    const encrypted = createPrivateKey(keyPem).export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'secret' }).toString();
    const cases: readonly (readonly [string, string, string])[] = [
      ['', keyPem, 'CertificateMalformed'],
      ['hello', keyPem, 'CertificateMalformed'],
      [keyPem, keyPem, 'CertificateMalformed'],
      [root.certificate.pem.slice(0, -40), keyPem, 'CertificateMalformed'],
      [root.certificate.pem.replace('MII', 'AAA'), keyPem, 'CertificateMalformed'],
      [root.certificate.pem.repeat(17), keyPem, 'CertificateMalformed'],
      [root.certificate.pem, '', 'KeyMalformed'],
      [root.certificate.pem, encrypted, 'KeyEncrypted'],
      [root.certificate.pem, root.certificate.pem, 'KeyMalformed'],
      [root.certificate.pem, writePrivateKey(leaf.key), 'KeyMismatch'],
      [leaf.certificate.pem, writePrivateKey(leaf.key), 'NotACA'],
    ];
    for (const [certificatePem, keyPem, reason] of cases) {
      const result = readIssuer({ certificatePem, keyPem });
      assert.equal(result.ok ? 'ok' : result.reason, reason);
      assert.match(result.ok ? '' : result.message, /tls\.(crt|key)/);
      assert.doesNotMatch(inspect(result), /[A-Za-z0-9+/]{40}/);
    }
  });

  describe('where a public key spells out its curve', () => {
    const explicit = openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-param_enc', 'explicit').output;
    const named = openssl('pkey', '-in', file('explicit.key', explicit), '-ec_param_enc', 'named_curve').output;
    const certificateOf = (key: string) => openssl('req', '-x509', '-key', file('ca.key', key), '-subj', '/CN=explicit', '-days', '9').output;

    it('refuses the key, and says how to store it', () => {
      const result = readIssuer({ certificatePem: certificateOf(explicit), keyPem: explicit });
      assert.ok(!result.ok);
      assert.match(result.message, /^tls\.key: the private key has explicit EC parameters.*-ec_param_enc named_curve/);
      assert.equal(result.reason, 'KeyUnsupported');
    });

    it('refuses the certificate, also when the key itself names the curve', () => {
      const result = readIssuer({ certificatePem: root.certificate.pem + certificateOf(explicit), keyPem: named });
      assert.ok(!result.ok);
      assert.match(result.message, /^tls\.crt: certificate 2 has a public key with explicit EC parameters.*issued anew/);
      assert.equal(result.reason, 'CertificateMalformed');
    });

    it('refuses an intermediate above the CA that does so', () => {
      const above = certificateOf(explicit).replace(/.*(?=-----BEGIN)/s, '');
      const upperRequest = openssl('req', '-new', '-key', file('upper.key', explicit), '-subj', '/CN=explicit upper').output;
      const extensions = file('ca.ext', 'basicConstraints=critical,CA:TRUE\n');
      const sign = (request: string, issuer: string, key: string) =>
        openssl('x509', '-req', '-in', file('csr.pem', request), '-CA', file('above.crt', issuer), '-CAkey', file('above.key', key), '-CAcreateserial', '-days', '9', '-extfile', extensions)
          .output.replace(/^(?!-----BEGIN).*?(?=-----BEGIN)/s, '').replace(/(?<=-----END CERTIFICATE-----\n).*/s, '');
      const upperCertificate = sign(upperRequest, above, explicit);
      const ownKey = writePrivateKey(root.key);
      const own = sign(openssl('req', '-new', '-key', file('own.key', ownKey), '-subj', '/CN=own').output, upperCertificate, explicit);
      const result = readIssuer({ certificatePem: own + upperCertificate, keyPem: ownKey });
      assert.ok(!result.ok, 'accepted');
      assert.match(result.message, /^tls\.crt: certificate 2 has a public key with explicit EC parameters/);
    });

    it('takes the same key once both name it', () => assert.ok(readIssuer({ certificatePem: certificateOf(named), keyPem: named }).ok));
  });

  it('refuses a CA whose keyUsage does not allow to sign certificates', () => {
    const key = file('ku.key', writePrivateKey(root.key));
    const { output } = openssl('req', '-x509', '-key', key, '-subj', '/CN=ku', '-days', '9', '-addext', 'keyUsage=critical,cRLSign');
    const result = readIssuer({ certificatePem: output, keyPem: writePrivateKey(root.key) });
    assert.equal(result.ok ? 'ok' : result.reason, 'NotACA');
  });
});

describe('checkIssuerValidity', () => {
  const issuer = { notBefore: new Date(NOW.getTime() - 1000), notAfter: new Date(NOW.getTime() + 1000) };
  const verdict = (offsetMs: number): string => {
    const result = checkIssuerValidity(issuer, new Date(NOW.getTime() + offsetMs));
    return result.ok ? 'ok' : result.reason;
  };

  it('accepts from notBefore until before notAfter', () => {
    assert.deepEqual([-1001, -1000, 999, 1000].map(verdict), ['NotYetValid', 'ok', 'ok', 'Expired']);
  });
});

/** CAs as other tools make them. */
describe('issueCertificate under a foreign CA', () => {
  const KEYS: Readonly<Record<string, readonly string[]>> = {
    'PKCS#8, RSA': ['genpkey', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048'],
    'PKCS#1, RSA': ['genrsa', '-traditional', '2048'],
    'SEC1 with EC PARAMETERS': ['ecparam', '-name', 'secp384r1', '-genkey'],
    'PKCS#8, Ed25519': ['genpkey', '-algorithm', 'ED25519'],
  };
  const SUBJECTS: Readonly<Record<string, readonly string[]>> = {
    'a subject of UTF8Strings': ['-subj', '/C=US/O=Company RootCA/CN=rootca.company.example', '-utf8'],
    'a subject of PrintableStrings in another order': ['-subj', '/CN=plain/O=Plain/C=DE'],
    'an e-mail address in its subject': ['-subj', '/O=Acme/CN=acme-root-ca/emailAddress=admin@acme.com'],
    'a multi-valued RDN': ['-subj', '/O=Acme/OU=a+CN=b', '-multivalue-rdn'],
    'an umlaut': ['-subj', '/O=Bücher/CN=ca', '-utf8'],
    'a key identifier that is no hash of the key': ['-subj', '/CN=ski', '-addext', 'subjectKeyIdentifier=0102030405060708'],
    'no key identifier': ['-subj', '/CN=noski', '-addext', 'subjectKeyIdentifier=none', '-addext', 'authorityKeyIdentifier=none'],
  };
  const configuration = '[req]\ndistinguished_name=dn\nx509_extensions=ca\nstring_mask=MASK\n[dn]\n[ca]\nbasicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n';

  for (const [keySentence, keyCommand] of Object.entries(KEYS)) {
    for (const [subjectSentence, subject] of Object.entries(SUBJECTS)) {
      it(`fits a CA with ${keySentence} key and ${subjectSentence}`, async () => {
        const keyPem = openssl(...keyCommand).output;
        const config = file('ca.cnf', configuration.replace('MASK', subjectSentence.includes('Printable') ? 'nombstr' : 'utf8only'));
        const { output } = openssl('req', '-x509', '-config', config, '-key', file('ca.key', keyPem), '-days', '30', ...subject);
        const issuer = issuerOf(output.slice(output.indexOf('-----BEGIN')), keyPem);
        const now = new Date(issuer.notBefore.getTime() + 60_000);
        const certificate = await issueCertificate(aRequest(), issuer, { serial: serial(), now, key: readPrivateKey(keyPem) });
        const x509 = new X509Certificate(certificate.der);
        assert.ok(x509.checkIssued(issuer.x509));
        assert.ok(certificate.der.includes(issuer.subject), 'the issuer is the subject of the CA, byte for byte');
        const strict = verifyWithOpenssl({ anchors: output, leaf: certificate.pem, purpose: 'sslclient', at: now });
        // Strict OpenSSL wants a key identifier in every CA; a foreign CA without one is accepted otherwise.
        if (subjectSentence !== 'no key identifier') assert.equal(strict, 'OK');
      });
    }
  }
});
