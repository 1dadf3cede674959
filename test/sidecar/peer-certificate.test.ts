// Judged by the openssl command line, which prints names as nginx does.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import * as fc from 'fast-check';
import { readPeerCertificate } from '../../src/sidecar/peer-certificate.ts';
import { TestCa } from '../support/test-ca.ts';

describe('readPeerCertificate', () => {
  let ca: TestCa;
  before(() => {
    ca = new TestCa('/CN=ca');
  });
  after(() => ca[Symbol.dispose]());

  const SUBJECTS = [
    '/CN=alice', '/C=DE/ST=Hessen/L=Darmstadt/O=Shop/OU=Web/CN=alice', '/O=x,CN=alice/CN=mallory', '/CN=a+b=c;d<e>f"g\\\\h', '/CN= leading and trailing ', '/CN=#hash', '/O=Müller & Söhne/CN=☃',
    '/DC=example/DC=shop/UID=u1/CN=alice', '/O=one/O=two/CN=first/CN=second', '/emailAddress=a@b.test/CN=alice', '/O=Shop+OU=Web/CN=multi', '/serialNumber=12/title=Dr/CN=x', '/O=tab\there/CN=x',
  ];
  for (const subject of SUBJECTS) {
    it(`prints ${JSON.stringify(subject)} as openssl does`, () => {
      const { certificate } = ca.issue(subject);
      const expected = execFileSync('openssl', ['x509', '-noout', '-subject', '-nameopt', 'RFC2253'], { input: certificate, encoding: 'utf8' }).replace(/^subject=|\n$/g, '');
      assert.equal(readPeerCertificate(new X509Certificate(certificate)).subject.text, expected);
    });
  }

  it('gives the most specific common name, unescaped', () => {
    const { subject } = readPeerCertificate(new X509Certificate(ca.issue('/CN=three/O=x/CN=one, two').certificate));
    assert.deepEqual([subject.commonName, subject.escapedCommonName], ['one, two', String.raw`one\, two`]);
  });

  it('reads alternative names, serial number and hashes', () => {
    const { certificate } = ca.issue('/CN=alice', ['subjectAltName=DNS:a.test,URI:spiffe://x/y,IP:10.0.0.1,email:a@b.test,DNS:b.test']);
    const x509 = new X509Certificate(certificate);
    const peer = readPeerCertificate(x509);
    assert.deepEqual(peer.dnsNames, ['a.test', 'b.test']);
    assert.deepEqual(peer.uris, ['spiffe://x/y']);
    assert.equal(peer.serialNumber, x509.serialNumber);
    assert.equal(peer.certificateSHA256, x509.fingerprint256.replaceAll(':', '').toLowerCase());
    assert.equal(peer.publicKeySHA256, createHash('sha256').update(x509.publicKey.export({ type: 'spki', format: 'der' })).digest('hex'));
  });

  it('reads a certificate without alternative names', () => {
    const { dnsNames, uris } = readPeerCertificate(new X509Certificate(ca.issue('/CN=alice', []).certificate));
    assert.deepEqual([dnsNames, uris], [[], []]);
  });

  it('either reads a damaged certificate or says that it cannot, and always ends', () => {
    const whole = new X509Certificate(ca.issue('/O=Shop/CN=alice', ['subjectAltName=DNS:a.test,URI:spiffe://x/y']).certificate).raw;
    const damage = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 6 });
    fc.assert(fc.property(damage, fc.nat(whole.length), (bytes, length) => {
      const raw = Buffer.from(whole.subarray(0, length % 7 === 0 ? length : whole.length));
      for (const [offset, byte] of bytes) raw[offset % Math.max(1, raw.length)] = byte;
      try {
        assert.match(readPeerCertificate({ raw } as X509Certificate).subject.text, /^[ -~]*$/);
      } catch (error) {
        assert.ok(error instanceof RangeError, String(error));
      }
    }), { numRuns: 2000 });
  });
});
