// What the reconciler has found out before it decides: about the stored certificate, and about the issuer.
import type { Refusal } from '../api/conditions.ts';

/** The Secret as it is; the states exclude each other and are listed from the outside in. */
export type StoredCertificate =
  /** One was issued according to the status, but its Secret is gone. */
  | { readonly state: 'Missing' }
  /** `keys` of the Secret are absent or empty. */
  | { readonly state: 'DataMissing'; readonly keys: readonly string[] }
  /** tls.crt (or ca.crt) cannot be read; the message quotes no content. */
  | { readonly state: 'CertificateMalformed'; readonly message: string }
  | { readonly state: 'KeyMalformed'; readonly message: string }
  | StoredPair;

export interface StoredPair {
  readonly state: 'Read';
  readonly keyMatches: boolean;
  /** The annotation that came with the certificate. */
  readonly requestHash?: string;
  /** The certificate that signed the leaf; absent when none of the chain did. */
  readonly issuerSHA256?: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** True: this one certificate is on its issuer's CRL, though its object is not revoked. */
  readonly onCrl?: boolean;
  /** The renew annotation it was issued for. */
  readonly renewedToken?: string;
}

export type IssuerFacts =
  | UsableIssuer
  /** The certificate signs itself: there is nothing to outlive and nothing to change. */
  | { readonly state: 'SelfSigned' }
  /** The authority is being replaced and may not sign yet; what these issuers have signed is still good. */
  | { readonly state: 'Replacing'; readonly accepted: readonly string[]; readonly message: string }
  | { readonly state: 'Refused'; readonly refusal: Refusal };

export interface UsableIssuer {
  readonly state: 'Usable';
  readonly sha256: string;
  /** Issuers whose certificates need no replacing yet, besides this one. */
  readonly accepted?: readonly string[];
  /** For messages: `Secret shop/shop-ca`. */
  readonly name: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** False where its path length is zero. */
  readonly mayIssueCA: boolean;
}
