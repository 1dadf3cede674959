// Makes a Tenant's authority and its successors, and stores them in the operator's namespace before anybody hears of them.
import type { Refusal } from '../../api/conditions.ts';
import type { Secret } from '../../api/object-meta.ts';
import type { Tenant } from '../../api/tenant.ts';
import { later } from '../../issuance/instant.ts';
import { planSuccessor } from '../../issuance/plan-successor.ts';
import type { SuccessorPlan } from '../../issuance/plan-successor.ts';
import { isAlreadyExists } from '../../kube/api-error.ts';
import { resources } from '../../kube/resources.ts';
import { checkIssuerValidity } from '../../pki/issuer.ts';
import type { Issuer } from '../../pki/issuer.ts';
import { writePrivateKey } from '../../pki/private-key.ts';
import { anchorSecretName, readAnchors } from './anchor-store.ts';
import { authoritySecret, authoritySecretName, readAuthoritySecret, withoutRetired } from './authority-secret.ts';
import type { Made, TenantKeys } from './authority-secret.ts';
import { signCertificate } from '../certificates/new-secret.ts';
import { findListed } from './listed-authority.ts';
import { isRefusal, readCaSecret } from './read-ca-secret.ts';
import type { ReconcilerContext } from '../reconciler-context.ts';
import { findRevoked } from './revoked-authority.ts';
import { findSameSubject, authorityRequest } from './tenant-request.ts';
import type { AuthorityRequest } from './tenant-request.ts';

/** `waiting`: something is not known yet, and whoever watches it wakes us. */
export type TenantAuthority = { readonly kind: 'keys'; readonly keys: TenantKeys; readonly dueAt: Date; readonly notice?: Refusal } | { readonly kind: 'refused'; readonly refusal: Refusal } | { readonly kind: 'waiting' };

export async function obtainAuthority(context: ReconcilerContext, tenant: Tenant): Promise<TenantAuthority> {
  const { name } = tenant.metadata;
  const root = context.referencedSecrets.get({ namespace: context.namespace, name: tenant.spec.issuer.name });
  const stored = context.referencedSecrets.get({ namespace: context.namespace, name: authoritySecretName(name) });
  if (root.state === 'unknown' || stored.state === 'unknown') return { kind: 'waiting' };
  const secret = stored.state === 'present' ? stored.object : undefined;
  const keys = secret && readAuthoritySecret(secret, name);
  if (keys !== undefined && 'reason' in keys) return { kind: 'refused', refusal: keys };
  const issuer = judgeRoot(context, tenant, root.state === 'present' ? root.object : undefined);
  return await succeed(context, { tenant, secret, keys, issuer });
}

function judgeRoot(context: ReconcilerContext, tenant: Tenant, secret: Secret | undefined): Issuer | Refusal {
  const { now, namespace, caches } = context;
  const name = `Secret ${namespace}/${tenant.spec.issuer.name}`;
  const other = findSameSubject(tenant, caches.tenants.values());
  if (other !== undefined) return { reason: 'NameCollision', field: 'spec.authority', message: `the authority of the older Tenant ${other.metadata.name} has the same subject; choose another spec.authority.commonName` };
  if (secret === undefined) return { reason: 'IssuerNotFound', message: `${name} does not exist` };
  const issuer = findRevoked(context, secret) ?? readCaSecret(secret);
  if (isRefusal(issuer)) return issuer;
  const listed = findListed(context, issuer, name);
  if (listed !== undefined) return listed;
  if (issuer.pathLen === 0) return { reason: 'IssuerForbidsCA', message: `the CA of ${name} may not issue authorities (its path length is 0)` };
  const validity = checkIssuerValidity(issuer, now());
  if (validity.ok) return issuer;
  return { reason: validity.reason === 'Expired' ? 'IssuerExpired' : 'IssuerNotYetValid', message: `${name}: ${validity.message}` };
}

interface Situation {
  readonly tenant: Tenant;
  readonly secret: Secret | undefined;
  readonly keys: TenantKeys | undefined;
  readonly issuer: Issuer | Refusal;
}

/** A root that is unusable stops nothing but the making of a successor. */
async function succeed(context: ReconcilerContext, { tenant, secret, keys, issuer }: Situation): Promise<TenantAuthority> {
  if (isRefusal(issuer)) return keys === undefined ? { kind: 'refused', refusal: issuer } : { kind: 'keys', keys, dueAt: context.now(), notice: issuer };
  const wanted = authorityRequest(tenant);
  const plan = plannedSuccessor(context, { tenant, keys, issuer, wanted });
  if (plan.kind === 'none') return { kind: 'keys', keys: keys as TenantKeys, dueAt: plan.dueAt };
  const made = { requestHash: wanted.hash, renewToken: tenant.spec.renew, issuerSHA256: issuer.sha256 };
  const before = secret !== undefined && keys !== undefined ? { secret, replacedSHA256: keys.observed.sha256 } : undefined;
  const written = await make(context, { tenant, issuer, wanted, made, before });
  if ('reason' in written) return keys === undefined ? { kind: 'refused', refusal: written } : { kind: 'keys', keys, dueAt: context.now(), notice: written };
  context.log.info({ tenant: tenant.metadata.name, uid: tenant.metadata.uid, reason: plan.reason, subject: wanted.request.subject, issuerSHA256: issuer.sha256 }, 'authority issued');
  context.recordEvent(tenant, { type: 'Normal', reason: 'AuthorityIssued', message: `${plan.message}: a new authority is stored in Secret ${written.metadata.namespace}/${written.metadata.name}` });
  const next = readAuthoritySecret(written, tenant.metadata.name);
  return 'reason' in next ? { kind: 'refused', refusal: next } : { kind: 'keys', keys: next, dueAt: context.now() };
}

function plannedSuccessor(context: ReconcilerContext, { tenant, keys, issuer, wanted }: { tenant: Tenant; keys: TenantKeys | undefined; issuer: Issuer; wanted: AuthorityRequest }): SuccessorPlan {
  const key = `Tenant/${tenant.metadata.name}`;
  const { rotation } = readAnchors(context, { namespace: context.namespace, name: anchorSecretName(authoritySecretName(tenant.metadata.name)), authority: key });
  // A successor that is stored but not seen by the rotation yet is looked at first.
  if (keys !== undefined && rotation?.active.sha256 !== keys.observed.sha256) return { kind: 'none', dueAt: context.now() };
  const plan = planSuccessor(rotation, { made: keys?.made, wanted: { requestHash: wanted.hash, renewToken: tenant.spec.renew, issuerSHA256: issuer.sha256 } }, context.now());
  // One that ends with its root already would only be followed by another that does.
  const gainsNothing = keys !== undefined && issuer.notAfter <= keys.observed.notAfter && issuer.notAfter <= later(context.now(), wanted.request.durationMs);
  return plan.kind === 'make' && plan.reason === 'RenewalDue' && gainsNothing ? { kind: 'none', dueAt: issuer.notAfter } : plan;
}

interface Making {
  readonly tenant: Tenant;
  readonly issuer: Issuer;
  readonly wanted: AuthorityRequest;
  readonly made: Made;
  readonly before: { readonly secret: Secret; readonly replacedSHA256: string } | undefined;
}

async function make(context: ReconcilerContext, { tenant, issuer, wanted, made, before }: Making): Promise<Secret | Refusal> {
  const certificate = await signCertificate({ request: wanted.request, issuer, limits: wanted.limits }, context);
  if ('reason' in certificate) return certificate;
  const pair = { certificatePem: certificate.issued.chainPem, keyPem: writePrivateKey(certificate.key) };
  return await store(context, authoritySecret({ tenant: tenant.metadata.name, namespace: context.namespace, made }, pair, before));
}

async function store({ client, referencedSecrets }: ReconcilerContext, secret: Secret): Promise<Secret> {
  const isNew = secret.metadata.resourceVersion === undefined;
  try {
    const written = isNew ? await client.create<Secret>(resources.Secret, secret) : await client.replace<Secret>(resources.Secret, secret);
    referencedSecrets.observe(written);
    return written;
  } catch (error) {
    throw isAlreadyExists(error) ? new Error(`Secret ${secret.metadata.name} was there already: it is read first`, { cause: error }) : error;
  }
}

/** Keys of those that have retired are destroyed. */
export async function dropRetiredKeys(context: ReconcilerContext, tenant: string, inUse: ReadonlySet<string>): Promise<void> {
  const stored = context.referencedSecrets.get({ namespace: context.namespace, name: authoritySecretName(tenant) });
  const smaller = stored.state === 'present' ? withoutRetired(stored.object, inUse) : undefined;
  if (smaller !== undefined) await store(context, smaller);
}
