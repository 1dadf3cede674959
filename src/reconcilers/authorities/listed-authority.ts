// A CA signs nothing more once its certificate, or one above it in its chain, stands on a CRL that is kept here: whatever Secret holds a copy
// of it, and whoever put the serial there. Rule: a CRL counts only if the key that signed the certificate has signed it too; else whoever may
// write a Secret could stop the CA of somebody else.
import { X509Certificate } from 'node:crypto';
import type { Refusal } from '../../api/conditions.ts';
import { CRL_BUNDLE_KEY } from '../../issuance/crl-state.ts';
import { readCertificateSkeleton } from '../../pki/certificate-content.ts';
import { DerError } from '../../pki/der.ts';
import { isSelfSigned } from '../../pki/issuer.ts';
import type { Issuer } from '../../pki/issuer.ts';
import { readCrl, revokedSerials, verifyCrl } from '../../pki/read-crl.ts';
import type { Crl } from '../../pki/read-crl.ts';
import { anchorSecretName } from './anchor-store.ts';
import { crlSecretName } from './crl-store.ts';
import type { OwnedSecret } from '../owned-secret.ts';
import { INDEX } from '../reconciler-context.ts';
import type { Caches } from '../reconciler-context.ts';

type Known = { readonly caches: Pick<Caches, 'secrets'> };
type Chain = Pick<Issuer, 'certificate' | 'chain'>;

/** Objects of caches never change: each is read once for its names, which are all that is kept of it. */
const named = new WeakMap<OwnedSecret, readonly string[]>();
const NONE: readonly string[] = [];

/** Index of state Secrets: the names (DER as base64) in which the CRLs in them were signed. */
export function crlIssuerNames(secret: OwnedSecret): readonly string[] {
  if (secret.data === undefined) return NONE;
  const names = named.get(secret) ?? [...new Set(crlsIn(secret).map(({ issuer }) => issuer.toString('base64')))];
  named.set(secret, names);
  return names;
}

/** Of everyone above the CA: under these names a CRL may list it, or one above it. */
export function issuerNames({ certificate, chain }: Chain): string[] {
  return [certificate, ...chain].map(readCertificateSkeleton).flatMap(({ issuer, subject }) => (issuer.equals(subject) ? [] : [issuer.toString('base64')]));
}

/** `name`: of what holds the CA, for people: `Secret shop/sub-ca`. */
export function findListed({ caches }: Known, { certificate, chain }: Chain, name: string): Refusal | undefined {
  for (const der of [certificate, ...chain]) {
    const x509 = new X509Certificate(der);
    const place = isSelfSigned(x509) ? undefined : placeOf(caches, x509, chain);
    if (place === undefined) continue;
    const which = der === certificate ? 'its certificate' : 'a certificate above it';
    return { reason: 'Revoked', message: `the CA in ${name} signs nothing: ${which}, serial ${x509.serialNumber}, is revoked on the CRL in Secret ${place}` };
  }
  return undefined;
}

/** Of the Secret whose CRL lists it. */
function placeOf({ secrets }: Known['caches'], certificate: X509Certificate, chain: readonly Buffer[]): string | undefined {
  const name = readCertificateSkeleton(certificate.raw).issuer.toString('base64');
  const found = secrets.by(INDEX.crlIssuer, name).find((secret) => {
    const listing = crlsIn(secret).filter((crl) => serialsOn(crl).has(certificate.serialNumber));
    return listing.length > 0 && [...anchorsBeside(secrets, secret), ...chain.flatMap(decodeCertificate)].some((issuer) => isWordOf(issuer, certificate, listing));
  });
  return found && `${found.metadata.namespace}/${found.metadata.name}`;
}

/** Whether this key has signed the certificate, and one of the CRLs. (Key identifiers may point at another certificate of it: a twin.) */
function isWordOf(issuer: X509Certificate, certificate: X509Certificate, listing: readonly Crl[]): boolean {
  return certificate.verify(issuer.publicKey) && listing.some((crl) => verifyCrl(crl, issuer.raw) === 'Valid');
}

/** In the other Secret of the same authority. Whoever wrote it: what is no certificate is none of the issuer. */
function anchorsBeside(secrets: Known['caches']['secrets'], { metadata: { namespace = '', name } }: OwnedSecret): X509Certificate[] {
  const ca = name.slice(0, -crlSecretName('').length);
  const { data = {} } = secrets.get(`${namespace}/${anchorSecretName(ca)}`) ?? {};
  return Object.entries(data).flatMap(([key, text]) => (key.endsWith('.crt') ? decodeCertificate(decode(text)) : []));
}

function decodeCertificate(content: Buffer | string): X509Certificate[] {
  try {
    return [new X509Certificate(content)];
  } catch {
    return [];
  }
}

function crlsIn({ data = {} }: OwnedSecret): Crl[] {
  const texts = Object.entries(data).filter(([key]) => key.endsWith('.crl') && key !== CRL_BUNDLE_KEY);
  return texts.flatMap(([, text]) => readCrl(decode(text)) ?? []);
}

function serialsOn(crl: Crl): ReadonlySet<string> {
  try {
    return revokedSerials(crl);
  } catch (error) {
    // None of ours; a forged one must not keep the CA from being looked at.
    if (error instanceof DerError) return new Set();
    throw error;
  }
}

function decode(base64: string): string {
  return Buffer.from(base64, 'base64').toString();
}
