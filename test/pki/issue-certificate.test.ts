import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { InvalidRequestError } from '../../src/pki/invalid-request-error.ts';
import { inspectCertificate } from '../../src/pki/inspect-certificate.ts';
import { issueCertificate, selfSign } from '../../src/pki/issue-certificate.ts';
import type { CertificateRequest } from '../../src/pki/issue-certificate.ts';
import { generatePrivateKey } from '../../src/pki/private-key.ts';
import { aLeaf, anIntermediate, aRequest, aRoot, aRootRequest, NOW, P256, serial } from './authorities.ts';
import { printWithOpenssl } from './openssl.ts';

const MINUTE_MS = 60_000;
const DAY_S = 86_400;
const at = (offsetMs: number): Date => new Date(NOW.getTime() + offsetMs);

describe('issueCertificate', () => {
  it('begins five minutes ago and ends after the duration', async () => {
    const { certificate } = await aLeaf(await aRoot(), { durationSeconds: 3600 });
    assert.deepEqual([certificate.notBefore, certificate.notAfter, certificate.clipped], [at(-5 * MINUTE_MS), at(60 * MINUTE_MS), false]);
    const inspected = inspectCertificate(certificate.pem);
    assert.deepEqual([inspected?.notBefore, inspected?.notAfter], [certificate.notBefore, certificate.notAfter]);
  });

  it('begins no earlier than its issuer', async () => {
    const root = await aRoot();
    const key = await generatePrivateKey(P256);
    const early = await issueCertificate(aRequest(), root.issuer, { serial: serial(), now: at(-4 * MINUTE_MS), key });
    assert.deepEqual(early.notBefore, root.issuer.notBefore);
  });

  it('ends no later than its issuer, and says that it was cut', async () => {
    const root = await aRoot({ durationSeconds: 3 * DAY_S });
    const { certificate } = await aLeaf(root, { durationSeconds: 7 * DAY_S });
    assert.equal(certificate.clipped, true);
    assert.deepEqual(certificate.notAfter, root.issuer.notAfter);
  });

  it('is refused before and after the lifetime of the issuer', async () => {
    const root = await aRoot({ durationSeconds: DAY_S });
    const key = await generatePrivateKey(P256);
    for (const now of [at(-6 * MINUTE_MS), at(DAY_S * 1000), at(30 * DAY_S * 1000)]) {
      await assert.rejects(issueCertificate(aRequest(), root.issuer, { serial: serial(), now, key }), RangeError);
    }
  });

  it('writes years from 2050 on as OpenSSL reads them', async () => {
    const { certificate } = await aRoot({ durationSeconds: 40 * 365 * DAY_S });
    assert.match(printWithOpenssl('x509', certificate.pem, '-enddate'), new RegExp(`${new Date(NOW.getTime() + 40 * 365 * DAY_S * 1000).getUTCFullYear()} GMT`));
  });

  it('gives the same bytes again for the same input, except for ECDSA signatures', async () => {
    const key = await generatePrivateKey({ algorithm: 'Ed25519' });
    const context = { serial: Buffer.alloc(16, 7), now: NOW, key };
    const [one, two] = [await selfSign(aRootRequest(), context), await selfSign(aRootRequest(), context)];
    assert.deepEqual(one.der, two.der);
  });

  const serials: Readonly<Record<string, readonly [string, string]>> = {
    'as it is': ['7f00112233445566', '7F00112233445566'],
    'without its top bit': ['ff00112233445566', '7F00112233445566'],
    'with leading zeros dropped in pairs': ['0000112233445566', '112233445566'],
    'with a high bit behind dropped zeros': ['0000ff2233445566', 'FF2233445566'],
    'with a leading digit of zero': ['0a00112233445566', '0A00112233445566'],
    'of 20 bytes': [`41${'00'.repeat(19)}`, `41${'00'.repeat(19)}`],
  };
  for (const [sentence, [given, printed]] of Object.entries(serials)) {
    it(`takes the serial ${sentence}, and names it as openssl does`, async () => {
      const key = await generatePrivateKey(P256);
      const certificate = await selfSign(aRootRequest(), { serial: Buffer.from(given, 'hex'), now: NOW, key });
      assert.equal(certificate.serialNumber, printed);
      assert.equal(printWithOpenssl('x509', certificate.pem, '-serial').trim(), `serial=${printed}`);
    });
  }

  it('refuses serials that are short, long or zero', async () => {
    const key = await generatePrivateKey(P256);
    for (const bytes of [Buffer.alloc(7, 1), Buffer.alloc(21, 1), Buffer.alloc(8)]) {
      await assert.rejects(selfSign(aRootRequest(), { serial: bytes, now: NOW, key }), RangeError);
    }
  });

  it('contains the extensions of a leaf exactly', async () => {
    const root = await aRoot();
    const { certificate } = await aLeaf(root, { dnsNames: ['a.example'] });
    assert.deepEqual(extensionsOf(certificate.pem), [
      'X509v3 Basic Constraints: critical CA:FALSE',
      'X509v3 Key Usage: critical Digital Signature',
      'X509v3 Extended Key Usage: TLS Web Server Authentication, TLS Web Client Authentication',
      `X509v3 Subject Key Identifier: ${keyIdOf(certificate.pem)}`,
      'X509v3 Subject Alternative Name: DNS:a.example',
      `X509v3 Authority Key Identifier: ${keyIdOf(root.certificate.pem)}`,
    ]);
  });

  it('adds key encipherment for RSA, and the usages asked for', async () => {
    const { certificate } = await aLeaf(await aRoot(), { usages: ['key agreement', 'code signing'] }, { algorithm: 'RSA', size: 2048 });
    const [, keyUsage, extended] = extensionsOf(certificate.pem);
    assert.equal(keyUsage, 'X509v3 Key Usage: critical Digital Signature, Key Encipherment, Key Agreement');
    assert.equal(extended, 'X509v3 Extended Key Usage: Code Signing');
  });

  it('marks the SAN critical when the subject is empty', async () => {
    const { certificate } = await aLeaf(await aRoot(), { subject: {}, dnsNames: ['a.example'] });
    assert.ok(extensionsOf(certificate.pem).includes('X509v3 Subject Alternative Name: critical DNS:a.example'));
  });

  it('contains the extensions of an authority exactly', async () => {
    const root = await aRoot();
    const { certificate } = await anIntermediate(root, { maxPathLen: 1 });
    assert.deepEqual(extensionsOf(certificate.pem), [
      'X509v3 Basic Constraints: critical CA:TRUE, pathlen:1',
      'X509v3 Key Usage: critical Certificate Sign, CRL Sign',
      `X509v3 Subject Key Identifier: ${keyIdOf(certificate.pem)}`,
      `X509v3 Authority Key Identifier: ${keyIdOf(root.certificate.pem)}`,
    ]);
  });

  it('leaves authorities below it no more path than it has itself', async () => {
    const root = await aRoot({ maxPathLen: 2 });
    const upper = await anIntermediate(root, { maxPathLen: 5 });
    const lower = await anIntermediate(upper);
    assert.deepEqual([root.issuer.pathLen, upper.issuer.pathLen, lower.issuer.pathLen], [2, 1, 0]);
    await assert.rejects(anIntermediate(lower), (error) => error instanceof InvalidRequestError && error.field === 'spec.isCA');
  });

  const refused: Readonly<Record<string, readonly [Partial<CertificateRequest>, string]>> = {
    'neither subject nor names': [{ subject: {} }, 'spec.commonName'],
    'an authority without a subject': [{ subject: {}, isCA: true, usages: [], dnsNames: ['a.b'] }, 'spec.commonName'],
    'a usage that is none': [{ usages: ['server auth', 'toString' as never] }, 'spec.usages[1]'],
    'cert sign for a leaf': [{ usages: ['cert sign'] }, 'spec.usages[0]'],
    'key encipherment for ECDSA': [{ usages: ['key encipherment'] }, 'spec.usages[0]'],
    'no duration': [{ durationSeconds: 0 }, 'spec.duration'],
    'a duration that is no number': [{ durationSeconds: Number.NaN }, 'spec.duration'],
  };
  for (const [sentence, [changes, field]] of Object.entries(refused)) {
    it(`refuses ${sentence}, naming ${field}`, async () => {
      const root = await aRoot();
      await assert.rejects(aLeaf(root, changes), (error) => error instanceof InvalidRequestError && error.field === field);
    });
  }

  it('signs a leaf with its own key never', async () => {
    const key = await generatePrivateKey(P256);
    await assert.rejects(selfSign(aRequest(), { serial: serial(), now: NOW, key }), InvalidRequestError);
  });
});

function extensionsOf(pem: string): string[] {
  const text = printWithOpenssl('x509', pem, '-text', '-certopt', 'no_sigdump,no_header,no_pubkey');
  const extensions = text.slice(text.indexOf('X509v3 extensions:') + 'X509v3 extensions:'.length).trim();
  return extensions.split(/\n(?= {12}\S)/).map((extension) => extension.replaceAll(/\s+/g, ' ').trim());
}

function keyIdOf(pem: string): string {
  return inspectCertificate(pem)?.content.subjectKeyId?.toString('hex').toUpperCase().match(/../g)?.join(':') ?? 'none';
}
