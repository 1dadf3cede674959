// The certificates of the conformance sentences: authorities, servers and clients, and the trust policies made of them.
import { randomBytes, X509Certificate } from 'node:crypto';
import type { Authority as TrustedAuthority, TrustModel } from '../../src/proxy-model/model.ts';
import { makeAnchor } from '../../src/pki/anchor.ts';
import { encodeCrl } from '../../src/pki/crl.ts';
import { issueCertificate, selfSign, type CertificateRequest } from '../../src/pki/issue-certificate.ts';
import { readIssuer, type Issuer } from '../../src/pki/issuer.ts';
import { generatePrivateKey, writePrivateKey } from '../../src/pki/private-key.ts';
import type { Files } from '../support/mounted-set.ts';

const HOUR_MS = 3_600_000;

export interface Identity {
  /** With intermediates, if there are any. */
  readonly cert: string;
  readonly key: string;
}

interface LeafOptions extends Partial<CertificateRequest> {
  /** When it is issued, relative to now; the lifetime is `durationSeconds`. */
  readonly atMs?: number;
}

export class TestAuthority {
  readonly issuer: Issuer;
  /** The anchor: a self-signed certificate of the same key and subject. */
  readonly pem: string;
  readonly #revoked: string[] = [];
  #crlNumber = 0n;

  private constructor(issuer: Issuer, anchorPem: string) {
    this.issuer = issuer;
    this.pem = anchorPem;
  }

  static async create(commonName: string, parent?: TestAuthority): Promise<TestAuthority> {
    const key = await generatePrivateKey({ algorithm: 'ECDSA', size: 256 });
    const context = { key, now: new Date(Date.now() - 24 * HOUR_MS), serial: randomBytes(16) };
    const request: CertificateRequest = { subject: { commonName }, isCA: true, usages: [], durationSeconds: 30 * 86_400 };
    const { chainPem } = await (parent === undefined ? selfSign(request, context) : issueCertificate(request, parent.issuer, context));
    const read = readIssuer({ certificatePem: chainPem, keyPem: writePrivateKey(key) });
    if (!read.ok) throw new Error(read.message);
    return new TestAuthority(read.issuer, (await makeAnchor(read.issuer)).pem);
  }

  async issue(commonName: string, { atMs = 0, ...request }: LeafOptions = {}): Promise<Identity> {
    const key = await generatePrivateKey({ algorithm: 'ECDSA', size: 256 });
    const { chainPem } = await issueCertificate(
      { subject: { commonName }, isCA: false, usages: ['digital signature', 'server auth', 'client auth'], durationSeconds: 24 * 3600, ...request },
      this.issuer,
      { key, now: new Date(Date.now() + atMs), serial: randomBytes(16) },
    );
    return { cert: chainPem, key: writePrivateKey(key) };
  }

  revoke({ cert }: Identity): void {
    this.#revoked.push(new X509Certificate(cert).serialNumber);
  }

  async crl({ nextUpdateMs = HOUR_MS, thisUpdateMs = -HOUR_MS } = {}): Promise<string> {
    this.#crlNumber += 1n;
    const { pem } = await encodeCrl(this.issuer, {
      number: this.#crlNumber, thisUpdate: new Date(Date.now() + thisUpdateMs), nextUpdate: new Date(Date.now() + nextUpdateMs),
      entries: this.#revoked.map((serialNumber) => ({ serialNumber, revocationDate: new Date(Date.now() - HOUR_MS), reason: 'keyCompromise' })),
    });
    return pem;
  }
}

export interface TrustSetup {
  readonly model: TrustModel;
  readonly files: Files;
}

/** A trust policy over `authorities` (a tenant's name with each, or none). */
export function trustOf(index: number, authorities: readonly (readonly [TestAuthority, tenant?: string])[], crls?: readonly string[]): TrustSetup {
  const [certificates, crlPath] = [`caCerts/trust-${index}.crt`, `caCerts/trust-${index}.crl`];
  const trusted = authorities.map(([{ pem }, tenant]): TrustedAuthority => {
    const x509 = new X509Certificate(pem);
    return { sha256: x509.fingerprint256.replaceAll(':', '').toLowerCase(), subject: x509.subject, ...(tenant === undefined ? {} : { tenant }) };
  });
  return {
    model: { certificates, ...(crls === undefined ? {} : { crls: crlPath }), system: false, authorities: trusted },
    files: { [certificates]: authorities.map(([{ pem }]) => pem).join(''), ...(crls === undefined ? {} : { [crlPath]: crls.join('') }) },
  };
}

/** Made once for all sentences: `customer` and `partner` are tenants, `stranger` is trusted by nobody. */
export class Fleet {
  readonly customer: TestAuthority;
  readonly partner: TestAuthority;
  readonly stranger: TestAuthority;
  readonly server: Identity;
  readonly alice: Identity;

  private constructor(customer: TestAuthority, partner: TestAuthority, stranger: TestAuthority, leaves: { server: Identity; alice: Identity }) {
    this.customer = customer;
    this.partner = partner;
    this.stranger = stranger;
    this.server = leaves.server;
    this.alice = leaves.alice;
  }

  static async create(): Promise<Fleet> {
    const [customer, partner, stranger] = await Promise.all(['customer-ca', 'partner-ca', 'stranger-ca'].map((name) => TestAuthority.create(name)));
    if (customer === undefined || partner === undefined || stranger === undefined) throw new Error('three authorities');
    const server = await customer.issue('server', { dnsNames: ['localhost', 'server.test'], ipAddresses: ['127.0.0.1'], uris: ['spiffe://shop/server'] });
    const alice = await customer.issue('alice', { dnsNames: ['alice.test'], uris: ['spiffe://shop/alice'] });
    return new Fleet(customer, partner, stranger, { server, alice });
  }

  get serverFiles(): Files {
    return { 'certs/tls.crt': this.server.cert, 'certs/tls.key': this.server.key };
  }
}
