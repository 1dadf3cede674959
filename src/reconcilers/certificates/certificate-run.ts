// One run for one TenantCertificate: what all of its steps need.
import type { TenantCertificate } from '../../api/tenant-certificate.ts';
import { desireCertificate } from '../../issuance/desired-certificate.ts';
import type { DesiredCertificate } from '../../issuance/desired-certificate.ts';
import { objectRevocation } from '../../issuance/revocations.ts';
import { readClocks } from '../authorities/read-clocks.ts';
import type { SecretOwner } from './new-secret.ts';
import type { ReconcilerContext } from '../reconciler-context.ts';

export interface CertificateRun extends SecretOwner {
  readonly context: ReconcilerContext;
  readonly certificate: TenantCertificate;
  readonly now: Date;
  /** The earlier of ours and the API server's: by it is judged what may be forgotten. */
  readonly agreedNow: Date;
  readonly signal: AbortSignal;
}

export function startRun(context: ReconcilerContext, certificate: TenantCertificate, signal: AbortSignal): CertificateRun {
  const { name, namespace = '', uid = '' } = certificate.metadata;
  const owner = { apiVersion: certificate.apiVersion, kind: certificate.kind, name, uid, controller: true, blockOwnerDeletion: false };
  return { context, certificate, signal, namespace, owner, certificateName: name, desired: desire(context, certificate), now: context.now(), agreedNow: readClocks(context).now };
}

/** What the object asks for; revoked also when its Tenant has revoked it as a whole. */
function desire({ caches }: ReconcilerContext, certificate: TenantCertificate): DesiredCertificate {
  const desired = desireCertificate(certificate);
  const { metadata, spec: { issuer } } = certificate;
  if (issuer.kind !== 'Tenant' || desired.revoked !== undefined) return desired;
  const revoked = caches.tenants.get(issuer.name ?? '')?.spec.revoked ?? [];
  return { ...desired, revoked: objectRevocation(revoked, { namespace: metadata.namespace ?? '', name: metadata.name }) };
}

/** How log lines name it. */
export function identify({ metadata }: TenantCertificate): { certificate: string; uid: string | undefined } {
  return { certificate: `${metadata.namespace}/${metadata.name}`, uid: metadata.uid };
}
