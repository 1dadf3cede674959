// What people are told of a run: status, log line, Event, metric. One rule: what only lasts is no news.
import { CONDITION } from '../../api/conditions.ts';
import type { Refusal } from '../../api/conditions.ts';
import { OWN_ANNOTATION } from '../../api/names.ts';
import type { TenantCertificate } from '../../api/tenant-certificate.ts';
import { resources } from '../../kube/resources.ts';
import { identify } from './certificate-run.ts';
import type { CertificateRun } from './certificate-run.ts';
import { certificateStatus, statusPatch } from './certificate-status.ts';
import type { Findings } from './certificate-status.ts';
import type { OwnedSecret } from '../owned-secret.ts';

/** The issuance log: one line and one Event for each certificate, without key material. */
export function reportIssued({ context, certificate, desired }: CertificateRun, reason: string, secret: OwnedSecret): void {
  const { subject, dnsNames, ipAddresses, uris, emailAddresses, isCA, usages } = desired.request;
  const { serialNumber: serial, certificateSHA256: sha256, stored, metadata } = secret;
  context.metrics.issued(reason);
  context.log.info(
    {
      ...identify(certificate), reason, serial, sha256, issuer: certificate.spec.issuer, allowedBy: allowedBy(context, certificate), issuerSHA256: metadata.annotations?.[OWN_ANNOTATION.issuerHash],
      subject, dnsNames, ipAddresses, uris, emailAddresses, isCA, usages, notAfter: stored.state === 'Read' ? stored.notAfter : undefined,
    },
    'certificate issued',
  );
  context.recordEvent(certificate, { type: 'Normal', reason: 'Issued', message: `issued certificate ${serial} into Secret ${metadata.name} (${reason})` });
}

/** The policy that allowed it: a Tenant as it was then. */
function allowedBy({ caches }: CertificateRun['context'], { spec: { issuer } }: TenantCertificate): string | undefined {
  if (issuer.kind !== 'Tenant') return undefined;
  return `Tenant ${issuer.name}, generation ${caches.tenants.get(issuer.name ?? '')?.metadata.generation ?? 0}`;
}

export async function reportStatus(run: CertificateRun, findings: Findings): Promise<void> {
  const { context, certificate, namespace, signal, now } = run;
  if (findings.refusal !== undefined) reportRefusal(run, CONDITION.ready, findings.refusal);
  else if (findings.suspended !== undefined) reportRefusal(run, CONDITION.issuanceSuspended, findings.suspended);
  const patch = statusPatch(certificate.status, certificateStatus(certificate, findings, now));
  if (patch === undefined) return;
  const { name, resourceVersion } = certificate.metadata;
  const ref = { namespace, name, ...(resourceVersion === undefined ? {} : { resourceVersion }) };
  context.caches.certificates.observe(await context.client.patchStatus<TenantCertificate>(resources.TenantCertificate, ref, patch, { signal }));
}

/** `told`: the condition that says so. */
function reportRefusal({ context, certificate }: CertificateRun, told: string, { reason, message, field }: Refusal): void {
  const before = certificate.status?.conditions?.find(({ type }) => type === told);
  if (before?.message === message && (before.reason === reason || told !== CONDITION.ready)) return;
  context.metrics.refused(reason);
  context.log.warn({ ...identify(certificate), reason, field, detail: message }, 'certificate refused');
  context.recordEvent(certificate, { type: 'Warning', reason, message });
}
