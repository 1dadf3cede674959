// Tenant -> its authority, published for the certificates that need it, and its status. A Tenant in use is not deleted; its key outlives it
// unless deletionPolicy says otherwise.
import { parseDurationMs } from '../../api/duration.ts';
import { TENANT_FINALIZER } from '../../api/names.ts';
import type { Tenant } from '../../api/tenant.ts';
import { unmatchedRevocations } from '../../issuance/revocations.ts';
import { isNotFound } from '../../kube/api-error.ts';
import { resources } from '../../kube/resources.ts';
import { anchorSecretName } from './anchor-store.ts';
import { authoritySecretName } from './authority-secret.ts';
import { DEFAULT_CRL_LIFE } from './authority-source.ts';
import type { AuthoritySource } from './authority-source.ts';
import { bringUpAuthority } from './bring-up-authority.ts';
import type { BroughtUp } from './bring-up-authority.ts';
import { statusPatch } from '../certificates/certificate-status.ts';
import { crlSecretName } from './crl-store.ts';
import { INDEX } from '../reconciler-context.ts';
import type { ReconcilerContext } from '../reconciler-context.ts';
import { dropRetiredKeys, obtainAuthority } from './tenant-authority.ts';
import type { TenantAuthority } from './tenant-authority.ts';
import { tenantStatus } from './tenant-status.ts';
import type { TenantFindings } from './tenant-status.ts';

type Next = { readonly requeueAfterMs?: number };

/** Key of the queue: `Tenant/<name>`. */
export async function reconcileTenant(context: ReconcilerContext, key: string, signal: AbortSignal): Promise<Next> {
  const name = key.slice('Tenant/'.length);
  const tenant = context.caches.tenants.get(name);
  if (tenant === undefined) {
    context.authorities.publish(key, { kind: 'refused', refusal: { reason: 'TenantNotFound', message: `Tenant ${name} does not exist` } });
    return {};
  }
  const certificates = context.caches.certificates.by(INDEX.authority, key);
  const guarded = await guardDeletion(context, { tenant, isInUse: certificates.length > 0 }, signal);
  if (guarded === undefined) return {};
  const obtained = await obtainAuthority(context, guarded);
  if (obtained.kind === 'waiting') return {};
  const { findings, ...next } = await bringUp(context, guarded, obtained);
  await report(context, guarded, { ...findings, certificates, unmatched: unmatched(context, guarded, findings.broughtUp), collisions: context.collisions.of(guarded) }, signal);
  return next;
}

/** Also looked for among those that it has signed for, and that have another issuer now. */
function unmatched({ caches: { certificates } }: ReconcilerContext, { metadata: { name }, spec: { revoked = [] } }: Tenant, broughtUp: BroughtUp | undefined): string[] {
  if (revoked.length === 0) return [];
  const signedFor = broughtUp?.authority.issuers.flatMap((sha256) => certificates.by(INDEX.signedBy, sha256)) ?? [];
  return unmatchedRevocations(revoked, [...certificates.by(INDEX.authority, `Tenant/${name}`), ...signedFor]);
}

const LONGEST_WAIT_MS = 3_600_000;
const RETRY_MS = 60_000;

async function bringUp(context: ReconcilerContext, tenant: Tenant, obtained: Exclude<TenantAuthority, { kind: 'waiting' }>): Promise<Next & { findings: Pick<TenantFindings, 'broughtUp' | 'refusal' | 'notice'> }> {
  const { name } = tenant.metadata;
  const key = `Tenant/${name}`;
  if (obtained.kind === 'refused') {
    context.authorities.publish(key, { kind: 'refused', refusal: { reason: 'TenantNotReady', message: `Tenant ${name} has no authority: ${obtained.refusal.message}` } });
    return { findings: { refusal: obtained.refusal }, requeueAfterMs: RETRY_MS };
  }
  const broughtUp = await bringUpAuthority(context, sourceOf(context, tenant, obtained.keys));
  const { notice } = obtained;
  const said = notice === undefined ? {} : { notice };
  if (broughtUp === undefined) {
    const state = context.authorities.get(key);
    return { findings: { ...said, ...(state?.kind === 'refused' ? { refusal: state.refusal } : {}) }, requeueAfterMs: RETRY_MS };
  }
  await dropRetiredKeys(context, name, new Set(broughtUp.rotation.published.map(({ sha256 }) => sha256)));
  const untilDueMs = Math.max(RETRY_MS, obtained.dueAt.getTime() - context.now().getTime());
  return { findings: { ...said, broughtUp }, requeueAfterMs: Math.min(LONGEST_WAIT_MS, untilDueMs, broughtUp.requeueAfterMs ?? LONGEST_WAIT_MS) };
}

function sourceOf({ namespace }: ReconcilerContext, { metadata: { name }, spec }: Tenant, { observed, earlier }: { observed: AuthoritySource['observed']; earlier: AuthoritySource['earlier'] }): AuthoritySource {
  return {
    key: `Tenant/${name}`, name: `Tenant ${name}`, ca: { namespace, name: authoritySecretName(name) }, observed, earlier, tenant: name,
    crl: { wanted: true, lifeMs: parseDurationMs(spec.crl?.duration ?? DEFAULT_CRL_LIFE), revoked: spec.revoked ?? [] },
  };
}

/** Undefined: it is going and nothing is left to do. */
async function guardDeletion(context: ReconcilerContext, { tenant, isInUse }: { tenant: Tenant; isInUse: boolean }, signal: AbortSignal): Promise<Tenant | undefined> {
  const { metadata, spec } = tenant;
  const isDeleted = metadata.deletionTimestamp !== undefined;
  const isThere = hasFinalizer(tenant);
  if (isDeleted && !isInUse) {
    await release(context, tenant, signal);
    return undefined;
  }
  const isNeeded = isInUse || spec.deletionPolicy === 'Delete';
  // Nothing can be added to what is being deleted.
  if (isThere === isNeeded || isDeleted) return tenant;
  return await patchFinalizers(context, tenant, isNeeded ? 'add' : 'remove', signal);
}

function hasFinalizer({ metadata }: Tenant): boolean {
  return metadata.finalizers?.includes(TENANT_FINALIZER) ?? false;
}

async function release(context: ReconcilerContext, tenant: Tenant, signal: AbortSignal): Promise<void> {
  if (!hasFinalizer(tenant)) return;
  if (tenant.spec.deletionPolicy === 'Delete') await deleteAuthority(context, tenant.metadata.name, signal);
  try {
    await patchFinalizers(context, tenant, 'remove', signal);
  } catch (error) {
    // Released before; the watch has not said so yet.
    if (!isNotFound(error)) throw error;
  }
}

async function patchFinalizers({ client, caches }: ReconcilerContext, { metadata }: Tenant, change: 'add' | 'remove', signal: AbortSignal): Promise<Tenant> {
  const others = (metadata.finalizers ?? []).filter((each) => each !== TENANT_FINALIZER);
  const finalizers = change === 'add' ? [...others, TENANT_FINALIZER] : others;
  const patched = await client.mergePatch<Tenant>(resources.Tenant, { name: metadata.name }, { metadata: { resourceVersion: metadata.resourceVersion, finalizers } }, { signal });
  if (patched.metadata.deletionTimestamp === undefined || finalizers.length > 0) caches.tenants.observe(patched);
  return patched;
}

async function deleteAuthority({ client, namespace, log }: ReconcilerContext, tenant: string, signal: AbortSignal): Promise<void> {
  const ca = authoritySecretName(tenant);
  for (const name of [ca, anchorSecretName(ca), crlSecretName(ca)]) {
    try {
      await client.delete(resources.Secret, { namespace, name }, { signal });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
  log.info({ tenant }, 'authority deleted');
}

async function report(context: ReconcilerContext, tenant: Tenant, findings: TenantFindings, signal: AbortSignal): Promise<void> {
  const status = tenantStatus(tenant, findings, context.now());
  const patch = statusPatch(tenant.status, status);
  if (patch === undefined) return;
  announce(context, tenant, status.conditions ?? []);
  const { name, resourceVersion } = tenant.metadata;
  context.caches.tenants.observe(await context.client.patchStatus<Tenant>(resources.Tenant, { name, ...(resourceVersion === undefined ? {} : { resourceVersion }) }, patch, { signal }));
}

/** What is new and unusual is an Event as well. */
function announce({ recordEvent, log }: ReconcilerContext, tenant: Tenant, conditions: NonNullable<Tenant['status']>['conditions'] & object): void {
  for (const { type, status, reason, message } of conditions) {
    const before = tenant.status?.conditions?.find((each) => each.type === type);
    const isWarning = type === 'Ready' ? status === 'False' : type !== 'InUse' && status === 'True';
    if (!isWarning || (before?.reason === reason && before.status === status)) continue;
    log.warn({ tenant: tenant.metadata.name, type, reason, detail: message }, 'tenant warned');
    recordEvent(tenant, { type: 'Warning', reason, message });
  }
}
