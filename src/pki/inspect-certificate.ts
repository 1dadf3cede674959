// A quick look at a certificate, for loops that ask "is what is stored still right". One rule: only node:crypto is used
// (0.03 ms); what needs real decoding is read on first use.
import { createHash, X509Certificate } from 'node:crypto';

import { readCertificateContent, readCertificateSkeleton } from './certificate-content.ts';
import { formatDistinguishedName, readDistinguishedName } from './distinguished-name.ts';
import { describeKey } from './key-specification.ts';
import type { KeyDescription } from './key-specification.ts';
import { keyMatchesCertificate } from './private-key.ts';
import type { PrivateKey } from './private-key.ts';
import type { AlternativeNames } from './subject-alternative-names.ts';

export class InspectedCertificate {
  readonly x509: X509Certificate;
  readonly sha256: string;
  /** As `openssl x509 -serial` prints it. */
  readonly serialNumber: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  #content: ReturnType<typeof readCertificateContent> | undefined;

  constructor(x509: X509Certificate) {
    this.x509 = x509;
    this.sha256 = sha256Hex(x509.raw);
    this.serialNumber = x509.serialNumber;
    this.notBefore = x509.validFromDate;
    this.notAfter = x509.validToDate;
  }

  get content(): ReturnType<typeof readCertificateContent> {
    this.#content ??= readCertificateContent(this.x509.raw);
    return this.#content;
  }

  get names(): AlternativeNames {
    return this.content.names;
  }

  /** RFC 4514, as nginx prints it. */
  get subject(): string {
    return formatDistinguishedName(readDistinguishedName(readCertificateSkeleton(this.x509.raw).subject));
  }

  get issuer(): string {
    return formatDistinguishedName(readDistinguishedName(readCertificateSkeleton(this.x509.raw).issuer));
  }

  get publicKey(): KeyDescription | undefined {
    return describeKey(this.x509.publicKey);
  }

  /** SHA-256 of the SubjectPublicKeyInfo, lower-case hex. */
  get publicKeySha256(): string {
    return sha256Hex(this.x509.publicKey.export({ type: 'spki', format: 'der' }));
  }
}

/** The first certificate of a PEM text (a leaf before its chain), or `undefined` when there is none or it is malformed. */
export function inspectCertificate(pem: string): InspectedCertificate | undefined {
  try {
    return new InspectedCertificate(new X509Certificate(pem));
  } catch {
    return undefined;
  }
}

export function certificateMatchesKey(certificate: InspectedCertificate, key: PrivateKey): boolean {
  return keyMatchesCertificate(key, certificate.x509);
}

export function sha256Hex(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
