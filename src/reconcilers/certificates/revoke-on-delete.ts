// The finalizer of a TenantCertificate: there while its issuer keeps a CRL, gone when its certificates are on it, or when nobody can put
// them there any more.
import type { RefuseReason } from '../../api/conditions.ts';
import { FINALIZER } from '../../api/names.ts';
import type { TenantCertificate } from '../../api/tenant-certificate.ts';
import { planFinalizer } from '../../issuance/plan-finalizer.ts';
import type { FinalizerFacts } from '../../issuance/plan-finalizer.ts';
import { isNotFound } from '../../kube/api-error.ts';
import { resources } from '../../kube/resources.ts';
import { authorityKey } from '../authorities/authority.ts';
import type { AuthorityState, Revocations } from '../authorities/authority.ts';
import { identify, startRun } from './certificate-run.ts';
import type { CertificateRun } from './certificate-run.ts';
import { keptRevocations, splitIssued } from './kept-revocations.ts';
import { rememberIssued } from './remember-issued.ts';

/** `going`: nothing more is to be done. `waiting`: whoever is waited for wakes us. */
export type Guarded = { readonly kind: 'here'; readonly run: CertificateRun } | { readonly kind: 'going' | 'waiting' };

export async function guardDeletion(run: CertificateRun): Promise<Guarded> {
  const { certificate: { metadata, spec }, context, namespace } = run;
  const isGoing = metadata.deletionTimestamp !== undefined;
  if (isGoing && metadata.finalizers?.includes(FINALIZER) !== true) return { kind: 'going' };
  // Nothing can be created in it any more.
  if (!isGoing && isNamespaceGoing(run)) return { kind: 'going' };
  const state = spec.issuer.kind === 'SelfSigned' ? 'self-signed' : context.authorities.get(authorityKey(namespace, spec.issuer));
  if (state === undefined) return { kind: 'waiting' };
  // A certificate that was stored just before the deletion may not be in the status yet.
  return isGoing ? await release(await rememberIssued(run, context.caches.secrets.get(`${namespace}/${run.desired.secret.name}`)), state) : { kind: 'here', run: await hold(run, state) };
}

async function hold(run: CertificateRun, state: AuthorityState | 'self-signed'): Promise<CertificateRun> {
  const { kind } = planFinalizer(...judge(run, state), run.agreedNow);
  return kind === 'add' || kind === 'remove' ? await patchFinalizers(run, kind) : run;
}

async function release(run: CertificateRun, state: AuthorityState | 'self-signed'): Promise<Guarded> {
  const plan = planFinalizer(...judge(run, state), run.agreedNow);
  if (plan.kind === 'wait') {
    if (plan.isWorrying) run.context.recordEvent(run.certificate, { type: 'Warning', reason: 'RevocationWaits', message: plan.message });
    return { kind: 'waiting' };
  }
  if (plan.kind !== 'remove') return { kind: 'going' };
  try {
    await patchFinalizers(run, 'remove');
  } catch (error) {
    // Released before; the watch has not said so yet.
    if (isNotFound(error)) return { kind: 'going' };
    throw error;
  }
  if (plan.news !== undefined) announce(run, plan.news);
  return { kind: 'going' };
}

/** The object with what can still be revoked of it, and the CRLs of all that have signed for it. */
function judge(run: CertificateRun, state: AuthorityState | 'self-signed'): [TenantCertificate, FinalizerFacts] {
  const { certificate } = run;
  const kept = keptRevocations(run, state);
  const { listable, unlisted } = splitIssued(run, kept);
  const facts = { crl: crlFacts(state, kept), unlisted: unlisted.length, namespaceIsGoing: isNamespaceGoing(run) };
  return [{ ...certificate, status: { ...certificate.status, issued: listable } }, facts];
}

/** Nobody to wait for. */
const GONE: ReadonlySet<RefuseReason> = new Set<RefuseReason>(['IssuerNotFound', 'TenantNotFound', 'Revoked']);

function crlFacts(state: AuthorityState | 'self-signed', kept: readonly Revocations[]): FinalizerFacts['crl'] {
  // What its issuer signed last cannot be listed while something is wrong with it, whoever else keeps a CRL.
  if (state !== 'self-signed' && state.kind === 'refused' && !GONE.has(state.refusal.reason)) return { state: 'Unusable', message: state.refusal.message };
  const [first] = kept;
  if (first === undefined) return { state: state !== 'self-signed' && state.kind === 'refused' ? 'Gone' : 'None' };
  const published = kept.map((each) => each.published);
  if (!published.every((each) => each !== undefined)) return { state: 'Kept', published: undefined };
  return { state: 'Kept', published: first.published && { ...first.published, entries: published.flatMap(({ entries }) => entries) } };
}

function isNamespaceGoing({ context, namespace }: CertificateRun): boolean {
  return context.caches.namespaces.get(namespace)?.metadata.deletionTimestamp !== undefined;
}

async function patchFinalizers({ context, certificate: { metadata }, namespace, signal }: CertificateRun, change: 'add' | 'remove'): Promise<CertificateRun> {
  const others = (metadata.finalizers ?? []).filter((each) => each !== FINALIZER);
  const finalizers = change === 'add' ? [...others, FINALIZER] : others;
  const patch = { metadata: { resourceVersion: metadata.resourceVersion, finalizers } };
  const patched = await context.client.mergePatch<TenantCertificate>(resources.TenantCertificate, { namespace, name: metadata.name }, patch, { signal });
  // The last finalizer of a deleted object takes it away; its deletion is on the watch.
  if (patched.metadata.deletionTimestamp === undefined || finalizers.length > 0) context.caches.certificates.observe(patched);
  return startRun(context, patched, signal);
}

function announce({ context, certificate }: CertificateRun, { reason, message }: { readonly reason: 'Revoked' | 'NotRevoked'; readonly message: string }): void {
  context.log.info({ ...identify(certificate), reason, detail: message }, 'deletion released');
  context.recordEvent(certificate, { type: reason === 'Revoked' ? 'Normal' : 'Warning', reason, message });
}
