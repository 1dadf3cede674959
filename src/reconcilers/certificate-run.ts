// One run for one TenantCertificate: what all of its steps need.
import type { TenantCertificate } from '../api/tenant-certificate.ts';
import { desireCertificate } from '../issuance/desired-certificate.ts';
import type { SecretOwner } from './new-secret.ts';
import type { ReconcilerContext } from './reconciler-context.ts';

export interface CertificateRun extends SecretOwner {
  readonly context: ReconcilerContext;
  readonly certificate: TenantCertificate;
  readonly now: Date;
  readonly signal: AbortSignal;
}

export function startRun(context: ReconcilerContext, certificate: TenantCertificate, signal: AbortSignal): CertificateRun {
  const { name, namespace = '', uid = '' } = certificate.metadata;
  const owner = { apiVersion: certificate.apiVersion, kind: certificate.kind, name, uid, controller: true, blockOwnerDeletion: false };
  return { context, certificate, signal, namespace, owner, certificateName: name, desired: desireCertificate(certificate), now: context.now() };
}

/** How log lines name it. */
export function identify({ metadata }: TenantCertificate): { certificate: string; uid: string | undefined } {
  return { certificate: `${metadata.namespace}/${metadata.name}`, uid: metadata.uid };
}
