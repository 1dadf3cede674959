// Whether a TenantCertificate may write the Secret it names: two that write one Secret would overwrite each other for ever.
import type { Refusal } from '../../api/conditions.ts';
import { GROUP, LABEL } from '../../api/names.ts';
import type { TenantCertificate } from '../../api/tenant-certificate.ts';
import type { DesiredCertificate } from '../../issuance/desired-certificate.ts';
import type { Cache } from '../../kube/cache.ts';
import { INDEX } from '../reconciler-context.ts';

const age = ({ metadata: { creationTimestamp = '', name } }: TenantCertificate) => `${creationTimestamp} ${name}`;

/** Undefined: it may. The older of two rivals has the name. */
export function claimSecretName(certificates: Cache<TenantCertificate>, certificate: TenantCertificate, { secret }: DesiredCertificate): Refusal | undefined {
  const reserved = findReservedKey('labels', secret.labels) ?? findReservedKey('annotations', secret.annotations);
  if (reserved !== undefined) return reserved;
  const older = certificates
    .by(INDEX.secretName, `${certificate.metadata.namespace}/${secret.name}`)
    .find((other) => other.metadata.name !== certificate.metadata.name && other.metadata.deletionTimestamp === undefined && age(other) < age(certificate));
  if (older === undefined) return undefined;
  return { reason: 'SecretNameTaken', field: 'spec.secretName', message: `Secret ${secret.name} is written by the older TenantCertificate ${older.metadata.name}; choose another spec.secretName` };
}

function findReservedKey(field: string, record: Readonly<Record<string, string>>): Refusal | undefined {
  const key = Object.keys(record).find((each) => each.startsWith(`${GROUP}/`) || each === LABEL.managedBy);
  if (key === undefined) return undefined;
  return { reason: 'InvalidSpec', field: `spec.secretTemplate.${field}`, message: `spec.secretTemplate.${field} "${key.slice(0, 80)}" is set by the operator itself; remove it` };
}
