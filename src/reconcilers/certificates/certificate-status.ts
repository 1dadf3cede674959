// The status of a TenantCertificate as it follows from what a reconcile found out. Pure; one patch carries all of it.
import { isDeepStrictEqual } from 'node:util';
import { CONDITION, OBSERVED_CONDITIONS, setCondition } from '../../api/conditions.ts';
import type { Condition, IssueReason, Refusal } from '../../api/conditions.ts';
import { OWN_ANNOTATION } from '../../api/names.ts';
import type { TenantCertificate, TenantCertificateStatus } from '../../api/tenant-certificate.ts';
import { parseInstant, writeInstant } from '../../issuance/instant.ts';
import type { RecentIssue } from '../../issuance/loop-breaker.ts';
import type { OwnedSecret } from '../owned-secret.ts';

export interface Findings {
  readonly secretName: string;
  /** The Secret as it is now, when there is one of ours. */
  readonly secret?: OwnedSecret;
  readonly renewAt?: Date;
  /** Present: the object is not Ready. */
  readonly refusal?: Refusal;
  /** Present: a certificate was issued just now. */
  readonly recentIssues?: readonly RecentIssue[];
  /** Present: an attempt has just failed. */
  readonly failed?: true;
  /** Present: a certificate is due, and could not be issued yet. */
  readonly due?: { readonly reason: IssueReason; readonly message: string };
  /** Present: it is due and has to wait; without `refusal`, what is stored serves meanwhile. */
  readonly suspended?: Refusal;
  /** When it is worth trying again. */
  readonly retryAt?: Date;
  /** What is unusual though all is well. */
  readonly notices: readonly Omit<Condition, 'lastTransitionTime' | 'observedGeneration'>[];
}

type Issued = NonNullable<TenantCertificateStatus['issued']>;

/** The bound of the schema. With so many unexpired ones nothing more is issued: a serial that is forgotten could not be revoked. */
export const MAX_ISSUED = 512;

/** `agreedNow`: a clock that is ahead must not make certificates be forgotten that could then not be revoked. */
export function certificateStatus(certificate: TenantCertificate, findings: Findings, now: Date, agreedNow = now): TenantCertificateStatus {
  const before = certificate.status ?? {};
  const generation = certificate.metadata.generation ?? 0;
  return {
    ...(before.pods === undefined ? {} : { pods: before.pods }),
    ...attempts(before, findings, now),
    ...describeSecret(before, findings, agreedNow),
    observedGeneration: generation,
    secretName: findings.secretName,
    issuer: certificate.spec.issuer.kind === 'SelfSigned' ? 'SelfSigned' : `${certificate.spec.issuer.kind}/${certificate.spec.issuer.name ?? ''}`,
    conditions: conditions(before.conditions ?? [], findings, generation, now),
  };
}

function describeSecret(before: TenantCertificateStatus, { secret, renewAt, recentIssues }: Findings, now: Date): TenantCertificateStatus {
  const current = secret === undefined ? undefined : describeCertificate(secret);
  // What is merely found is believed only by `rememberIssued`.
  const issued = recentIssues === undefined || secret === undefined ? unexpired(before, now) : withIssued(before, secret, now);
  return defined({
    ...current,
    // Counted on when the Secret comes back, whatever stands in it.
    revision: counted(before.revision, current?.revision),
    renewalTime: current && renewAt && writeInstant(renewAt),
    issued: issued.length === 0 ? undefined : issued,
    recentIssues: recentIssues === undefined ? before.recentIssues : [...recentIssues],
  });
}

function counted(before: number | undefined, now: number | undefined): number | undefined {
  return before === undefined || now === undefined ? now ?? before : Math.max(before, now);
}

function unexpired({ issued = [] }: TenantCertificateStatus, now: Date): Issued {
  return issued.filter(({ notAfter }) => (parseInstant(notAfter) ?? now) > now);
}

/** Every unexpired certificate of the object, and the one in the Secret, if it is ours. */
export function withIssued(status: TenantCertificateStatus, secret: OwnedSecret, now: Date): Issued {
  const known = unexpired(status, now);
  const current = describeCertificate(secret);
  if (current === undefined) return known;
  const { serialNumber, notAfter, issuerSHA256, certificateSHA256 } = current;
  return known.some((each) => each.serialNumber === serialNumber && each.issuerSHA256 === issuerSHA256) ? known : [...known, { serialNumber, notAfter, issuerSHA256, certificateSHA256 }];
}

/** Of one that we put there; anything else is not a certificate of this object, whatever the Secret says. */
function describeCertificate({ stored, serialNumber = '', certificateSHA256 = '', ...secret }: OwnedSecret) {
  if (stored.state !== 'Read' || !stored.keyMatches || stored.issuerSHA256 === undefined) return undefined;
  const { notBefore, notAfter, issuerSHA256 } = stored;
  return { serialNumber, certificateSHA256, issuerSHA256, notBefore: writeInstant(notBefore), notAfter: writeInstant(notAfter), revision: revisionOf(secret) };
}

type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> };

/** Without the fields that are not there: in a merge patch they would be said to be gone. */
function defined<T extends object>(record: T): Defined<T> {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as Defined<T>;
}

/** The bound of the schema. */
const MAX_REVISION = 2_147_483_647;

export function revisionOf(secret: Pick<OwnedSecret, 'metadata'> | undefined): number {
  const revision = Number(secret?.metadata.annotations?.[OWN_ANNOTATION.revision] ?? '0');
  return Number.isSafeInteger(revision) && revision >= 0 && revision <= MAX_REVISION ? revision : 0;
}

function attempts(before: TenantCertificateStatus, { failed, recentIssues, refusal, suspended = refusal }: Findings, now: Date): TenantCertificateStatus {
  if (failed) return { failedIssuanceAttempts: (before.failedIssuanceAttempts ?? 0) + 1, lastFailureTime: writeInstant(now) };
  if (recentIssues !== undefined || suspended === undefined || before.failedIssuanceAttempts === undefined) return {};
  return { failedIssuanceAttempts: before.failedIssuanceAttempts, ...(before.lastFailureTime === undefined ? {} : { lastFailureTime: before.lastFailureTime }) };
}

/** Set by the pods' observer and by the audit of pods. */
const LATCHED: ReadonlySet<string> = new Set([...OBSERVED_CONDITIONS, CONDITION.podsMissed]);

/** Conditions of others stay; ours are told anew each time. */
function conditions(before: readonly Condition[], findings: Findings, generation: number, now: Date): Condition[] {
  const said = [ready(findings), issuing(findings), ...suspension(findings), ...findings.notices];
  const mine = new Set(said.map(({ type }) => type));
  return said.reduce<Condition[]>(
    (list, each) => setCondition(list, { ...each, observedGeneration: generation }, now),
    before.filter(({ type }) => LATCHED.has(type) || mine.has(type)),
  );
}

type Said = Findings['notices'][number];

function ready({ refusal, secret }: Findings): Said {
  const type = CONDITION.ready;
  if (refusal !== undefined) return { type, status: 'False', reason: refusal.reason, message: refusal.message };
  return { type, status: 'True', reason: 'Issued', message: `certificate ${secret?.serialNumber ?? ''} is stored in Secret ${secret?.metadata.name ?? ''}` };
}

function issuing({ refusal, due }: Findings): Said {
  const type = CONDITION.issuing;
  if (due !== undefined) return { type, status: 'True', reason: due.reason, message: due.message };
  return { type, status: 'False', reason: refusal?.reason ?? 'Issued', message: refusal === undefined ? 'no certificate is due' : 'nothing is issued while it is not Ready' };
}

/** Of a loop, the reason that came back again and again. */
function suspension({ suspended, due }: Findings): Said[] {
  if (suspended === undefined) return [];
  const type = CONDITION.issuanceSuspended;
  const { reason, message } = suspended;
  return [{ type, status: 'True', reason: reason === type ? due?.reason ?? reason : reason, message }];
}

/**
 * The merge patch that leads from one status to the other, field by field; undefined when there is nothing to say.
 * Fields that are gone become null.
 */
export function statusPatch(before: object | undefined, after: object): Record<string, unknown> | undefined {
  const old = new Map(Object.entries(before ?? {}));
  const changed = Object.entries(after).filter(([key, value]) => !isDeepStrictEqual(old.get(key), value));
  const gone = [...old.keys()].filter((key) => !(key in after)).map((key) => [key, null] as const);
  return changed.length + gone.length === 0 ? undefined : Object.fromEntries([...changed, ...gone]);
}
