// When the deletion of a TenantCertificate waits for its revocation. Rule: nothing of ours may keep an object, or its namespace, for ever.
//
//   in use:    issuer keeps a CRL and the Secret goes with the object ──► finalizer, else none
//   deleted:   revoked on the published CRL ──► released        issuer gone, namespace going, Secret retained ──► released, with an Event
import { FINALIZER } from '../api/names.ts';
import type { TenantCertificate } from '../api/tenant-certificate.ts';
import { areRevoked } from './plan-revocation.ts';
import type { CrlState } from './crl-state.ts';
import { isRetained, revocationsOf } from './revocations.ts';

export interface FinalizerFacts {
  /** `Kept`: a CRL is signed for this issuer. `Gone`: there is no such issuer any more, or it cannot sign. */
  readonly crl: { readonly state: 'Kept'; readonly published: CrlState | undefined } | { readonly state: 'None' } | { readonly state: 'Gone' };
  readonly namespaceIsGoing: boolean;
}

export type FinalizerPlan =
  | { readonly kind: 'keep' }
  | { readonly kind: 'add' }
  /** Without a message nobody needs to know. */
  | { readonly kind: 'remove'; readonly message?: string }
  | { readonly kind: 'wait'; readonly message: string };

export function planFinalizer(certificate: TenantCertificate, facts: FinalizerFacts, now: Date): FinalizerPlan {
  const { metadata } = certificate;
  const isThere = metadata.finalizers?.includes(FINALIZER) ?? false;
  if (metadata.deletionTimestamp !== undefined) return isThere ? release(certificate, facts, now) : { kind: 'keep' };
  const isNeeded = facts.crl.state === 'Kept' && !isRetained(certificate.spec);
  if (isThere === isNeeded || (isThere && facts.crl.state === 'Gone')) return { kind: 'keep' };
  return { kind: isNeeded ? 'add' : 'remove' };
}

/** In this order: what cannot be waited for comes first. */
function release(certificate: TenantCertificate, { crl, namespaceIsGoing }: FinalizerFacts, now: Date): FinalizerPlan {
  if (namespaceIsGoing) return { kind: 'remove', message: 'its certificates were not revoked: the namespace is being deleted' };
  if (crl.state === 'Gone') return { kind: 'remove', message: 'its certificates were not revoked: the issuer is gone' };
  if (crl.state === 'None' || isRetained(certificate.spec)) return { kind: 'remove' };
  const isRevoked = crl.published !== undefined && areRevoked(crl.published, revocationsOf(certificate), now);
  return isRevoked ? { kind: 'remove', message: 'its certificates are on the CRL' } : { kind: 'wait', message: 'its certificates are being revoked' };
}
