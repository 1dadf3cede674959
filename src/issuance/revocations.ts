// Which certificates are revoked, and why: by their own object, by its deletion, or by the Tenant.
import type { TenantSpec } from '../api/tenant.ts';
import type { RevocationReason, TenantCertificate } from '../api/tenant-certificate.ts';
import { FINALIZER } from '../api/names.ts';
import { parseInstant } from './instant.ts';

export interface Revocation {
  readonly serialNumber: string;
  readonly issuerSHA256: string;
  readonly reason: RevocationReason;
  readonly notAfter: Date;
}

type TenantRevocation = NonNullable<TenantSpec['revoked']>[number];
type ObjectName = { readonly namespace: string; readonly name: string };

/** Every certificate issued for this object, if it is revoked as a whole. */
export function revocationsOf(certificate: TenantCertificate, tenantRevoked: readonly TenantRevocation[] = []): Revocation[] {
  const reason = reasonToRevoke(certificate, tenantRevoked);
  return reason === undefined ? [] : issuedFor(certificate, reason);
}

/** The object's own word first; a deletion that is not retained means that it is no longer used. */
function reasonToRevoke({ metadata, spec }: TenantCertificate, tenantRevoked: readonly TenantRevocation[]): RevocationReason | undefined {
  if (spec.revoked !== undefined) return spec.revoked.reason;
  const byTenant = objectRevocation(tenantRevoked, { namespace: metadata.namespace ?? '', name: metadata.name });
  if (byTenant !== undefined) return byTenant;
  const isDeleted = metadata.deletionTimestamp !== undefined && metadata.finalizers?.includes(FINALIZER) === true;
  return isDeleted && !isRetained(spec) ? 'cessationOfOperation' : undefined;
}

/** A Secret that outlives its object goes on being used. */
export function isRetained({ deletionPolicy, isCA }: TenantCertificate['spec']): boolean {
  return (deletionPolicy ?? (isCA ? 'Retain' : 'Delete')) === 'Retain';
}

/** Whether the Tenant has revoked a whole object: then nothing is issued for it again, as with its own `spec.revoked`. */
export function objectRevocation(tenantRevoked: readonly TenantRevocation[], { namespace, name }: ObjectName): RevocationReason | undefined {
  return tenantRevoked.find(({ certificate }) => certificate?.namespace === namespace && certificate.name === name)?.reason;
}

function issuedFor({ status }: TenantCertificate, reason: RevocationReason): Revocation[] {
  return (status?.issued ?? []).flatMap(({ serialNumber, issuerSHA256, notAfter }) => {
    const end = parseInstant(notAfter);
    return end === undefined ? [] : [{ serialNumber: writeSerial(serialNumber), issuerSHA256, reason, notAfter: end }];
  });
}

/**
 * The Tenant's list of serials and hashes, found in the status of its certificates. A serial that is in no status is taken at its word, for
 * every CA of the Tenant whose anchor is published, and kept until that CA ends.
 */
export function tenantRevocations(
  tenantRevoked: readonly TenantRevocation[],
  certificates: readonly TenantCertificate[],
  published: readonly { readonly sha256: string; readonly notAfter: Date }[],
): Revocation[] {
  const holders = indexHolders(certificates);
  return tenantRevoked.flatMap(({ serialNumber, certificateSHA256, reason }) => {
    if (serialNumber === undefined) return withSerial(holders.get(certificateSHA256 ?? ''), reason);
    const serial = writeSerial(serialNumber);
    const known = withSerial(holders.get(serial), reason);
    return known.length > 0 ? known : published.map(({ sha256, notAfter }) => ({ serialNumber: serial, issuerSHA256: sha256, reason, notAfter }));
  });
}

/** What of the Tenant's list revokes nothing, for people: hashes and objects that are not known. */
export function unmatchedRevocations(tenantRevoked: readonly TenantRevocation[], certificates: readonly TenantCertificate[]): string[] {
  const holders = indexHolders(certificates);
  const objects = new Set(certificates.map(({ metadata: { namespace = '', name } }) => `${namespace}/${name}`));
  return tenantRevoked.flatMap(({ certificateSHA256, certificate }, index) => {
    if (certificateSHA256 !== undefined && !holders.has(certificateSHA256)) return [`spec.revoked[${index}].certificateSHA256 ${certificateSHA256.slice(0, 16)}`];
    if (certificate !== undefined && !objects.has(`${certificate.namespace}/${certificate.name}`)) return [`spec.revoked[${index}].certificate ${certificate.namespace}/${certificate.name}`];
    return [];
  });
}

interface Holder {
  readonly certificate: TenantCertificate;
  readonly serialNumber: string;
}

/** By serial number and by hash; a serial has upper-case letters only and a hash lower-case ones, and 64 digits. */
function indexHolders(certificates: readonly TenantCertificate[]): ReadonlyMap<string, Holder> {
  const holders = new Map<string, Holder>();
  for (const certificate of certificates) {
    const { issued = [], certificateSHA256, serialNumber = '' } = certificate.status ?? {};
    for (const each of [...issued, { serialNumber, certificateSHA256 }]) {
      const holder = { certificate, serialNumber: writeSerial(each.serialNumber) };
      if (each.serialNumber !== '') holders.set(holder.serialNumber, holder);
      if (each.certificateSHA256 !== undefined) holders.set(each.certificateSHA256, holder);
    }
  }
  return holders;
}

function withSerial(holder: Holder | undefined, reason: RevocationReason): Revocation[] {
  return holder === undefined ? [] : issuedFor(holder.certificate, reason).filter(({ serialNumber }) => serialNumber === holder.serialNumber);
}

/** As openssl prints it: upper case, whole bytes, no needless zeros. People copy serials from elsewhere too. */
export function writeSerial(serial: string): string {
  const digits = serial.toUpperCase().replace(/^0+(?=[0-9A-F])/u, '');
  return digits.padStart(digits.length + (digits.length % 2), '0');
}
