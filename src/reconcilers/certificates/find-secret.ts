// The Secret of a TenantCertificate: from the cache, or read by name where it should be there and is not, or somebody else's was there last.
import { CONDITION } from '../../api/conditions.ts';
import type { Refusal } from '../../api/conditions.ts';
import { OWN_ANNOTATION } from '../../api/names.ts';
import type { Secret } from '../../api/object-meta.ts';
import type { TenantCertificate } from '../../api/tenant-certificate.ts';
import { desireCertificate } from '../../issuance/desired-certificate.ts';
import { resources } from '../../kube/resources.ts';
import type { CertificateRun } from './certificate-run.ts';
import type { Findings } from './certificate-status.ts';
import { restoreAnnotations } from './lost-annotations.ts';
import { certificateNameOf } from '../owned-secret.ts';
import type { OwnedSecret } from '../owned-secret.ts';
import { findOwned } from '../owned-writes.ts';
import type { Caches } from '../reconciler-context.ts';

/** With our annotations, which are put back where they were taken away. */
export async function findSecret(run: CertificateRun): Promise<OwnedSecret | Refusal | undefined> {
  const { context, certificate, namespace, desired, signal, certificateName, owner } = run;
  const cached = context.caches.secrets.get(`${namespace}/${desired.secret.name}`);
  if (cached !== undefined && certificateNameOf(cached) === certificateName) return await restoreAnnotations(run, cached);
  if (cached === undefined && certificate.status?.certificateSHA256 === undefined && !isNameOccupied(certificate)) return undefined;
  const wanted: Secret = { metadata: { name: desired.secret.name, namespace, annotations: { [OWN_ANNOTATION.certificateName]: certificateName }, ownerReferences: [owner] } };
  const found = await findOwned<Secret>({ client: context.client, resource: resources.Secret, signal }, wanted);
  if (found === undefined) return undefined;
  return found.kind === 'refused' ? found.refusal : await restoreAnnotations(run, found.object);
}

/** Says its status: somebody else's Secret had its name when last looked at. */
export function isNameOccupied({ status }: TenantCertificate): boolean {
  return status?.conditions?.some(({ type, status: is, reason }) => type === CONDITION.ready && is === 'False' && reason === 'SecretNotOwned') ?? false;
}

/** A watch takes 145 KiB, and anybody can name Secrets of others: whoever comes after them is healed by the next look. */
const MOST_WATCHED = 64;

/** To be told when the name is free, by a watch on this one name. */
export function watchOccupiedName({ context: { occupiedSecrets }, namespace }: CertificateRun, { refusal, secret, secretName }: Findings): void {
  if (refusal?.reason === 'SecretNotOwned' && secret === undefined && occupiedSecrets.size < MOST_WATCHED) occupiedSecrets.get({ namespace, name: secretName });
}

/** Of the Secrets that are waited for, as namespace/name; whoever watches another one may stop. */
export function occupiedNames({ certificates }: Pick<Caches, 'certificates'>): Set<string> {
  return new Set([...certificates.values()].filter(isNameOccupied).map((certificate) => `${certificate.metadata.namespace}/${desireCertificate(certificate).secret.name}`));
}
