import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { before, describe, it } from 'node:test';

import { issueCertificate } from '../../src/pki/issue-certificate.ts';
import type { KeySpecification } from '../../src/pki/key-specification.ts';
import { generatePrivateKey } from '../../src/pki/private-key.ts';
import type { PrivateKey } from '../../src/pki/private-key.ts';
import { verifyIssued } from '../../src/pki/verify-issued.ts';
import { judgeWithGo } from '../support/go-verify/judge.ts';
import type { GoCase } from '../support/go-verify/judge.ts';
import { aRequest, aRoot, anIntermediate, NOW, serial } from './authorities.ts';
import type { Authority, Leaf } from './authorities.ts';
import { verifyWithOpenssl } from './openssl.ts';

const ALGORITHMS: Readonly<Record<string, KeySpecification>> = {
  'ECDSA P-256': { algorithm: 'ECDSA', size: 256 },
  'ECDSA P-384': { algorithm: 'ECDSA', size: 384 },
  'ECDSA P-521': { algorithm: 'ECDSA', size: 521 },
  'RSA 2048': { algorithm: 'RSA', size: 2048 },
  'RSA 3072': { algorithm: 'RSA', size: 3072 },
  'RSA 4096': { algorithm: 'RSA', size: 4096 },
  Ed25519: { algorithm: 'Ed25519' },
};

/** The hash follows the key that signs. */
const SIGNATURES: Readonly<Record<string, string>> = {
  'ECDSA P-256': 'ecdsa-with-SHA256',
  'ECDSA P-384': 'ecdsa-with-SHA384',
  'ECDSA P-521': 'ecdsa-with-SHA512',
  'RSA 2048': 'sha256WithRSAEncryption',
  'RSA 3072': 'sha256WithRSAEncryption',
  'RSA 4096': 'sha256WithRSAEncryption',
  Ed25519: 'ED25519',
};

const PROFILES = {
  'a server': { changes: { usages: ['server auth'], dnsNames: ['hello.shop.svc'] }, server: true, client: false },
  'a client': { changes: { usages: ['client auth'], uris: ['spiffe://shop/hello'] }, server: false, client: true },
  'both without a subject': { changes: { usages: ['server auth', 'client auth'], subject: {}, dnsNames: ['hello.shop.svc'], ipAddresses: ['10.0.0.1', '2001:db8::1'] }, server: true, client: true },
} as const;

interface Sample extends Leaf {
  readonly name: string;
  readonly authority: Authority;
  readonly above: Authority;
  readonly profile: (typeof PROFILES)[keyof typeof PROFILES];
}

describe('issueCertificate before independent judges', () => {
  const samples: Sample[] = [];
  const authorities = new Map<string, Authority>();

  before(async () => {
    const above = await aRoot();
    const leafKeys = new Map<string, PrivateKey>();
    for (const [name, specification] of Object.entries(ALGORITHMS)) {
      authorities.set(name, await anIntermediate(above, { maxPathLen: 0, subject: { commonName: `authority ${name}` } }, specification));
      if (name !== 'RSA 4096') leafKeys.set(name, await generatePrivateKey(specification));
    }
    for (const [authorityName, authority] of authorities) {
      for (const [keyName, key] of leafKeys) {
        for (const [profileName, profile] of Object.entries(PROFILES)) {
          const certificate = await issueCertificate(aRequest(profile.changes), authority.issuer, { serial: serial(), now: NOW, key });
          samples.push({ name: `${profileName}, ${keyName}, signed by ${authorityName}`, authority, above, profile, key, certificate });
        }
      }
    }
  });

  it('is accepted by OpenSSL (strict) under the anchor, for the usages asked for and no others', () => {
    for (const { name, authority, certificate, profile } of samples.filter((_, index) => index % 3 === 0 || index < 12)) {
      const judge = (purpose: 'sslserver' | 'sslclient'): string => verifyWithOpenssl({ anchors: authority.anchorPem, leaf: certificate.pem, purpose, at: NOW });
      assert.equal(judge('sslserver') === 'OK', profile.server, `${name}: ${judge('sslserver')}`);
      assert.equal(judge('sslclient') === 'OK', profile.client, `${name}: ${judge('sslclient')}`);
    }
  });

  it('is accepted by OpenSSL (strict) through the chain under the root above', () => {
    for (const { name, above, authority, certificate } of samples.filter((_, index) => index % 6 === 0)) {
      const verdict = verifyWithOpenssl({ anchors: above.anchorPem, untrusted: authority.chainPem, leaf: certificate.pem, purpose: 'any', at: NOW });
      assert.equal(verdict, 'OK', name);
    }
  });

  it('is accepted by Go under anchor and root, for the usages asked for and no others', () => {
    const cases = samples.flatMap(({ authority, above, certificate }): GoCase[] => [
      { roots: authority.anchorPem, leaf: certificate.pem, usage: 'server', at: NOW },
      { roots: authority.anchorPem, leaf: certificate.pem, usage: 'client', at: NOW },
      { roots: above.anchorPem, intermediates: authority.chainPem, leaf: certificate.pem, usage: 'any', at: NOW },
    ]);
    const verdicts = judgeWithGo(cases);
    for (const [index, { name, profile, certificate }] of samples.entries()) {
      const [server, client, chain] = verdicts.slice(index * 3);
      assert.equal(server?.ok, profile.server, `${name}: ${server?.error}`);
      assert.equal(client?.ok, profile.client, `${name}: ${client?.error}`);
      assert.equal(chain?.ok, true, `${name}: ${chain?.error}`);
      assert.equal(chain?.serial?.padStart(certificate.serialNumber.length, '0'), certificate.serialNumber);
    }
  });

  it('is accepted by our own verifier, and belongs to its key', () => {
    for (const { name, authority, certificate, key } of samples) {
      const verdict = verifyIssued({ certificateDer: certificate.der, chain: certificate.chain, anchorDer: authority.anchorDer, key }, NOW);
      assert.deepEqual(verdict, { ok: true }, name);
    }
  });

  it('is signed with the hash that fits the key of the issuer', () => {
    for (const [name, authority] of authorities) {
      const sample = samples.find((sample) => sample.authority === authority);
      assert.equal(new X509Certificate(sample?.certificate.der ?? '').signatureAlgorithm, SIGNATURES[name]);
    }
  });
});
