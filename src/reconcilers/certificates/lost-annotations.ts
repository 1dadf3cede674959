// Annotations of ours that were taken off a Secret, as far as the status proves what they said: they are put back, and nothing is issued.
// Rule: what cannot be told is not put back, so that the plan asks for a new certificate; and what says something else is believed.
import { CONDITION } from '../../api/conditions.ts';
import { OWN_ANNOTATION } from '../../api/names.ts';
import type { Secret } from '../../api/object-meta.ts';
import type { TenantCertificate } from '../../api/tenant-certificate.ts';
import type { DesiredCertificate } from '../../issuance/desired-certificate.ts';
import { describeCause } from '../../issuance/loop-breaker.ts';
import { requestHash } from '../../issuance/request-hash.ts';
import { resources } from '../../kube/resources.ts';
import { pruneSecret } from '../owned-secret.ts';
import type { OwnedSecret } from '../owned-secret.ts';
import { identify } from './certificate-run.ts';
import type { CertificateRun } from './certificate-run.ts';
import { revisionOf } from './certificate-status.ts';

type Annotations = Readonly<Record<string, string>>;

/** `secret` was seen to be ours. The Secret as it is afterwards; one that changed meanwhile is a conflict. */
export async function restoreAnnotations(run: CertificateRun, secret: Secret | OwnedSecret): Promise<OwnedSecret> {
  const { context, certificate, certificateName, desired, namespace, signal } = run;
  const { name, uid, resourceVersion, annotations = {} } = secret.metadata;
  const own = { [OWN_ANNOTATION.certificateName]: certificateName };
  const isKnown = 'stored' in secret && annotations[OWN_ANNOTATION.certificateName] === certificateName;
  // Read once: certificate and key are memory that the garbage collector does not see.
  const known = isKnown ? secret : pruneSecret({ ...secret, metadata: { ...secret.metadata, annotations: { ...annotations, ...own } } });
  const lost = Object.entries({ ...own, ...lostAnnotations(certificate, desired, known) }).filter(([key, value]) => annotations[key] !== value);
  if (lost.length === 0) return known;
  const patch = { metadata: { uid, resourceVersion, annotations: Object.fromEntries(lost) } };
  const restored = pruneSecret(await context.client.mergePatch<Secret>(resources.Secret, { namespace, name }, patch, { signal }));
  context.caches.secrets.observe(restored);
  context.log.info({ ...identify(certificate), secret: `${namespace}/${name}`, annotations: lost.map(([key]) => key) }, 'annotations put back');
  return restored;
}

/** What the annotations should say and do not. */
export function lostAnnotations(certificate: TenantCertificate, desired: DesiredCertificate, secret: OwnedSecret): Annotations {
  const { revision = 0 } = certificate.status ?? {};
  const counted = revision > revisionOf(secret) ? { [OWN_ANNOTATION.revision]: String(revision) } : {};
  return isReported(certificate, secret) ? { ...counted, ...facts(certificate), ...purpose(certificate, desired, secret) } : counted;
}

/** The pair is the one that the status describes. */
function isReported({ status = {} }: TenantCertificate, { stored, certificateSHA256 }: OwnedSecret): boolean {
  return stored.state === 'Read' && stored.keyMatches && certificateSHA256 !== undefined && status.certificateSHA256 === certificateSHA256;
}

/** They never change while the certificate is the same. */
function facts({ status: { certificateSHA256, issuerSHA256 } = {} }: TenantCertificate): Annotations {
  if (certificateSHA256 === undefined || issuerSHA256 === undefined) return {};
  return { [OWN_ANNOTATION.certificateHash]: certificateSHA256, [OWN_ANNOTATION.issuerHash]: issuerSHA256 };
}

/** What it was issued for. Another value than the one wanted is kept: it was then issued for something else. */
function purpose(certificate: TenantCertificate, desired: DesiredCertificate, { metadata: { annotations = {} } }: OwnedSecret): Annotations {
  const { renewToken, request } = desired;
  const last = lastIssuedFor(certificate, renewToken);
  return {
    ...(annotations[OWN_ANNOTATION.requestHash] === undefined && (last.spec || isServed(certificate)) ? { [OWN_ANNOTATION.requestHash]: requestHash(request) } : {}),
    ...(annotations[OWN_ANNOTATION.renewed] === undefined && renewToken !== undefined && last.token ? { [OWN_ANNOTATION.renewed]: renewToken } : {}),
  };
}

/** Ready is said only of a certificate that was issued for what is asked for. */
function isServed({ metadata: { generation }, status: { conditions = [] } = {} }: TenantCertificate): boolean {
  const ready = conditions.find(({ type }) => type === CONDITION.ready);
  return ready?.status === 'True' && generation !== undefined && ready.observedGeneration === generation;
}

/** Whether the last issuance that the status remembers was for the present spec, and for the present request for renewal. */
function lastIssuedFor({ metadata: { generation }, status }: TenantCertificate, renewToken: string | undefined): { readonly spec: boolean; readonly token: boolean } {
  const last = status?.recentIssues?.at(-1)?.cause.split('/') ?? [];
  const asked = describeCause({ reason: 'SpecChanged', generation: generation ?? 0, renewToken, issuerSHA256: undefined }).split('/');
  return { spec: generation !== undefined && last[0] === asked[0], token: last[2] === asked[2] };
}
