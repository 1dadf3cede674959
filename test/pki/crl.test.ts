import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { before, describe, it } from 'node:test';

import { encodeCrl } from '../../src/pki/crl.ts';
import type { CrlContent, RevocationReason } from '../../src/pki/crl.ts';
import type { KeySpecification } from '../../src/pki/key-specification.ts';
import { decodeCrl, readCrl, revokedSerials, verifyCrl } from '../../src/pki/read-crl.ts';
import { judgeWithGo } from '../support/go-verify/judge.ts';
import { aLeaf, anIntermediate, aRoot, mutedRoot, NOW } from './authorities.ts';
import type { Authority } from './authorities.ts';
import { printWithOpenssl, verifyWithOpenssl } from './openssl.ts';

const WEEK_MS = 7 * 86_400_000;

function aCrl(changes: Partial<CrlContent> = {}): CrlContent {
  return { number: 1n, thisUpdate: NOW, nextUpdate: new Date(NOW.getTime() + WEEK_MS), entries: [], ...changes };
}

function revoked(serialNumber: string, reason: RevocationReason = 'keyCompromise') {
  return { serialNumber, reason, revocationDate: NOW };
}

describe('encodeCrl', () => {
  let root: Authority;
  before(async () => {
    root = await aRoot();
  });

  it('refuses the revoked leaf and no other, before OpenSSL and Go, for every kind of issuer key', async () => {
    const specifications: readonly KeySpecification[] = [
      { algorithm: 'ECDSA', size: 256 },
      { algorithm: 'ECDSA', size: 384 },
      { algorithm: 'ECDSA', size: 521 },
      { algorithm: 'RSA', size: 2048 },
      { algorithm: 'Ed25519' },
    ];
    for (const specification of specifications) {
      const authority = await anIntermediate(root, {}, specification);
      const [bad, good] = [await aLeaf(authority), await aLeaf(authority)];
      const { pem: crl } = await encodeCrl(authority.issuer, aCrl({ entries: [revoked(bad.certificate.serialNumber)] }));
      const openssl = (leaf: string): string => verifyWithOpenssl({ anchors: authority.anchorPem, leaf, crls: crl, purpose: 'sslclient', at: NOW });
      assert.equal(openssl(good.certificate.pem), 'OK');
      assert.match(openssl(bad.certificate.pem), /certificate revoked/);
      const goCase = { roots: authority.anchorPem, usage: 'client', at: NOW, crl } as const;
      const [goGood, goBad] = judgeWithGo([{ ...goCase, leaf: good.certificate.pem }, { ...goCase, leaf: bad.certificate.pem }]);
      assert.deepEqual([goGood?.ok, goBad?.error], [true, 'revoked with reason 1']);
    }
  });

  it('fails closed before OpenSSL when it has expired', async () => {
    const leaf = await aLeaf(root);
    const { pem: crls } = await encodeCrl(root.issuer, aCrl());
    const at = new Date(NOW.getTime() + WEEK_MS + 1000);
    assert.match(verifyWithOpenssl({ anchors: root.anchorPem, leaf: leaf.certificate.pem, crls, purpose: 'sslclient', at }), /CRL has expired/);
  });

  it('is read back as it was written', async () => {
    const entries = [revoked('01'), revoked('FF00112233445566', 'unspecified'), revoked('0A00112233445566', 'superseded')];
    const content = aCrl({ entries, number: 2n ** 100n, nextUpdate: new Date('2050-01-01T00:00:00Z') });
    const crl = readCrl((await encodeCrl(root.issuer, content)).pem);
    assert.ok(crl);
    assert.deepEqual([...revokedSerials(crl)], entries.map((entry) => entry.serialNumber));
    assert.deepEqual([crl.number, crl.thisUpdate, crl.nextUpdate], [content.number, content.thisUpdate, content.nextUpdate]);
    assert.ok(crl.issuer.equals(root.issuer.subject));
  });

  it('writes reasons and numbers as OpenSSL reads them, and nothing for `unspecified`', async () => {
    const entries = [revoked('0A11', 'cessationOfOperation'), revoked('0B22', 'unspecified'), revoked('0C33', 'privilegeWithdrawn')];
    const text = printWithOpenssl('crl', (await encodeCrl(root.issuer, aCrl({ number: 255n, entries }))).pem, '-text');
    assert.match(text, /X509v3 CRL Number: \s+255\n/);
    assert.match(text, /Serial Number: 0A11\n.*\n.*\n.*\n\s+Cessation Of Operation\n\s+Serial Number: 0B22\n.*\n\s+Serial Number: 0C33\n.*\n.*\n.*\n\s+Privilege Withdrawn/);
  });

  it('leaves the list out when nothing is revoked', async () => {
    assert.match(printWithOpenssl('crl', (await encodeCrl(root.issuer, aCrl())).pem, '-text'), /No Revoked Certificates/);
  });

  it('refuses serials that are no upper-case hex, and numbers that RFC 5280 does not allow', async () => {
    for (const serialNumber of ['', 'A', 'ab', '0x11', '00'.repeat(21)]) {
      await assert.rejects(encodeCrl(root.issuer, aCrl({ entries: [revoked(serialNumber)] })), RangeError);
    }
    for (const number of [-1n, 1n << 159n]) await assert.rejects(encodeCrl(root.issuer, aCrl({ number })), RangeError);
  });

  it('lets others work in between while it signs 20 000 entries', async () => {
    const entries = Array.from({ length: 20_000 }, () => revoked(`7F${randomBytes(15).toString('hex').toUpperCase()}`));
    let turns = 0;
    const count = setInterval(() => (turns += 1), 0);
    const crl = await encodeCrl(root.issuer, aCrl({ entries }));
    clearInterval(count);
    assert.ok(turns >= 5, `only ${turns} turns`);
    assert.equal(revokedSerials(decodeCrl(crl.der)).size, 20_000);
    assert.equal(verifyCrl(decodeCrl(crl.der), root.certificate.der), 'Valid');
  });
});

describe('verifyCrl', () => {
  it('tells the CRL of the issuer from those of others', async () => {
    const [root, namesake, other] = [await aRoot(), await aRoot(), await aRoot({ subject: { commonName: 'other' } })];
    const crl = decodeCrl((await encodeCrl(root.issuer, aCrl({ entries: [revoked('01')] }))).der);
    assert.equal(verifyCrl(crl, root.certificate.der), 'Valid');
    assert.equal(verifyCrl(crl, namesake.certificate.der), 'BadSignature');
    assert.equal(verifyCrl(crl, other.certificate.der), 'WrongIssuer');
  });

  it('refuses one whose algorithm is not of the kind of the issuer\'s key', async () => {
    const root = await aRoot();
    const crl = decodeCrl((await encodeCrl(root.issuer, aCrl())).der);
    for (const key of [{ algorithm: 'Ed25519' }, { algorithm: 'RSA', size: 2048 }] as const) assert.equal(verifyCrl(crl, (await aRoot({}, key)).certificate.der), 'BadSignature');
    const rsa = decodeCrl((await encodeCrl((await aRoot({}, { algorithm: 'RSA', size: 2048 })).issuer, aCrl())).der);
    assert.equal(verifyCrl(rsa, root.certificate.der), 'BadSignature');
    assert.equal(verifyCrl({ ...crl, signed: { ...crl.signed, signature: Buffer.from('no ASN.1') } }, root.certificate.der), 'BadSignature');
  });

  it('refuses one of an issuer that may not sign CRLs', async () => {
    const mute = mutedRoot();
    assert.equal(verifyCrl(decodeCrl((await encodeCrl(mute, aCrl())).der), mute.certificate), 'MayNotSignCrls');
  });

  it('notices every changed byte', async () => {
    const root = await aRoot();
    const { der } = await encodeCrl(root.issuer, aCrl({ entries: [revoked('01')] }));
    const verdict = (bytes: Buffer): string => {
      try {
        return verifyCrl(decodeCrl(bytes), root.certificate.der);
      } catch {
        return 'Malformed';
      }
    };
    for (let index = 0; index < der.length; index++) {
      const changed = Buffer.from(der);
      changed[index] = (changed[index] ?? 0) ^ 0x01;
      assert.notEqual(verdict(changed), 'Valid', `byte ${index}`);
    }
  });
});

describe('readCrl', () => {
  it('is undefined for what is none', async () => {
    const root = await aRoot();
    const { pem } = await encodeCrl(root.issuer, aCrl());
    for (const text of ['', root.certificate.pem, pem.replaceAll('X509 CRL', 'CRL'), pem.slice(0, 200), pem.replace('\nMI', '\nAA')]) {
      assert.equal(readCrl(text), undefined);
    }
  });
});
