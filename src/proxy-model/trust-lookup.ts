// What a trust source holds, as the proxy model's builder asks for it. Whoever gives the lookup has checked the material: only
// certificates and CRLs, a self-signed anchor among them, a CRL for each authority of a source that has any, signed and in force.
import type { Refusal } from '../api/conditions.ts';
import type { TrustSource } from '../api/tenant-certificate.ts';

export interface TrustedCertificate {
  readonly pem: string;
  /** Lower-case hex. */
  readonly sha256: string;
  /** RFC 4514, most specific first. */
  readonly subject: string;
}

export interface TrustedCrl {
  readonly pem: string;
  /** cRLNumber. */
  readonly number: string;
  /** Seconds since the epoch. */
  readonly nextUpdate: number;
  /** SHA-256 of the issuer's certificate, lower-case hex. */
  readonly issuerSHA256: string;
}

export interface TrustMaterial {
  readonly certificates: readonly TrustedCertificate[];
  /** Empty: the source has no CRL. */
  readonly crls: readonly TrustedCrl[];
  /** The Tenant whose authority this is. */
  readonly tenant?: string;
}

export type TrustReference = TrustSource | { readonly kind: 'OwnIssuer' };

/** Never asked for kind System. */
export type TrustLookup = (source: TrustReference) => TrustMaterial | Refusal;

export function describeTrustSource(source: TrustReference): string {
  return source.kind === 'OwnIssuer' ? 'the certificate\'s own issuer' : `${source.kind} ${source.name ?? ''}`.trim();
}
