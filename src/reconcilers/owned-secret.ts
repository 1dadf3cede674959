// What the cache keeps of a Secret that we wrote: facts and hashes, no key. One rule: key material stays in the API server.
import { OWN_ANNOTATION, SECRET_FILES } from '../api/names.ts';
import type { ObjectMeta, Secret } from '../api/object-meta.ts';
import type { StoredCertificate } from '../issuance/issuance-facts.ts';
import { certificateMatchesKey, inspectCertificate, sha256Hex } from '../pki/inspect-certificate.ts';
import type { InspectedCertificate } from '../pki/inspect-certificate.ts';
import { PrivateKeyError, readPrivateKey } from '../pki/private-key.ts';

export interface OwnedSecret {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: ObjectMeta;
  readonly type?: string;
  /** Data of state Secrets (anchors, CRL entries), which hold no key; absent for everything else. */
  readonly data?: Record<string, string>;
  readonly stored: StoredCertificate;
  /** Present when tls.crt could be read. */
  readonly serialNumber?: string;
  readonly certificateSHA256?: string;
  /** SHA-256 of each file, by its path in the sidecar. */
  readonly files: Readonly<Record<string, string>>;
}

type Inspected = Pick<OwnedSecret, 'stored' | 'serialNumber' | 'certificateSHA256'>;

const decode = (value: string | undefined) => (value === undefined || value === '' ? undefined : Buffer.from(value, 'base64'));

/** Idempotent: what was pruned before comes back as it is. */
export function pruneSecret(secret: Secret | OwnedSecret): OwnedSecret {
  if ('stored' in secret) return secret;
  const { data = {}, ...rest } = secret;
  const isState = secret.metadata.annotations?.[OWN_ANNOTATION.authority] !== undefined;
  if (certificateNameOf(secret) === undefined) return { ...rest, ...(isState ? { data } : {}), stored: { state: 'Missing' }, files: {} };
  const files = Object.entries(SECRET_FILES).flatMap(([key, path]) => {
    const content = decode(data[key]);
    return content === undefined ? [] : [[path, sha256Hex(content)]];
  });
  return { ...rest, ...inspectPair(data, secret.metadata.annotations ?? {}), files: Object.fromEntries(files) };
}

/** The TenantCertificate a Secret or ConfigMap says it belongs to. */
export function certificateNameOf(object: { readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> } }): string | undefined {
  return object.metadata?.annotations?.[OWN_ANNOTATION.certificateName];
}

function inspectPair(data: Record<string, string>, annotations: Record<string, string>): Inspected {
  const keys = ['tls.crt', 'tls.key'].filter((key) => decode(data[key]) === undefined);
  if (keys.length > 0) return { stored: { state: 'DataMissing', keys } };
  const certificate = inspectCertificate(decode(data['tls.crt'])?.toString() ?? '');
  if (certificate === undefined) return { stored: { state: 'CertificateMalformed', message: 'tls.crt holds no readable certificate' } };
  try {
    const key = readPrivateKey(decode(data['tls.key'])?.toString() ?? '');
    return describePair(certificate, certificateMatchesKey(certificate, key) ? 'matches' : 'differs', annotations);
  } catch (error) {
    if (error instanceof PrivateKeyError) return { stored: { state: 'KeyMalformed', message: `tls.key: ${error.message}` } };
    throw error;
  }
}

function describePair(certificate: InspectedCertificate, key: 'matches' | 'differs', annotations: Record<string, string>): Inspected {
  const { sha256, serialNumber, notBefore, notAfter } = certificate;
  const requestHash = annotations[OWN_ANNOTATION.requestHash];
  // A certificate that is not the one we put there was not issued by our issuer, whatever the annotations say.
  const issuerSHA256 = annotations[OWN_ANNOTATION.certificateHash] === sha256 ? annotations[OWN_ANNOTATION.issuerHash] : undefined;
  const renewedToken = annotations[OWN_ANNOTATION.renewed];
  return {
    stored: {
      state: 'Read',
      keyMatches: key === 'matches',
      notBefore,
      notAfter,
      ...(requestHash === undefined ? {} : { requestHash }),
      ...(issuerSHA256 === undefined ? {} : { issuerSHA256 }),
      ...(renewedToken === undefined ? {} : { renewedToken }),
    },
    serialNumber,
    certificateSHA256: sha256,
  };
}
