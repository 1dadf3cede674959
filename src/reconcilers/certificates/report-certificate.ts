// What people are told of a run: status, log line, Event, metric. One rule: what only lasts is no news.
import { CONDITION } from '../../api/conditions.ts';
import type { Refusal } from '../../api/conditions.ts';
import type { TenantCertificate } from '../../api/tenant-certificate.ts';
import { resources } from '../../kube/resources.ts';
import type { CertificateRun } from './certificate-run.ts';
import { certificateStatus, statusPatch } from './certificate-status.ts';
import type { Findings } from './certificate-status.ts';
import { logRefused } from './issuance-log.ts';

export async function reportStatus(run: CertificateRun, findings: Findings): Promise<void> {
  const { context, certificate, namespace, signal, now, agreedNow } = run;
  if (findings.refusal !== undefined) reportRefusal(run, CONDITION.ready, findings.refusal);
  else if (findings.suspended !== undefined) reportRefusal(run, CONDITION.issuanceSuspended, findings.suspended);
  const patch = statusPatch(certificate.status, certificateStatus(certificate, findings, now, agreedNow));
  if (patch === undefined) return;
  const { name, resourceVersion } = certificate.metadata;
  const ref = { namespace, name, ...(resourceVersion === undefined ? {} : { resourceVersion }) };
  context.caches.certificates.observe(await context.client.patchStatus<TenantCertificate>(resources.TenantCertificate, ref, patch, { signal }));
}

/** `told`: the condition that says so. */
function reportRefusal(run: CertificateRun, told: string, refusal: Refusal): void {
  const before = run.certificate.status?.conditions?.find(({ type }) => type === told);
  if (before?.message === refusal.message && (before.reason === refusal.reason || told !== CONDITION.ready)) return;
  logRefused(run, refusal);
}
