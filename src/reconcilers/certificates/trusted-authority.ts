// Which of our own authorities stands behind a Secret that somebody trusts, and who trusts an authority in this way. Rule: such trust follows
// the authority, through its replacement and with its CRL, as if the authority itself were named; else one part of it would be missed.
import type { TrustSource } from '../../api/tenant-certificate.ts';
import { authorityKey } from '../authorities/authority.ts';
import { certificateNameOf } from '../owned-secret.ts';
import { INDEX } from '../reconciler-context.ts';
import type { Caches } from '../reconciler-context.ts';

type Known = Pick<Caches, 'certificates' | 'secrets'>;

/**
 * The authority's key. `tls.crt` of a CA Secret is its CA; `ca.crt` of a Secret that we wrote holds the anchors of whoever issued it, and of any
 * other CA Secret, or of a root, its own.
 */
export function authorityBehind(caches: Known, namespace: string, { kind, name = '', key = 'ca.crt' }: TrustSource): string | undefined {
  if (kind !== 'Secret' || (key !== 'tls.crt' && key !== 'ca.crt')) return undefined;
  const issuer = key === 'ca.crt' ? issuerOf(caches, namespace, name) : undefined;
  return issuer ?? (isCaSecret(caches, `Secret/${namespace}/${name}`) ? `Secret/${namespace}/${name}` : undefined);
}

/** Of the certificate in a Secret that we wrote. */
function issuerOf({ certificates, secrets }: Known, namespace: string, name: string): string | undefined {
  const secret = secrets.get(`${namespace}/${name}`);
  const owner = secret && certificates.get(`${namespace}/${certificateNameOf(secret)}`);
  return owner === undefined || owner.spec.issuer.kind === 'SelfSigned' ? undefined : authorityKey(namespace, owner.spec.issuer);
}

/** Somebody names it as issuer. */
function isCaSecret({ certificates }: Known, key: string): boolean {
  return certificates.keysBy(INDEX.authority, key).length > 0;
}

/** Keys of the certificates whose trust names the authority, its CA Secret, or the Secret of a certificate that it issued. */
export function trustersOf({ certificates }: Pick<Caches, 'certificates'>, authority: string): ReadonlySet<string> {
  const issued = certificates.by(INDEX.authority, authority).map(({ metadata: { namespace, name }, spec }) => `Secret/${namespace}/${spec.secretName ?? `${name}-tls`}`);
  return new Set([authority, ...issued].flatMap((source) => certificates.keysBy(INDEX.trust, source)));
}
