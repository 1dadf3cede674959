// Who waits for a certificate that does not exist yet is woken when it does. One rule: a certificate that appears between a review's
// lookup and its note is seen too, because the cache is looked into once more after the note was made.
import type { TenantCertificate } from '../api/tenant-certificate.ts';
import { formatKey } from '../kube/object.ts';
import type { PodOwner } from './mutate-pod.ts';
import type { PendingOwners } from './pending-owners.ts';

interface CertificateRef {
  readonly namespace: string;
  readonly name: string;
}

export interface WakingOptions {
  readonly certificates: {
    get(key: string): unknown;
    onChange(handler: (key: string, before: TenantCertificate | undefined, after: TenantCertificate | undefined) => void): unknown;
  };
  readonly pending: PendingOwners;
  readonly wake: (owners: readonly PodOwner[]) => void;
}

/** Returns how to note an owner. Each replica wakes those whom it refused itself. */
export function wakeOwnersInTime({ certificates, pending, wake }: WakingOptions): (certificate: CertificateRef, owner: PodOwner) => void {
  const wakeThose = (certificate: CertificateRef): void => {
    const owners = pending.take(certificate);
    if (owners.length > 0) wake(owners);
  };
  certificates.onChange((_, before, after) => {
    if (before === undefined && after !== undefined) wakeThose({ namespace: after.metadata.namespace ?? '', name: after.metadata.name });
  });
  return (certificate, owner) => {
    pending.add(certificate, owner);
    if (certificates.get(formatKey(certificate)) !== undefined) wakeThose(certificate);
  };
}
