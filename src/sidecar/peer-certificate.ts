// What a peer's certificate says, read from its DER once per connection: Node prints names in forms that cannot be compared safely.
import { createHash, type X509Certificate } from 'node:crypto';
import { readChildren, readOid, readSerialNumber, readValue, TAG, type DerValue } from './der.ts';
import { readDistinguishedName, type DistinguishedName } from './distinguished-name.ts';

export interface PeerCertificate {
  readonly x509: X509Certificate;
  readonly subject: DistinguishedName;
  readonly dnsNames: readonly string[];
  readonly uris: readonly string[];
  /** As openssl prints it: upper-case hex. */
  readonly serialNumber: string;
  /** DER of the issuer's name, as hex: what a CRL is looked up by. */
  readonly issuerNameHex: string;
  /** Lower-case hex. */
  readonly certificateSHA256: string;
  readonly publicKeySHA256: string;
}

const SUBJECT_ALTERNATIVE_NAME = '2.5.29.17';
const [VERSION, EXTENSIONS, URI, DNS_NAME] = [0xa0, 0xa3, 0x86, 0x82];

/** Throws a RangeError when the DER is not that of a certificate. */
export function readPeerCertificate(x509: X509Certificate): PeerCertificate {
  const der = x509.raw;
  const [tbs] = readChildren(der, readValue(der, 0));
  if (tbs === undefined) throw new RangeError('the certificate is empty');
  const fields = readChildren(der, tbs);
  const [serial, , issuer, , subject, publicKey] = fields[0]?.tag === VERSION ? fields.slice(1) : fields;
  if (serial === undefined || issuer === undefined || subject === undefined || publicKey === undefined) throw new RangeError('the certificate is not complete');
  const alternatives = readAlternativeNames(der, fields.find(({ tag }) => tag === EXTENSIONS));
  const namesOf = (wanted: number) => alternatives.filter(({ tag }) => tag === wanted).map(({ content, end }) => der.toString('latin1', content, end));
  return {
    x509,
    subject: readDistinguishedName(der, subject),
    dnsNames: namesOf(DNS_NAME),
    uris: namesOf(URI),
    serialNumber: readSerialNumber(der, serial),
    issuerNameHex: der.toString('hex', issuer.start, issuer.end),
    certificateSHA256: sha256(der),
    publicKeySHA256: sha256(der.subarray(publicKey.start, publicKey.end)),
  };
}

function readAlternativeNames(der: Buffer, extensions: DerValue | undefined): DerValue[] {
  const list = extensions === undefined ? undefined : readChildren(der, extensions)[0];
  for (const extension of list === undefined ? [] : readChildren(der, list)) {
    const parts = readChildren(der, extension);
    const value = parts.at(-1);
    if (parts[0] !== undefined && value?.tag === TAG.octetString && readOid(der, parts[0]) === SUBJECT_ALTERNATIVE_NAME) {
      return readChildren(der, readValue(der, value.content, value.end));
    }
  }
  return [];
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
