import assert from 'node:assert/strict';
import { randomBytes, X509Certificate, type KeyObject } from 'node:crypto';
import { before, describe, it } from 'node:test';
import { issueCertificate } from '../../src/pki/issue-certificate.ts';
import { readIssuer, type Issuer } from '../../src/pki/issuer.ts';
import { generatePrivateKey, writePrivateKey } from '../../src/pki/private-key.ts';
import { loadTrust } from '../../src/sidecar/load-trust.ts';
import { readPeerCertificate } from '../../src/sidecar/peer-certificate.ts';
import { findTenant, reassess, type Trust } from '../../src/sidecar/trust.ts';
import { TestAuthority, trustOf, type Identity } from '../conformance/fleet.ts';

function load(authorities: readonly (readonly [TestAuthority, string?])[], crls?: readonly string[]): Trust {
  const { model, files } = trustOf(0, authorities, crls);
  const file = (path: string | undefined) => (path === undefined ? undefined : Buffer.from(files[path] ?? ''));
  return loadTrust(model, { certificates: file(model.certificates), crls: file(model.crls) }, Date.now());
}

const x509Of = ({ cert }: Identity) => new X509Certificate(cert);

describe('trust', () => {
  let customer: TestAuthority;
  let partner: TestAuthority;
  let alice: Identity;
  before(async () => {
    [customer, partner] = [await TestAuthority.create('customer-ca'), await TestAuthority.create('partner-ca')];
    alice = await customer.issue('alice');
  });

  describe('findTenant', () => {
    it('names the tenant whose anchor signed the client', async () => {
      const trust = load([[customer, 'customer'], [partner, 'partner']]);
      assert.equal(findTenant(trust, x509Of(alice)), 'customer');
      assert.equal(findTenant(trust, x509Of(await partner.issue('bob'))), 'partner');
    });

    it('names nobody for an anchor that belongs to no tenant', () => assert.equal(findTenant(load([[customer], [partner, 'partner']]), x509Of(alice)), undefined));

    it('is not misled by an authority with the name of another tenant\'s', async () => {
      const forged = await TestAuthority.create('customer-ca', partner);
      const mallory = x509Of(await forged.issue('alice'));
      assert.equal(mallory.issuer, x509Of(alice).issuer);
      assert.notEqual(findTenant(load([[customer, 'customer'], [partner, 'partner']]), mallory), 'customer');
    });

    it('names the only tenant there is for a client behind an intermediate', async () => {
      const below = await TestAuthority.create('below', customer);
      const leaf = x509Of(await below.issue('carol'));
      assert.equal(findTenant(load([[customer, 'customer']]), leaf), 'customer');
      assert.equal(findTenant(load([[customer, 'customer'], [partner, 'partner']]), leaf), undefined);
    });

    it('names the tenant of two anchors, as during a rotation', async () => {
      const next = await TestAuthority.create('customer-ca-2');
      assert.equal(findTenant(load([[customer, 'customer'], [next, 'customer']]), x509Of(alice)), 'customer');
    });

    it('does not follow every path through authorities that have signed one another', async () => {
      const below = await TestAuthority.create('below', customer);
      const leaf = x509Of(await below.issue('carol'));
      // Of one name and key, so that each has signed each; as Node shows what a client sends.
      let calls = 0;
      const sent = Array.from({ length: 8 }, () => new X509Certificate(below.pem));
      for (const [index, certificate] of [leaf, ...sent].entries()) {
        const isSignedBy = certificate.verify.bind(certificate);
        Object.defineProperties(certificate, { issuerCertificate: { value: sent[index] }, verify: { value: (key: KeyObject) => (calls += 1, isSignedBy(key)) } });
      }
      assert.equal(findTenant(load([[customer, 'customer'], [partner, 'partner']]), leaf), undefined);
      assert.ok(calls < 200, `${calls} signatures`);
    });

    it('does not take a client of one tenant for an authority of it', async () => {
      // bob is a client of customer; partner signs an authority of the same name and key, and with it a leaf.
      const key = await generatePrivateKey({ algorithm: 'ECDSA', size: 256 });
      const context = { key, now: new Date(), serial: randomBytes(16) };
      const { pem } = await issueCertificate({ subject: { commonName: 'bob' }, isCA: true, usages: [], durationSeconds: 86_400 }, partner.issuer, context);
      const read = readIssuer({ certificatePem: pem, keyPem: writePrivateKey(key) });
      const leaf = await issueLeaf((read as { issuer: Issuer }).issuer);
      assert.equal(findTenant(load([[customer, 'customer'], [partner, 'partner']]), leaf), undefined);
    });
  });

  describe('reassess', () => {
    const peer = (identity: Identity) => readPeerCertificate(x509Of(identity));

    it('keeps a client whose anchor stays', () => assert.equal(reassess(load([[customer]]), load([[customer], [partner]]), peer(alice)), 'trusted'));
    it('cuts a client whose anchor goes', () => assert.equal(reassess(load([[customer], [partner]]), load([[partner]]), peer(alice)), 'not_trusted'));

    it('cuts a client that has been revoked, and nobody else', async () => {
      const authority = await TestAuthority.create('ca');
      const [good, bad] = [await authority.issue('good'), await authority.issue('bad')];
      const before = load([[authority]], [await authority.crl()]);
      authority.revoke(bad);
      const after = load([[authority]], [await authority.crl()]);
      assert.equal(reassess(before, after, peer(good)), 'trusted');
      assert.equal(reassess(before, after, peer(bad)), 'revoked');
    });

    it('keeps a client behind an intermediate while nothing is taken away', async () => {
      const authority = await TestAuthority.create('root');
      const carol = peer(await (await TestAuthority.create('below', authority)).issue('carol'));
      const before = load([[authority]], [await authority.crl()]);
      assert.equal(reassess(before, load([[authority], [partner]], [await authority.crl(), await partner.crl()]), carol), 'trusted');
      authority.revoke(alice);
      assert.equal(reassess(before, load([[authority]], [await authority.crl()]), carol), 'not_trusted');
    });
  });

  describe('loadTrust', () => {
    const REFUSED: Readonly<Record<string, readonly [make: () => Promise<Trust>, says: RegExp]>> = {
      'a CRL of an authority that is not trusted': [async () => load([[customer]], [await customer.crl(), await partner.crl()]), /CRL 2 of caCerts\/trust-0\.crl is of no trusted issuer/],
      'a CRL that another key has signed': [async () => load([[customer]], [await (await TestAuthority.create('customer-ca')).crl()]), /not signed by its issuer/],
      'a CRL that has expired': [async () => load([[customer]], [await customer.crl({ nextUpdateMs: -1000 })]), /has expired/],
      'a CRL of the future': [async () => load([[customer]], [await customer.crl({ thisUpdateMs: 3_600_000, nextUpdateMs: 7_200_000 })]), /not valid yet/],
      'an authority without a CRL where others have one': [async () => load([[customer], [partner]], [await customer.crl()]), /no CRL of .*partner-ca/],
    };
    for (const [sentence, [make, says]] of Object.entries(REFUSED)) it(`refuses ${sentence}`, () => assert.rejects(make, says));

    it('refuses an anchor that the configuration does not name', () => {
      const { model, files } = trustOf(0, [[customer]]);
      assert.throws(() => loadTrust({ ...model, authorities: [] }, { certificates: Buffer.from(files['caCerts/trust-0.crt'] ?? ''), crls: undefined }, 0), /does not name/);
    });
  });
});

async function issueLeaf(issuer: Issuer): Promise<X509Certificate> {
  const key = await generatePrivateKey({ algorithm: 'ECDSA', size: 256 });
  const { pem } = await issueCertificate({ subject: { commonName: 'x' }, isCA: false, usages: ['client auth'], durationSeconds: 3600 }, issuer, { key, now: new Date(), serial: randomBytes(16) });
  return new X509Certificate(pem);
}
