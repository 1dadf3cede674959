// TenantCertificate -> Secret, ConfigMap, status: read (caches) -> decide (planIssuance) -> act (at most one write each).
// One rule: what was written is told to the caches before anything else happens, so that no run acts on a world without it.
import { CONDITION } from '../../api/conditions.ts';
import type { RefuseReason, Refusal } from '../../api/conditions.ts';
import type { StoredCertificate } from '../../issuance/issuance-facts.ts';
import { rememberIssue } from '../../issuance/loop-breaker.ts';
import { planIssuance } from '../../issuance/plan-issuance.ts';
import type { Plan } from '../../issuance/plan-issuance.ts';
import { causeOf, delayIssuance, isSuspension, recentIssues, servesMeanwhile } from './admit-issuance.ts';
import type { Delay } from './admit-issuance.ts';
import { authorityKey } from '../authorities/authority.ts';
import type { Authority, AuthorityState } from '../authorities/authority.ts';
import { certificateNotices } from './certificate-notices.ts';
import { startRun } from './certificate-run.ts';
import type { CertificateRun } from './certificate-run.ts';
import type { Findings } from './certificate-status.ts';
import { claimSecretName } from './claim-secret-name.ts';
import { logIssued } from './issuance-log.ts';
import { forgetFailure, rememberFailure } from './failed-attempts.ts';
import { findSecret, watchOccupiedName } from './find-secret.ts';
import { issueIntoSecret } from './issue-into-secret.ts';
import { issuerFacts } from './issuer-facts.ts';
import { judgePolicy } from './judge-policy.ts';
import { refusedWrite } from '../owned-writes.ts';
import type { OwnedSecret } from '../owned-secret.ts';
import type { ReconcilerContext } from '../reconciler-context.ts';
import { notRevoked } from './kept-revocations.ts';
import { isNamespaceKnown } from './known-namespace.ts';
import { rememberIssued } from './remember-issued.ts';
import { repairSecret } from './repair-secret.ts';
import { reportStatus } from './report-certificate.ts';
import { guardDeletion } from './revoke-on-delete.ts';
import { buildSidecarConfig } from './sidecar-config.ts';
import { TrustPending } from './trust-material.ts';
import { areReferencesRead } from './trust-references.ts';
import { writeConfigMap } from './write-config-map.ts';

/** Nothing can be said yet: whoever is waited for will wake us. */
const WAITING = 'waiting';
/** What is known has changed: the next run begins with it. */
const AGAIN = 'again';

type Outcome = Findings | typeof WAITING | typeof AGAIN;

export async function reconcileCertificate(context: ReconcilerContext, key: string, signal: AbortSignal): Promise<{ readonly requeueAfterMs?: number }> {
  const certificate = context.caches.certificates.get(key);
  if (certificate === undefined) {
    forgetFailure(context, key);
    return {};
  }
  const guarded = await guardDeletion(startRun(context, certificate, signal));
  if (guarded.kind !== 'here') return guarded.kind === 'going' ? {} : { requeueAfterMs: MINUTE_MS };
  const { run } = guarded;
  const findings = await bringUp(run);
  if (findings === WAITING) return {};
  if (findings === AGAIN) return { requeueAfterMs: 0 };
  await reportStatus(run, findings);
  watchOccupiedName(run, findings);
  return { requeueAfterMs: nextLook(run, findings) };
}

async function bringUp(run: CertificateRun): Promise<Outcome> {
  const secretName = run.desired.secret.name;
  const unclaimable = claimSecretName(run.context.caches.certificates, run.certificate, run.desired);
  if (unclaimable !== undefined) return { secretName, refusal: unclaimable, notices: [] };
  const state = issuerState(run);
  // All that it refers to is read before anything is issued: Ready is said once, when it is true.
  if (state === undefined || !areReferencesRead(run.context, run.certificate) || !(await isNamespaceKnown(run))) return WAITING;
  const secret = await findSecret(run);
  if (secret !== undefined && 'reason' in secret) return { secretName, refusal: secret, notices: [] };
  return (await rememberIssued(run, secret)) === run ? await decide(run, secret, state) : AGAIN;
}

function issuerState({ certificate: { spec }, context, namespace }: CertificateRun): AuthorityState | 'self-signed' | undefined {
  return spec.issuer.kind === 'SelfSigned' ? 'self-signed' : context.authorities.get(authorityKey(namespace, spec.issuer));
}

async function decide(run: CertificateRun, secret: OwnedSecret | undefined, state: AuthorityState | 'self-signed'): Promise<Outcome> {
  const authority = state === 'self-signed' || state.kind === 'refused' ? undefined : state.authority;
  const plan = planIssuance(run.desired, storedCertificate(run, secret, authority), issuerFacts(state), run.now);
  const found = { secretName: run.desired.secret.name, ...(secret === undefined ? {} : { secret }), notices: [...certificateNotices(secret, run.desired, authority), ...notRevoked(run, state)] };
  // Whether the Tenant allows authorities is asked before whether its own can have one below it.
  const forbidden = plan.kind === 'refuse' && plan.reason !== 'IssuerForbidsCA' ? undefined : judgePolicy(run);
  if (forbidden !== undefined) return await keepLastGood(run, { found, authority, refusal: forbidden });
  switch (plan.kind) {
    case 'refuse': return await keepLastGood(run, { found, authority, refusal: plan });
    case 'issue': return await issue(run, { plan, found, authority });
    case 'keep': return await keep(run, { plan, found, authority });
  }
}

function storedCertificate(run: CertificateRun, secret: OwnedSecret | undefined, authority: Authority | undefined): StoredCertificate | undefined {
  if (secret === undefined) return wasIssued(run) ? { state: 'Missing' } : undefined;
  const { stored, serialNumber = '' } = secret;
  const onCrl = stored.state === 'Read' && (authority?.revocations?.has(stored.issuerSHA256 ?? '', serialNumber) ?? false);
  return onCrl ? { ...stored, onCrl } : stored;
}

/** What is refused is not issued; what is there goes on to be served, with bundles and CRLs kept up to date: others may have revoked somebody. */
async function keepLastGood(run: CertificateRun, { found, authority, refusal }: { found: Findings; authority: Authority | undefined; refusal: Refusal }): Promise<Findings> {
  if (found.secret?.stored.state !== 'Read') return { ...found, refusal };
  const secret = authority === undefined ? found.secret : await repairSecret(run, found.secret, authority).catch(refusedWrite);
  if ('reason' in secret) return { ...found, refusal };
  const outcome = await configure(run, { ...found, secret }, authority);
  return typeof outcome === 'string' ? { ...found, refusal } : { ...outcome, refusal };
}

interface Step<K extends Plan['kind']> {
  readonly plan: Plan & { kind: K };
  readonly found: Findings;
  readonly authority: Authority | undefined;
}

async function keep(run: CertificateRun, { plan, found, authority }: Step<'keep'>): Promise<Outcome> {
  return await serve(run, { ...found, renewAt: plan.renewAt }, authority);
}

async function serve(run: CertificateRun, found: Findings, authority: Authority | undefined): Promise<Outcome> {
  const repaired = await repairSecret(run, found.secret, authority).catch(refusedWrite);
  if ('reason' in repaired) return { ...found, refusal: repaired };
  return await configure(run, { ...found, secret: repaired }, authority);
}

/** What only has to wait leaves a certificate Ready that serves meanwhile. */
async function putOff(run: CertificateRun, { plan, found, authority }: Step<'issue'>, { refusal, retryAt }: Delay): Promise<Outcome> {
  const findings: Findings = { ...found, retryAt, ...(isSuspension(refusal) ? { suspended: refusal } : {}) };
  if (findings.suspended !== undefined && servesMeanwhile(plan.reason, found.secret?.stored, run.now)) return await serve(run, findings, authority);
  return await keepLastGood(run, { found: findings, authority, refusal });
}

async function issue(run: CertificateRun, { plan, found, authority }: Step<'issue'>): Promise<Outcome> {
  const cause = causeOf(run, plan.reason, authority);
  const delay = delayIssuance(run, cause, authority);
  const due = { reason: plan.reason, message: plan.message };
  if (delay !== undefined) return await putOff(run, { plan, found: { ...found, due }, authority }, delay);
  const result = await issueIntoSecret(run, found.secret, authority).catch((error: unknown) => ({ kind: 'refused' as const, refusal: refusedWrite(error) }));
  if (result.kind === 'refused') {
    rememberFailure(run, authority);
    return await keepLastGood(run, { found: { ...found, due, failed: true }, authority, refusal: result.refusal });
  }
  const state = authority === undefined ? 'self-signed' : { kind: 'ready' as const, authority };
  if (result.kind === 'found') return AGAIN;
  forgetFailure(run.context, `${run.namespace}/${run.certificateName}`);
  logIssued(run, plan.reason, result.secret);
  const next = planIssuance(run.desired, result.secret.stored, issuerFacts(state), run.now);
  const renewAt = next.kind === 'keep' ? { renewAt: next.renewAt } : {};
  const notices = certificateNotices(result.secret, run.desired, authority);
  return await configure(run, { ...found, notices, secret: result.secret, ...renewAt, recentIssues: rememberIssue(recentIssues(run), cause, run.now) }, authority);
}

async function configure(run: CertificateRun, findings: Findings, authority: Authority | undefined): Promise<Outcome> {
  if (run.desired.request.isCA || findings.secret === undefined) return findings;
  const config = whenRead(() => buildSidecarConfig(run, findings.secret as OwnedSecret, authority));
  // Whoever is waited for wakes us; what was issued meanwhile is reported now.
  if (config === undefined) return findings.recentIssues === undefined ? WAITING : findings;
  if (config.kind === 'refused') return { ...findings, refusal: config.refusal };
  const refusal = await writeConfigMap(run, config.configMap).catch(refusedWrite);
  if (refusal !== undefined) return { ...findings, refusal };
  return config.advice === undefined ? findings : { ...findings, notices: [...findings.notices, { type: CONDITION.engineAdvice, status: 'True', reason: 'LongConnections', message: config.advice }] };
}

/** Undefined while something it depends on has not been read yet. */
function whenRead<T>(build: () => T): T | undefined {
  try {
    return build();
  } catch (error) {
    if (error instanceof TrustPending) return undefined;
    throw error;
  }
}

function wasIssued({ certificate: { status } }: CertificateRun): boolean {
  return status?.certificateSHA256 !== undefined;
}

const MINUTE_MS = 60_000;
/** Nothing to wait for but people. */
const LASTING: ReadonlySet<RefuseReason> = new Set<RefuseReason>(['Revoked', 'InvalidSpec', 'ProxyInvalid', 'NotSupportedByEngine', 'TooManyTrustBundles', 'PolicyViolation', 'NamespaceNotAllowed', 'NameCollision']);

function nextLook({ context, now }: CertificateRun, { refusal, renewAt, retryAt }: Findings): number {
  const jitter = 1 + context.random() * 0.1;
  if (retryAt !== undefined) return Math.max(1000, retryAt.getTime() - now.getTime());
  if (refusal !== undefined) return (LASTING.has(refusal.reason) ? 60 : 1) * MINUTE_MS * jitter;
  const untilRenewalMs = renewAt === undefined ? MINUTE_MS : Math.max(1000, renewAt.getTime() - now.getTime());
  // A machine that slept, a clock that was set: the wall clock is read at least once an hour.
  return Math.min(untilRenewalMs + context.random() * Math.min(untilRenewalMs * 0.05, 5 * MINUTE_MS), 60 * MINUTE_MS * jitter);
}
