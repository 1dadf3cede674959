import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';

import { exactBytes } from '../../src/pki/der-schema.ts';
import { NOT_AN_AUTHORITY } from '../../src/pki/certificate-extensions.ts';
import { profileParts } from '../../src/pki/certificate-profile.ts';
import { nameConstraintsFor } from '../../src/pki/name-constraints.ts';
import { signCertificate } from '../../src/pki/sign-certificate.ts';
import { verifyIssued } from '../../src/pki/verify-issued.ts';
import type { IssuedMaterial, VerifyFailure } from '../../src/pki/verify-issued.ts';
import { aLeaf, anIntermediate, aRequest, aRoot, NOW, serial } from './authorities.ts';
import type { Authority, Leaf } from './authorities.ts';

describe('verifyIssued', () => {
  let root: Authority;
  let authority: Authority;
  let other: Authority;
  let leaf: Leaf;
  let good: IssuedMaterial;

  before(async () => {
    root = await aRoot();
    const nameConstraints = nameConstraintsFor({ dnsNames: ['*.shop.svc'] });
    authority = await anIntermediate(root, { maxPathLen: 0, durationSeconds: 30 * 86_400, nameConstraints });
    other = await anIntermediate(root, { subject: { commonName: 'other' } });
    leaf = await aLeaf(authority, { dnsNames: ['hello.shop.svc'] });
    good = { certificateDer: leaf.certificate.der, chain: leaf.certificate.chain, anchorDer: authority.anchorDer, key: leaf.key };
  });

  const reasonOf = (changes: Partial<IssuedMaterial>, now = NOW): VerifyFailure | 'ok' => {
    const result = verifyIssued({ ...good, ...changes }, now);
    return result.ok ? 'ok' : result.reason;
  };

  /** Signs whatever is asked for, as a faulty issuer would. */
  async function forge(issuer: Authority, changes: Parameters<typeof aRequest>[0]): Promise<Buffer> {
    const parts = profileParts(aRequest(changes), leaf.key, undefined);
    const validity = { notBefore: NOW, notAfter: new Date(NOW.getTime() + 1000) };
    return signCertificate({ ...parts, ...validity, issuer: exactBytes(issuer.issuer.subject), authorityKeyId: issuer.issuer.subjectKeyId, serial: serial() }, issuer.key);
  }

  it('accepts what is right', () => assert.equal(reasonOf({}), 'ok'));
  it('refuses bytes that are no certificate', () => assert.equal(reasonOf({ certificateDer: Buffer.from('hello') }), 'Malformed'));
  it('refuses the key of another certificate', () => assert.equal(reasonOf({ key: root.key }), 'KeyMismatch'));
  it('refuses a chain that does not lead upwards', () => assert.equal(reasonOf({ chain: [other.certificate.der] }), 'ChainBroken'));
  it('refuses another anchor', () => assert.equal(reasonOf({ anchorDer: other.anchorDer }), 'NotIssuedByAnchor'));
  it('refuses an intermediate as the anchor', () => assert.equal(reasonOf({ anchorDer: authority.certificate.der }), 'NotIssuedByAnchor'));
  it('refuses a time before and after', () => {
    assert.equal(reasonOf({}, new Date(NOW.getTime() - 301_000)), 'NotValidNow');
    assert.equal(reasonOf({}, leaf.certificate.notAfter), 'NotValidNow');
  });
  it('refuses a revoked serial', () => assert.equal(reasonOf({ revokedSerials: new Set([leaf.certificate.serialNumber]) }), 'Revoked'));

  it('refuses a name that the constraints of the issuer do not allow', async () => {
    for (const changes of [{ dnsNames: ['hello.bank.svc'] }, { dnsNames: ['hello.shop.svc'], ipAddresses: ['10.0.0.1'] }, { uris: ['spiffe://bank/a'] }]) {
      assert.equal(reasonOf({ certificateDer: await forge(authority, changes) }), 'NameConstraintViolated');
    }
  });

  it('refuses usages that the issuer does not have itself', async () => {
    const servers = await anIntermediate(root, { subject: { commonName: 'servers' }, usages: ['server auth'] });
    const verdict = async (usages: readonly ('server auth' | 'client auth')[]): Promise<string> => {
      const { certificate, key } = await aLeaf(servers, { usages });
      return reasonOf({ certificateDer: certificate.der, chain: certificate.chain, anchorDer: servers.anchorDer, key });
    };
    assert.equal(await verdict(['server auth']), 'ok');
    assert.equal(await verdict(['server auth', 'client auth']), 'UsageNotAllowed');
  });

  it('refuses an authority below path length 0', async () => {
    assert.equal(reasonOf({ certificateDer: await forge(authority, { isCA: true, usages: [] }) }), 'PathTooLong');
  });

  it('refuses an anchor that is not a CA', async () => {
    const parts = profileParts(aRequest(), root.key, undefined);
    const validity = { notBefore: NOW, notAfter: new Date(NOW.getTime() + 1000) };
    const plain = { ...parts, ...validity, issuer: parts.subject, extensions: [NOT_AN_AUTHORITY], serial: serial() };
    const anchorDer = await signCertificate(plain, root.key);
    const certificateDer = await signCertificate({ ...plain, publicKey: leaf.key.publicKey }, root.key);
    assert.equal(reasonOf({ certificateDer, chain: [], anchorDer }), 'NotACA');
  });
});
