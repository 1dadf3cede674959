// When the deletion of a TenantCertificate waits for its revocation. Rule: nothing of ours may keep an object, or its namespace, for ever.
//
//   in use:    issuer keeps a CRL and the Secret goes with the object ──► finalizer, else none
//   deleted:   revoked on the published CRL ──► released
//              issuer gone, namespace going, key of the issuer gone, issuer unusable for a day ──► released, with a warning
import { FINALIZER } from '../api/names.ts';
import type { TenantCertificate } from '../api/tenant-certificate.ts';
import { areRevoked } from './plan-revocation.ts';
import type { CrlState } from './crl-state.ts';
import { HOUR_MS, later, parseInstant } from './instant.ts';
import { isRetained, revocationsOf } from './revocations.ts';

export interface FinalizerFacts {
  /**
   * `Kept`: a CRL is signed for this issuer. `Gone`: there is no such issuer any more. `Unusable`: there is one, and something is wrong with
   * it that people may put right.
   */
  readonly crl: { readonly state: 'Kept'; readonly published: CrlState | undefined } | { readonly state: 'None' } | { readonly state: 'Gone' } | { readonly state: 'Unusable'; readonly message: string };
  /** Unexpired certificates of the object that no CRL can list any more: the CA that signed them, or its key, is gone. */
  readonly unlisted: number;
  readonly namespaceIsGoing: boolean;
}

export type FinalizerPlan =
  | { readonly kind: 'keep' }
  | { readonly kind: 'add' }
  /** Without news nobody needs to know. */
  | { readonly kind: 'remove'; readonly news?: { readonly reason: 'Revoked' | 'NotRevoked'; readonly message: string } }
  | { readonly kind: 'wait'; readonly message: string; readonly isWorrying?: true };

export function planFinalizer(certificate: TenantCertificate, facts: FinalizerFacts, now: Date): FinalizerPlan {
  const { metadata } = certificate;
  const isThere = metadata.finalizers?.includes(FINALIZER) ?? false;
  if (metadata.deletionTimestamp !== undefined) return isThere ? release(certificate, facts, now) : { kind: 'keep' };
  const isNeeded = facts.crl.state === 'Kept' && !isRetained(certificate.spec);
  if (isThere === isNeeded || (isThere && MAY_COME_BACK.has(facts.crl.state))) return { kind: 'keep' };
  return { kind: isNeeded ? 'add' : 'remove' };
}

const MAY_COME_BACK: ReadonlySet<string> = new Set(['Gone', 'Unusable']);

/** In this order: what cannot be waited for comes first. */
function release(certificate: TenantCertificate, { crl, namespaceIsGoing, unlisted }: FinalizerFacts, now: Date): FinalizerPlan {
  if (namespaceIsGoing) return notRevoked('its certificates were not revoked: the namespace is being deleted');
  if (crl.state === 'None' || isRetained(certificate.spec)) return { kind: 'remove' };
  if (crl.state === 'Gone') return notRevoked('its certificates were not revoked: the issuer is gone, or revoked itself');
  if (crl.state === 'Unusable') return waitForIssuer(certificate, crl.message, now);
  if (crl.published === undefined || !areRevoked(crl.published, revocationsOf(certificate), now)) return { kind: 'wait', message: 'its certificates are being revoked' };
  if (unlisted > 0) return notRevoked(`${unlisted} of its certificates could not be revoked: the CA that signed them, or its key, is gone`);
  return { kind: 'remove', news: { reason: 'Revoked', message: 'its certificates are on the CRL' } };
}

const PATIENCE_MS = 24 * HOUR_MS;

function waitForIssuer({ metadata }: TenantCertificate, message: string, now: Date): FinalizerPlan {
  if (now >= later(parseInstant(metadata.deletionTimestamp) ?? now, PATIENCE_MS)) return notRevoked(`its certificates were not revoked: for a day, the issuer could not sign a CRL (${message})`);
  return { kind: 'wait', isWorrying: true, message: `its certificates cannot be revoked yet, and its deletion waits for that for up to a day: ${message}` };
}

function notRevoked(message: string): FinalizerPlan {
  return { kind: 'remove', news: { reason: 'NotRevoked', message } };
}
