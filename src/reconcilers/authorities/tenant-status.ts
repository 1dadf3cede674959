// The status of a Tenant as it follows from what a reconcile found out. Pure.
import { CONDITION, setCondition } from '../../api/conditions.ts';
import type { Condition, Refusal } from '../../api/conditions.ts';
import type { Tenant, TenantStatus } from '../../api/tenant.ts';
import type { TenantCertificate } from '../../api/tenant-certificate.ts';
import { writeInstant } from '../../issuance/instant.ts';
import type { Collision } from '../../policy/name-collisions.ts';
import { unusablePatterns } from '../../policy/usable-patterns.ts';
import type { Notice } from './authority.ts';
import type { BroughtUp } from './bring-up-authority.ts';

export interface TenantFindings {
  /** Those that it issues for. */
  readonly certificates: readonly TenantCertificate[];
  readonly collisions: readonly Collision[];
  /** Absent: nothing can be issued; `refusal` says why. */
  readonly broughtUp?: BroughtUp;
  readonly refusal?: Refusal;
  /** What stands in the way of a successor, though the authority still signs. */
  readonly notice?: Refusal;
  /** What of `spec.revoked` revokes nothing. */
  readonly unmatched?: readonly string[];
}

export function tenantStatus(tenant: Tenant, findings: TenantFindings, now: Date): TenantStatus {
  const { broughtUp, certificates } = findings;
  return {
    ...(broughtUp === undefined ? describedBefore(tenant) : describeAuthority(broughtUp)),
    observedGeneration: tenant.metadata.generation ?? 0,
    certificates: { total: certificates.length, ready: certificates.filter(isReady).length },
    pods: sumPods(certificates),
    conditions: conditions(tenant, findings, now),
  };
}

function describeAuthority({ authority: { anchor, crls, issuer }, rotation: { state } }: BroughtUp): TenantStatus {
  const crl = crls.find(({ issuerSHA256 }) => issuerSHA256 === issuer.sha256);
  return {
    anchor: anchor.pem,
    certificateSHA256: issuer.sha256,
    notAfter: writeInstant(issuer.notAfter),
    ...(crl === undefined ? {} : { crl: { number: crl.number, nextUpdate: writeInstant(crl.nextUpdate) } }),
    rotation: { phase: state.phase, since: writeInstant(state.since) },
  };
}

/** Refused for a moment, it is the same authority: whoever reads its anchor here still needs it. */
function describedBefore({ status: { anchor, certificateSHA256, notAfter, crl, rotation } = {} }: Tenant): TenantStatus {
  return Object.fromEntries(Object.entries({ anchor, certificateSHA256, notAfter, crl, rotation }).filter(([, value]) => value !== undefined));
}

function isReady({ status }: TenantCertificate): boolean {
  return status?.conditions?.some(({ type, status: value }) => type === CONDITION.ready && value === 'True') ?? false;
}

function sumPods(certificates: readonly TenantCertificate[]): NonNullable<TenantStatus['pods']> {
  const counts = certificates.flatMap(({ status }) => status?.pods ?? []);
  const total = counts.reduce((sum, pods) => sum + pods.total, 0);
  const current = counts.reduce((sum, pods) => sum + pods.current, 0);
  const [oldest] = counts.flatMap(({ oldestPendingSince }) => oldestPendingSince ?? []).sort();
  return { total, current, summary: `${current}/${total}`, ...(oldest === undefined ? {} : { oldestPendingSince: oldest }) };
}

function conditions({ metadata, spec, status }: Tenant, findings: TenantFindings, now: Date): Condition[] {
  const said = [ready(findings), inUse(findings.certificates.length, metadata.deletionTimestamp !== undefined), ...collision(findings.collisions), ...ignored(unusablePatterns(spec.allow)), ...unmatched(findings.unmatched ?? []), ...(findings.broughtUp?.authority.notices ?? [])];
  const mine = new Set(said.map(({ type }) => type));
  return said.reduce<Condition[]>(
    (list, each) => setCondition(list, { ...each, observedGeneration: metadata.generation ?? 0 }, now),
    (status?.conditions ?? []).filter(({ type }) => mine.has(type)),
  );
}

function ready({ broughtUp, refusal, notice }: TenantFindings): Notice {
  const type = CONDITION.ready;
  if (broughtUp === undefined) return { type, status: 'False', reason: refusal?.reason ?? 'TenantNotReady', message: refusal?.message ?? 'the authority is not ready yet' };
  const { authority: { issuer, waiting }, rotation: { progress, behind } } = broughtUp;
  if (waiting !== undefined) return { type, status: 'False', reason: 'IssuerBeingReplaced', message: waiting };
  const more = notice === undefined ? '' : `; no successor can be made: ${notice.message}`;
  if (progress === undefined) return { type, status: 'True', reason: 'Issued', message: `authority ${issuer.sha256.slice(0, 16)} signs, until ${writeInstant(issuer.notAfter)}${more}` };
  return { type, status: 'True', reason: 'IssuerBeingReplaced', message: `${progress}${nameSome(behind)}${more}` };
}

const SHOWN = 3;

function nameSome(keys: readonly string[]): string {
  if (keys.length === 0) return '';
  const more = keys.length > SHOWN ? ` and ${keys.length - SHOWN} more` : '';
  return `; still to come: ${keys.slice(0, SHOWN).join(', ')}${more}`;
}

function inUse(count: number, isDeleted: boolean): Notice {
  const type = CONDITION.inUse;
  if (count === 0) return { type, status: 'False', reason: 'NotInUse', message: 'no TenantCertificate names this Tenant' };
  const consequence = isDeleted ? ': its deletion waits for them' : '';
  return { type, status: 'True', reason: 'InUse', message: `${count} TenantCertificate${count === 1 ? ' names' : 's name'} this Tenant as issuer${consequence}` };
}

function collision(collisions: readonly Collision[]): Notice[] {
  if (collisions.length === 0) return [];
  return [{ type: CONDITION.nameCollision, status: 'True', reason: 'NameCollision', message: firstOf(collisions.map(({ message }) => message)) }];
}

function ignored(sentences: readonly string[]): Notice[] {
  return sentences.length === 0 ? [] : [{ type: CONDITION.patternsIgnored, status: 'True', reason: 'PatternMalformed', message: firstOf(sentences) }];
}

function unmatched(entries: readonly string[]): Notice[] {
  if (entries.length === 0) return [];
  return [{ type: CONDITION.revocationsUnmatched, status: 'True', reason: 'NothingRevoked', message: `no unexpired certificate is known to which these apply, and nothing is revoked by them: ${firstOf(entries)}. What ended or was deleted is known no longer` }];
}

function firstOf(sentences: readonly string[]): string {
  const more = sentences.length > SHOWN ? `; and ${sentences.length - SHOWN} more` : '';
  return `${sentences.slice(0, SHOWN).join('; ')}${more}`;
}
