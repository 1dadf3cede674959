// The status of a TenantCertificate as it follows from what a reconcile found out. Pure; one patch carries all of it.
import { isDeepStrictEqual } from 'node:util';
import { CONDITION, setCondition } from '../api/conditions.ts';
import type { Condition, Refusal } from '../api/conditions.ts';
import { OWN_ANNOTATION } from '../api/names.ts';
import type { TenantCertificate, TenantCertificateStatus } from '../api/tenant-certificate.ts';
import { parseInstant, writeInstant } from '../issuance/instant.ts';
import type { OwnedSecret } from './owned-secret.ts';

export interface Findings {
  readonly secretName: string;
  /** The Secret as it is now, when there is one of ours. */
  readonly secret?: OwnedSecret;
  readonly renewAt?: Date;
  /** Present: the object is not Ready. */
  readonly refusal?: Refusal;
  /** Present: a certificate was issued just now, for this reason. */
  readonly issuedFor?: string;
  /** Present: an attempt has just failed. */
  readonly failed?: true;
  /** What is unusual though all is well. */
  readonly notices: readonly Omit<Condition, 'lastTransitionTime' | 'observedGeneration'>[];
}

type Issued = NonNullable<TenantCertificateStatus['issued']>;

/** Beyond this many the oldest are dropped from the list; the bound of the schema. */
const MAX_ISSUED = 512;

export function certificateStatus(certificate: TenantCertificate, findings: Findings, now: Date): TenantCertificateStatus {
  const before = certificate.status ?? {};
  const generation = certificate.metadata.generation ?? 0;
  return {
    ...(before.pods === undefined ? {} : { pods: before.pods }),
    ...attempts(before, findings, now),
    ...describeSecret(before, findings, now),
    observedGeneration: generation,
    secretName: findings.secretName,
    issuer: certificate.spec.issuer.kind === 'SelfSigned' ? 'SelfSigned' : `${certificate.spec.issuer.kind}/${certificate.spec.issuer.name ?? ''}`,
    conditions: conditions(before.conditions ?? [], findings, generation, now),
  };
}

function describeSecret(before: TenantCertificateStatus, { secret, renewAt, issuedFor }: Findings, now: Date): TenantCertificateStatus {
  const kept = before.issued?.filter(({ notAfter }) => (parseInstant(notAfter) ?? now) > now) ?? [];
  if (secret?.stored.state !== 'Read' || secret.serialNumber === undefined || secret.certificateSHA256 === undefined) {
    return kept.length === 0 ? {} : { issued: kept };
  }
  const { notBefore, notAfter, issuerSHA256 } = secret.stored;
  const issuer = issuerSHA256 ?? secret.metadata.annotations?.[OWN_ANNOTATION.issuerHash] ?? '';
  const reason = issuedFor ?? before.lastIssueReason;
  return {
    serialNumber: secret.serialNumber,
    certificateSHA256: secret.certificateSHA256,
    ...(issuer === '' ? {} : { issuerSHA256: issuer }),
    notBefore: writeInstant(notBefore),
    notAfter: writeInstant(notAfter),
    ...(renewAt === undefined ? {} : { renewalTime: writeInstant(renewAt) }),
    revision: revisionOf(secret),
    issued: withSerial(kept, { serialNumber: secret.serialNumber, notAfter: writeInstant(notAfter), issuerSHA256: issuer }),
    ...(reason === undefined ? {} : { lastIssueReason: reason }),
  };
}

export function revisionOf(secret: OwnedSecret | undefined): number {
  const revision = Number(secret?.metadata.annotations?.[OWN_ANNOTATION.revision] ?? '0');
  return Number.isSafeInteger(revision) && revision >= 0 ? revision : 0;
}

function withSerial(issued: Issued, serial: Issued[number]): Issued {
  if (serial.issuerSHA256 === '' || issued.some(({ serialNumber, issuerSHA256 }) => serialNumber === serial.serialNumber && issuerSHA256 === serial.issuerSHA256)) return issued;
  return [...issued, serial].slice(-MAX_ISSUED);
}

function attempts(before: TenantCertificateStatus, { failed, issuedFor, refusal }: Findings, now: Date): TenantCertificateStatus {
  if (failed) return { failedIssuanceAttempts: (before.failedIssuanceAttempts ?? 0) + 1, lastFailureTime: writeInstant(now) };
  if (issuedFor !== undefined || refusal === undefined || before.failedIssuanceAttempts === undefined) return {};
  return { failedIssuanceAttempts: before.failedIssuanceAttempts, ...(before.lastFailureTime === undefined ? {} : { lastFailureTime: before.lastFailureTime }) };
}

const LATCHED: ReadonlySet<string> = new Set([CONDITION.converged, CONDITION.plaintextReachable]);

/** Conditions of others (set by the pods' observer) stay; ours are told anew each time. */
function conditions(before: readonly Condition[], { refusal, secret, notices }: Findings, generation: number, now: Date): Condition[] {
  const ready = refusal === undefined
    ? { type: CONDITION.ready, status: 'True' as const, reason: 'Issued', message: `certificate ${secret?.serialNumber ?? ''} is stored in Secret ${secret?.metadata.name ?? ''}` }
    : { type: CONDITION.ready, status: 'False' as const, reason: refusal.reason, message: refusal.message };
  const said = [ready, ...notices];
  const mine = new Set(said.map(({ type }) => type));
  return said.reduce<Condition[]>(
    (list, each) => setCondition(list, { ...each, observedGeneration: generation }, now),
    before.filter(({ type }) => LATCHED.has(type) || mine.has(type)),
  );
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
