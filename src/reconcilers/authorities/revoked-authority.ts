// A CA that was issued for a TenantCertificate which is revoked signs nothing more. Its issuer's CRL says so to others; sidecars trust the
// anchor of this CA itself, so that only replacing it ends what it has signed.
import type { Refusal } from '../../api/conditions.ts';
import type { Secret } from '../../api/object-meta.ts';
import { objectRevocation } from '../../issuance/revocations.ts';
import { certificateNameOf } from '../owned-secret.ts';
import type { ReconcilerContext } from '../reconciler-context.ts';

export function findRevoked({ caches }: Pick<ReconcilerContext, 'caches'>, secret: Secret): Refusal | undefined {
  const { namespace = '', name } = secret.metadata;
  const certificate = caches.certificates.get(`${namespace}/${certificateNameOf(secret)}`);
  if (certificate === undefined) return undefined;
  const { metadata, spec: { issuer, revoked } } = certificate;
  const tenantRevoked = issuer.kind === 'Tenant' ? (caches.tenants.get(issuer.name ?? '')?.spec.revoked ?? []) : [];
  const reason = revoked?.reason ?? objectRevocation(tenantRevoked, { namespace, name: metadata.name });
  if (reason === undefined) return undefined;
  return { reason: 'Revoked', message: `the CA in Secret ${namespace}/${name} signs nothing: TenantCertificate ${namespace}/${metadata.name}, for which it was issued, is revoked (${reason})` };
}
