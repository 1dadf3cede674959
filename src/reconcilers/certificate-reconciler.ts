// TenantCertificate -> Secret, ConfigMap, status: read (caches) -> decide (planIssuance) -> act (at most one write each).
// One rule: what was written is told to the caches before anything else happens, so that no run acts on a world without it.
import type { RefuseReason, Refusal } from '../api/conditions.ts';
import { OWN_ANNOTATION } from '../api/names.ts';
import type { Secret } from '../api/object-meta.ts';
import type { TenantCertificate } from '../api/tenant-certificate.ts';
import { desireCertificate } from '../issuance/desired-certificate.ts';
import { planIssuance } from '../issuance/plan-issuance.ts';
import type { Plan } from '../issuance/plan-issuance.ts';
import { resources } from '../kube/resources.ts';
import { authorityKey } from './authority.ts';
import type { Authority } from './authority.ts';
import { certificateStatus, revisionOf, statusPatch } from './certificate-status.ts';
import type { Findings } from './certificate-status.ts';
import { claimSecretName } from './claim-secret-name.ts';
import { issuerFacts } from './issuer-facts.ts';
import { newSecret, signCertificate } from './new-secret.ts';
import type { SecretOwner } from './new-secret.ts';
import { applyOwned, createOwned, findOwned } from './owned-writes.ts';
import { pruneSecret } from './owned-secret.ts';
import type { OwnedSecret } from './owned-secret.ts';
import type { ReconcilerContext } from './reconciler-context.ts';
import { repairSecret } from './repair-secret.ts';
import { writeSidecarConfig } from './sidecar-config.ts';

type Result = { readonly requeueAfterMs?: number };

/** A run that cannot say anything yet: whoever is waited for will wake it. */
const WAITING = 'waiting';

interface Run extends SecretOwner {
  readonly context: ReconcilerContext;
  readonly certificate: TenantCertificate;
  readonly now: Date;
  readonly signal: AbortSignal;
}

export async function reconcileCertificate(context: ReconcilerContext, key: string, signal: AbortSignal): Promise<Result> {
  const certificate = context.caches.certificates.get(key);
  if (certificate === undefined || certificate.metadata.deletionTimestamp !== undefined) return {};
  const run = startRun(context, certificate, signal);
  const findings = await bringUp(run);
  if (findings === WAITING) return {};
  await reportStatus(run, findings);
  return { requeueAfterMs: nextLook(run, findings) };
}

function startRun(context: ReconcilerContext, certificate: TenantCertificate, signal: AbortSignal): Run {
  const { name, namespace = '', uid = '' } = certificate.metadata;
  const owner = { apiVersion: certificate.apiVersion, kind: certificate.kind, name, uid, controller: true, blockOwnerDeletion: false };
  return { context, certificate, signal, namespace, owner, certificateName: name, desired: desireCertificate(certificate), now: context.now() };
}

async function bringUp(run: Run): Promise<Findings | typeof WAITING> {
  const secretName = run.desired.secret.name;
  const unclaimable = claimSecretName(run.context.caches.certificates, run.certificate, run.desired);
  if (unclaimable !== undefined) return { secretName, refusal: unclaimable, notices: [] };
  const { issuer } = run.certificate.spec;
  const state = issuer.kind === 'SelfSigned' ? 'self-signed' : run.context.authorities.get(authorityKey(run.namespace, issuer));
  if (state === undefined) return WAITING;
  const secret = await findSecret(run);
  if (secret !== undefined && 'reason' in secret) return { secretName, refusal: secret, notices: [] };
  const stored = secret?.stored ?? (wasIssued(run.certificate) ? { state: 'Missing' as const } : undefined);
  const plan = planIssuance(run.desired, stored, issuerFacts(state), run.now);
  const authority = state === 'self-signed' || state.kind === 'refused' ? undefined : state.authority;
  return await act(run, { plan, secret, authority });
}

interface Decision {
  readonly plan: Plan;
  readonly secret: OwnedSecret | undefined;
  readonly authority: Authority | undefined;
}

async function act(run: Run, { plan, secret, authority }: Decision): Promise<Findings> {
  const secretName = run.desired.secret.name;
  const kept = secret === undefined ? {} : { secret };
  if (plan.kind === 'refuse') return { secretName, ...kept, refusal: plan, notices: [] };
  if (plan.kind === 'issue') return await issue(run, { plan, secret, authority });
  const repaired = await repairSecret(run, secret, authority);
  if ('reason' in repaired) return { secretName, ...kept, refusal: repaired, notices: [] };
  return await configure(run, { secretName, secret: repaired, renewAt: plan.renewAt, notices: [] }, authority);
}

async function issue(run: Run, { plan, secret, authority }: Decision & { plan: Plan & { kind: 'issue' } }): Promise<Findings> {
  const { context, desired, signal } = run;
  const secretName = desired.secret.name;
  const fail = (refusal: Refusal): Findings => ({ secretName, ...(secret === undefined ? {} : { secret }), refusal, failed: true, notices: [] });
  const certificate = await signCertificate({ request: desired.request, authority }, context);
  if ('reason' in certificate) return fail(certificate);
  const target = { client: context.client, resource: resources.Secret, signal };
  const revision = Math.max(revisionOf(secret), run.certificate.status?.revision ?? 0) + 1;
  const content = newSecret(run, certificate, revision);
  const written = secret === undefined ? await createOwned<Secret>(target, content) : { kind: 'written' as const, object: await applyOwned<Secret>(target, content) };
  if (written.kind === 'refused') return fail(written.refusal);
  const next = pruneSecret(written.object);
  context.caches.secrets.observe(next);
  if (written.kind === 'found') return await act(run, { plan: planIssuance(desired, next.stored, issuerFactsOf(authority), run.now), secret: next, authority });
  logIssued(run, plan.reason, next);
  const renewed = planIssuance(desired, next.stored, issuerFactsOf(authority), run.now);
  const renewAt = renewed.kind === 'keep' ? { renewAt: renewed.renewAt } : {};
  return await configure(run, { secretName, secret: next, ...renewAt, issuedFor: plan.reason, notices: [] }, authority);
}

function issuerFactsOf(authority: Authority | undefined): ReturnType<typeof issuerFacts> {
  return issuerFacts(authority === undefined ? 'self-signed' : { kind: 'ready', authority });
}

async function configure(run: Run, findings: Findings, authority: Authority | undefined): Promise<Findings> {
  if (run.desired.request.isCA || findings.secret === undefined) return findings;
  const refusal = await writeSidecarConfig(run, findings.secret, authority);
  return refusal === undefined ? findings : { ...findings, refusal };
}

function wasIssued({ status }: TenantCertificate): boolean {
  return status?.certificateSHA256 !== undefined;
}

/** From the cache. What should be there and is not may only have lost its label: then it is read once. */
async function findSecret(run: Run): Promise<OwnedSecret | Refusal | undefined> {
  const { context, namespace, desired, certificate, signal, owner, certificateName } = run;
  const cached = context.caches.secrets.get(`${namespace}/${desired.secret.name}`);
  if (cached?.metadata.annotations?.[OWN_ANNOTATION.certificateName] === certificateName) return cached;
  if (cached === undefined && !wasIssued(certificate)) return undefined;
  const wanted: Secret = { metadata: { name: desired.secret.name, namespace, annotations: { [OWN_ANNOTATION.certificateName]: owner.name } } };
  const found = await findOwned<Secret>({ client: context.client, resource: resources.Secret, signal }, wanted);
  if (found === undefined) return undefined;
  return found.kind === 'refused' ? found.refusal : pruneSecret(found.object);
}

function logIssued({ context, certificate, desired }: Run, reason: string, secret: OwnedSecret): void {
  const { metadata } = certificate;
  const { subject, dnsNames, ipAddresses, uris, emailAddresses } = desired.request;
  context.metrics.issued(reason);
  context.log.info(
    {
      certificate: `${metadata.namespace}/${metadata.name}`, uid: metadata.uid, reason, serial: secret.serialNumber, sha256: secret.certificateSHA256,
      issuer: certificate.spec.issuer, issuerSHA256: secret.metadata.annotations?.[OWN_ANNOTATION.issuerHash],
      commonName: subject.commonName, dnsNames, ipAddresses, uris, emailAddresses, notAfter: secret.stored.state === 'Read' ? secret.stored.notAfter : undefined,
    },
    'certificate issued',
  );
  context.recordEvent(certificate, { type: 'Normal', reason: 'Issued', message: `issued certificate ${secret.serialNumber} into Secret ${secret.metadata.name} (${reason})` });
}

async function reportStatus(run: Run, findings: Findings): Promise<void> {
  const { context, certificate, namespace, signal, now } = run;
  const status = certificateStatus(certificate, findings, now);
  const patch = statusPatch(certificate.status, status);
  if (findings.refusal !== undefined) reportRefusal(run, findings.refusal);
  if (patch === undefined) return;
  const { name, resourceVersion } = certificate.metadata;
  const guard = resourceVersion === undefined ? {} : { resourceVersion };
  context.caches.certificates.observe(await context.client.patchStatus<TenantCertificate>(resources.TenantCertificate, { namespace, name, ...guard }, patch, { signal }));
}

/** Once for each new finding: a refusal that only lasts is no news. */
function reportRefusal({ context, certificate }: Run, refusal: Refusal): void {
  const before = certificate.status?.conditions?.find(({ type }) => type === 'Ready');
  if (before?.reason === refusal.reason && before.message === refusal.message) return;
  const { namespace, name, uid } = certificate.metadata;
  context.metrics.refused(refusal.reason);
  context.log.warn({ certificate: `${namespace}/${name}`, uid, reason: refusal.reason, field: refusal.field, detail: refusal.message }, 'certificate refused');
  context.recordEvent(certificate, { type: 'Warning', reason: refusal.reason, message: refusal.message });
}

const MINUTE_MS = 60_000;
/** Nothing to wait for but people. */
const TERMINAL: ReadonlySet<RefuseReason> = new Set<RefuseReason>(['Revoked', 'InvalidSpec', 'NotImplemented', 'ProxyInvalid', 'NotSupportedByEngine', 'TooManyTrustBundles']);

function nextLook({ context, now }: Run, { refusal, renewAt }: Findings): number {
  const jitter = 1 + context.random() * 0.1;
  if (refusal !== undefined) return (TERMINAL.has(refusal.reason) ? 60 : 1) * MINUTE_MS * jitter;
  const untilRenewalMs = renewAt === undefined ? MINUTE_MS : Math.max(1000, renewAt.getTime() - now.getTime());
  // A machine that slept, a clock that was set: the wall clock is read at least once an hour.
  return Math.min(untilRenewalMs + context.random() * Math.min(untilRenewalMs * 0.05, 5 * MINUTE_MS), 60 * MINUTE_MS * jitter);
}
