// An authority as its own reconciler hands it over: the CA that is there now, the keys that are still there, and what is wanted of it.
import type { TenantSpec } from '../../api/tenant.ts';
import type { Issuer } from '../../pki/issuer.ts';

export interface AuthoritySource {
  /** `Secret/shop/shop-ca`, `Tenant/shop`. */
  readonly key: string;
  /** For messages: `Secret shop/shop-ca`, `Tenant shop`. */
  readonly name: string;
  /** Beside it, and named after it, its state is kept. */
  readonly ca: { readonly namespace: string; readonly name: string };
  /** The newest one. */
  readonly observed: Issuer;
  /** Earlier ones whose keys are still there. */
  readonly earlier: readonly Issuer[];
  readonly tenant?: string;
  readonly crl: {
    readonly wanted: boolean;
    readonly lifeMs: number;
    /** What the Tenant has revoked. */
    readonly revoked: NonNullable<TenantSpec['revoked']>;
  };
}

export const DEFAULT_CRL_LIFE = '168h';

/** Every issuer that can sign, by the SHA-256 of its certificate. */
export function signers({ observed, earlier }: AuthoritySource): ReadonlyMap<string, Issuer> {
  return new Map([...earlier, observed].map((issuer) => [issuer.sha256, issuer]));
}
