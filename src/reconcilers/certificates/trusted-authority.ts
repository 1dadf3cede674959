// Which of our own authorities stands behind a Secret that somebody trusts, and who trusts an authority in this way. Rule: such trust follows
// the authority, through its replacement and with its CRL, as if the authority itself were named; else one part of it would be missed.
import type { Secret } from '../../api/object-meta.ts';
import type { TrustSource } from '../../api/tenant-certificate.ts';
import { authorityKey } from '../authorities/authority.ts';
import { certificateNameOf } from '../owned-secret.ts';
import { INDEX } from '../reconciler-context.ts';
import type { Caches } from '../reconciler-context.ts';

type Known = Pick<Caches, 'certificates'>;

/**
 * The authority's key, from what a source that names this Secret reads of it. `tls.crt` of a CA Secret is its CA; `ca.crt` of a Secret that we wrote
 * holds the anchors of whoever issued it, and of any other CA Secret, or of a root, its own.
 */
export function authorityBehind(caches: Known, { key = 'ca.crt' }: TrustSource, secret: Pick<Secret, 'metadata'>): string | undefined {
  if (key !== 'tls.crt' && key !== 'ca.crt') return undefined;
  const own = `Secret/${secret.metadata.namespace}/${secret.metadata.name}`;
  const issuer = key === 'ca.crt' ? issuerOf(caches, secret) : undefined;
  return issuer ?? (isCaSecret(caches, own) ? own : undefined);
}

/** Of the certificate in a Secret that we wrote. The Secret itself says whose it is: our cache may hear of it later than of the source. */
function issuerOf({ certificates }: Known, secret: Pick<Secret, 'metadata'>): string | undefined {
  const { namespace = '' } = secret.metadata;
  const owner = certificates.get(`${namespace}/${certificateNameOf(secret)}`);
  return owner === undefined || owner.spec.issuer.kind === 'SelfSigned' ? undefined : authorityKey(namespace, owner.spec.issuer);
}

/** Somebody names it as issuer. */
function isCaSecret({ certificates }: Known, key: string): boolean {
  return certificates.keysBy(INDEX.authority, key).length > 0;
}

/** Keys of the certificates whose trust names Secrets and ConfigMaps: any of them may hold a copy of an anchor. */
export function copyTrusters({ certificates }: Known): ReadonlySet<string> {
  const sources = [...certificates.indexValues(INDEX.trust)].filter((source) => !source.startsWith('Tenant/'));
  return new Set(sources.flatMap((source) => certificates.keysBy(INDEX.trust, source)));
}

/** Keys of the certificates whose trust names the authority, its CA Secret, or the Secret of a certificate that it issued. */
export function trustersOf({ certificates }: Known, authority: string): ReadonlySet<string> {
  const issued = certificates.by(INDEX.authority, authority).map(({ metadata: { namespace, name }, spec }) => `Secret/${namespace}/${spec.secretName ?? `${name}-tls`}`);
  return new Set([authority, ...issued].flatMap((source) => certificates.keysBy(INDEX.trust, source)));
}
