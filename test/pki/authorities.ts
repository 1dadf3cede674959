// Builders of keys, authorities and leaves for the tests of this folder, all issued at `NOW`, which is the time of the run
// because TLS stacks ask the clock.
import { randomBytes } from 'node:crypto';

import { makeAnchor } from '../../src/pki/anchor.ts';
import { issueCertificate, selfSign } from '../../src/pki/issue-certificate.ts';
import type { CertificateRequest, IssuedCertificate } from '../../src/pki/issue-certificate.ts';
import { readIssuer } from '../../src/pki/issuer.ts';
import type { Issuer } from '../../src/pki/issuer.ts';
import type { KeySpecification } from '../../src/pki/key-specification.ts';
import { generatePrivateKey, writePrivateKey } from '../../src/pki/private-key.ts';
import type { PrivateKey } from '../../src/pki/private-key.ts';
import { OpensslFolder } from '../support/openssl-ca.ts';

export const NOW = new Date(Math.floor(Date.now() / 1000) * 1000);
export const P256: KeySpecification = { algorithm: 'ECDSA', size: 256 };

const DAY_S = 86_400;

export interface Authority {
  readonly issuer: Issuer;
  readonly certificate: IssuedCertificate;
  readonly key: PrivateKey;
  readonly anchorDer: Buffer;
  readonly anchorPem: string;
  /** What a server or client of this authority sends behind its leaf. */
  readonly chainPem: string;
}

export interface Leaf {
  readonly certificate: IssuedCertificate;
  readonly key: PrivateKey;
}

export const serial = (): Uint8Array => randomBytes(16);

export function aRequest(changes: Partial<CertificateRequest> = {}): CertificateRequest {
  return { subject: { commonName: 'hello.shop.example' }, isCA: false, usages: ['server auth', 'client auth'], durationSeconds: 7 * DAY_S, ...changes };
}

export function aRootRequest(changes: Partial<CertificateRequest> = {}): CertificateRequest {
  return { subject: { commonName: 'root' }, isCA: true, usages: [], durationSeconds: 3650 * DAY_S, ...changes };
}

export async function aRoot(changes: Partial<CertificateRequest> = {}, keySpecification: KeySpecification = P256): Promise<Authority> {
  const key = await generatePrivateKey(keySpecification);
  const certificate = await selfSign(aRootRequest(changes), { serial: serial(), now: NOW, key });
  return describe(certificate, key);
}

export async function anIntermediate(above: Authority, changes: Partial<CertificateRequest> = {}, keySpecification: KeySpecification = P256): Promise<Authority> {
  const key = await generatePrivateKey(keySpecification);
  const request = aRootRequest({ subject: { commonName: 'intermediate' }, durationSeconds: 1000 * DAY_S, ...changes });
  const certificate = await issueCertificate(request, above.issuer, { serial: serial(), now: NOW, key });
  return describe(certificate, key);
}

export async function aLeaf(authority: Authority, changes: Partial<CertificateRequest> = {}, keySpecification: KeySpecification = P256): Promise<Leaf> {
  const key = await generatePrivateKey(keySpecification);
  return { key, certificate: await issueCertificate(aRequest(changes), authority.issuer, { serial: serial(), now: NOW, key }) };
}

/** A root whose KeyUsage lacks cRLSign, as those of cert-manager do. */
export function mutedRoot(): Issuer {
  using folder = new OpensslFolder();
  const { certificate, key } = folder.selfSigned('muted', { extensions: ['-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,digitalSignature,keyCertSign'] });
  return issuerOf(certificate, key);
}

/** What `readIssuer` says of a Secret that must be right. */
export function issuerOf(certificatePem: string, keyPem: string): Issuer {
  const result = readIssuer({ certificatePem, keyPem });
  if (!result.ok) throw new Error(`${result.reason}: ${result.message}`);
  return result.issuer;
}

async function describe(certificate: IssuedCertificate, key: PrivateKey): Promise<Authority> {
  const issuer = issuerOf(certificate.chainPem, writePrivateKey(key));
  const anchor = await makeAnchor(issuer);
  return { issuer, certificate, key, anchorDer: anchor.der, anchorPem: anchor.pem, chainPem: issuer.isSelfSigned ? '' : certificate.chainPem };
}
