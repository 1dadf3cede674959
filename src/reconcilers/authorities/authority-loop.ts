// Which change wakes which authority, and which certificates a Tenant or a namespace wakes.
import { isDeepStrictEqual } from 'node:util';
import { FINALIZER } from '../../api/names.ts';
import type { TenantCertificate } from '../../api/tenant-certificate.ts';
import type { Tenant } from '../../api/tenant.ts';
import { desireCertificate } from '../../issuance/desired-certificate.ts';
import type { WorkQueue } from '../../controller/work-queue.ts';
import { keyOf } from '../../kube/object.ts';
import { authorityKey } from './authority.ts';
import type { Authorities, AuthorityState } from './authority.ts';
import { authoritySecretName } from './authority-secret.ts';
import type { Caches, ReconcilerContext } from '../reconciler-context.ts';
import { INDEX } from '../reconciler-context.ts';
import { crlIssuerNames } from './listed-authority.ts';
import { reconcileSecretAuthority } from './secret-authority.ts';
import { reconcileTenant } from './tenant-reconciler.ts';

export async function reconcileAuthority(context: ReconcilerContext, key: string, signal: AbortSignal): Promise<{ readonly requeueAfterMs?: number }> {
  return key.startsWith('Tenant/') ? await reconcileTenant(context, key, signal) : await reconcileSecretAuthority(context, key);
}

interface Queues {
  readonly certificates: WorkQueue;
  readonly authorities: WorkQueue;
}

/** Changes of many certificates come together; one CRL for all of them is enough. */
const GATHER_MS = 500;

/** Returns how to unsubscribe. */
export function subscribeAuthorities(caches: Caches, authorities: Authorities, queues: Queues): (() => void)[] {
  return [
    caches.certificates.onChange((_, before, after) => {
      for (const key of new Set([before, after].flatMap((each) => (each === undefined ? [] : authoritiesOf(each, authorities))))) {
        // A Tenant's first certificate protects it from deletion: that is not to be waited for.
        if (concerns(key, before, after)) queues.authorities.addAfter(key, before === undefined ? 0 : GATHER_MS);
      }
      for (const key of ownAuthorities(caches, before, after)) queues.authorities.add(key);
    }),
    caches.secrets.onChange((_, before, after) => {
      // A CA that stands on the CRL now, or whose CRL is gone. Our own write is news to them, too.
      const names = [before, after].flatMap((each) => (each === undefined ? [] : crlIssuerNames(each)));
      if (names.length > 0) for (const key of authorities.under(names)) queues.authorities.add(key);
    }),
    caches.tenants.onChange((name, before, after, origin) => {
      if (origin !== 'write') queues.authorities.add(`Tenant/${name}`);
      for (const key of affected(caches, name, before, after)) queues.certificates.add(key);
    }),
    caches.namespaces.onChange((namespace, before, after) => {
      if (before !== undefined && isDeepStrictEqual(before.metadata.labels, after?.metadata.labels) && before.metadata.deletionTimestamp === after?.metadata.deletionTimestamp) return;
      for (const key of tenantCertificates(caches)) if (key.startsWith(`${namespace}/`)) queues.certificates.add(key);
    }),
  ];
}

/** Those whose CA was issued for it: revoked, it signs nothing more; its annotation may ask for a CRL. */
function ownAuthorities({ certificates }: Caches, before: TenantCertificate | undefined, after: TenantCertificate | undefined): string[] {
  const keys = [before, after].flatMap((each) => (each?.spec.isCA ? [`Secret/${each.metadata.namespace}/${desireCertificate(each).secret.name}`] : []));
  return [...new Set(keys)].filter((key) => certificates.keysBy(INDEX.authority, key).length > 0);
}

/** Its issuer, and where something is to be revoked also those that it had before. */
function authoritiesOf(certificate: TenantCertificate, authorities: Authorities): string[] {
  const { metadata, spec, status } = certificate;
  const own = spec.issuer.kind === 'SelfSigned' ? [] : [authorityKey(metadata.namespace ?? '', spec.issuer)];
  return isToBeRevoked(certificate) ? [...own, ...authorities.signing(status?.issued?.map(({ issuerSHA256 }) => issuerSHA256) ?? [])] : own;
}

/** A Tenant counts its certificates and revokes every one; a CA Secret hears of them only when something is to be revoked. */
function concerns(key: string, before: TenantCertificate | undefined, after: TenantCertificate | undefined): boolean {
  return key.startsWith('Tenant/') || [before, after].some((each) => each !== undefined && isToBeRevoked(each));
}

function isToBeRevoked({ metadata, spec }: TenantCertificate): boolean {
  return spec.revoked !== undefined || (metadata.deletionTimestamp !== undefined && metadata.finalizers?.includes(FINALIZER) === true);
}

/** Those that wait, to be gone or called revoked, for the CRL of an authority that signed for them, whoever is their issuer now. */
export function waitingForCrl({ certificates }: Pick<Caches, 'certificates'>, state: AuthorityState | undefined): string[] {
  const issuers = state?.kind === 'ready' ? [...(state.authority.revocations?.issuers ?? [])] : [];
  return issuers.flatMap((sha256) => certificates.by(INDEX.signedBy, sha256)).filter(isToBeRevoked).map(keyOf);
}

/** The certificates of the Tenant; those of all Tenants when the names that it claims have changed. */
function affected(caches: Caches, name: string, before: Tenant | undefined, after: Tenant | undefined): readonly string[] {
  if (isDeepStrictEqual(before?.spec, after?.spec)) return [];
  const own = caches.certificates.keysBy(INDEX.authority, `Tenant/${name}`);
  return isDeepStrictEqual(before?.spec.allow, after?.spec.allow) ? own : tenantCertificates(caches);
}

function tenantCertificates({ certificates }: Caches): string[] {
  return [...certificates.indexValues(INDEX.authority)].filter((key) => key.startsWith('Tenant/')).flatMap((key) => certificates.keysBy(INDEX.authority, key));
}

/** Keys of the authorities that a Secret belongs to: as a CA Secret, as a root of Tenants, or as a Tenant's own. */
export function authoritiesBehind({ certificates, tenants }: Caches, system: string, secret: string): string[] {
  const own = certificates.keysBy(INDEX.authority, `Secret/${secret}`).length > 0 ? [`Secret/${secret}`] : [];
  const fed = [...tenants.values()].filter((tenant) => secretsOf(tenant).some((name) => `${system}/${name}` === secret));
  return [...own, ...fed.map(({ metadata }) => `Tenant/${metadata.name}`)];
}

/** Secrets in the operator's namespace that Tenants refer to, as `namespace/name`. */
export function tenantSecrets({ tenants }: Caches, system: string): string[] {
  return [...tenants.values()].flatMap(secretsOf).map((name) => `${system}/${name}`);
}

function secretsOf({ metadata, spec }: Tenant): string[] {
  return [spec.issuer.name, authoritySecretName(metadata.name)];
}
