// The issuance log: one line and one Event for each certificate that was issued or refused; both say for which names, by which issuer and
// under which rule. Never key material.
import type { Refusal } from '../../api/conditions.ts';
import { OWN_ANNOTATION } from '../../api/names.ts';
import { quote } from '../../policy/violation.ts';
import { authorityKey } from '../authorities/authority.ts';
import type { OwnedSecret } from '../owned-secret.ts';
import { identify } from './certificate-run.ts';
import type { CertificateRun } from './certificate-run.ts';

export function logIssued(run: CertificateRun, reason: string, secret: OwnedSecret): void {
  const { context, certificate } = run;
  const { serialNumber: serial = '', certificateSHA256: sha256, stored, metadata } = secret;
  const issuerSHA256 = metadata.annotations?.[OWN_ANNOTATION.issuerHash];
  const rule = allowedBy(run);
  context.metrics.issued(reason);
  context.log.info(
    { ...identify(certificate), reason, serial, sha256, allowedBy: rule, issuerSHA256, ...asked(run), notAfter: stored.state === 'Read' ? stored.notAfter : undefined },
    'certificate issued',
  );
  const message = `issued certificate ${serial} into Secret ${metadata.name} (${reason}); ${inShort(run, { issuerSHA256, rule: rule && `allowed by ${rule}` })}`;
  context.recordEvent(certificate, { type: 'Normal', reason: 'Issued', message });
}

export function logRefused(run: CertificateRun, { reason, message, field, rule }: Refusal): void {
  const { context, certificate } = run;
  const issuerSHA256 = currentIssuer(run);
  context.metrics.refused(reason);
  context.log.warn({ ...identify(certificate), reason, field, rule, issuerSHA256, ...asked(run), detail: message }, 'certificate refused');
  context.recordEvent(certificate, { type: 'Warning', reason, message: `${message}; ${inShort(run, { issuerSHA256, rule: rule && `refused by ${rule}` })}` });
}

/** What was asked for, in full. */
function asked({ certificate, desired: { request: { subject, dnsNames, ipAddresses, uris, emailAddresses, isCA, usages } } }: CertificateRun): object {
  return { issuer: certificate.spec.issuer, subject, dnsNames, ipAddresses, uris, emailAddresses, isCA, usages };
}

const SHOWN = 3;

/** The same as an Event can hold it. */
function inShort({ certificate: { spec: { issuer } }, desired: { request } }: CertificateRun, { issuerSHA256, rule }: { issuerSHA256: string | undefined; rule: string | undefined }): string {
  const { subject: { commonName }, dnsNames, ipAddresses, uris, emailAddresses } = request;
  const names = [...new Set([...(commonName === undefined ? [] : [commonName]), ...dnsNames, ...ipAddresses, ...uris, ...emailAddresses])];
  const more = names.length > SHOWN ? ` and ${names.length - SHOWN} more` : '';
  const by = issuer.kind === 'SelfSigned' ? issuer.kind : `${issuer.kind} ${issuer.name}${issuerSHA256 === undefined ? '' : ` (SHA-256 ${issuerSHA256.slice(0, 16)})`}`;
  return [`names ${names.slice(0, SHOWN).map(quote).join(', ')}${more}`, `issuer ${by}`, ...(rule === undefined ? [] : [rule])].join('; ');
}

/** The policy that allowed it: a Tenant as it was then. */
function allowedBy({ context: { caches }, certificate: { spec: { issuer } } }: CertificateRun): string | undefined {
  if (issuer.kind !== 'Tenant') return undefined;
  return `Tenant ${issuer.name}, generation ${caches.tenants.get(issuer.name ?? '')?.metadata.generation ?? 0}`;
}

/** Who would have signed it. */
function currentIssuer({ context, certificate: { spec }, namespace }: CertificateRun): string | undefined {
  const state = spec.issuer.kind === 'SelfSigned' ? undefined : context.authorities.get(authorityKey(namespace, spec.issuer));
  return state?.kind === 'ready' ? state.authority.issuer.sha256 : undefined;
}
