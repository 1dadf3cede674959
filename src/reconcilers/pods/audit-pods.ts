// Looks every ten minutes for what the webhook has missed, and says so: as a metric, an Event and a condition of the certificate that
// was asked for. One rule: an Event tells of a finding once, for as long as it lasts.
import type { TenantCertificate } from '../../api/tenant-certificate.ts';
import type { Clock } from '../../controller/clock.ts';
import { describeError } from '../../errors.ts';
import type { ApiClient } from '../../kube/api-client.ts';
import { isConflict, isNotFound } from '../../kube/api-error.ts';
import type { EventNote } from '../../kube/event-series.ts';
import { keyOf } from '../../kube/object.ts';
import type { KubeObject } from '../../kube/object.ts';
import { resources } from '../../kube/resources.ts';
import { AUDITED_KINDS, missedCondition, MISSED_REASONS, missedNote } from './audit-findings.ts';
import type { AuditedKind, Missed, MissedReason } from './audit-findings.ts';
import { findMissed } from './find-missed.ts';
import type { AuditSources } from './find-missed.ts';
import { missedPatch } from './report-pods.ts';

export interface AuditOptions extends AuditSources {
  readonly client: AuditSources['client'] & Pick<ApiClient, 'patchStatus'>;
  readonly recordEvent: (object: KubeObject, note: EventNote) => void;
  readonly metrics: { missed(kind: AuditedKind, reason: MissedReason, count: number): void };
  readonly clock: Clock;
  readonly random: () => number;
}

const EVERY_MS = 10 * 60_000;
/** The first audit waits for a burst of work at the start to be over. */
const FIRST_MS = 30_000;
/** Audits until the signal is aborted. Each finding is told in one Event for as long as it lasts. */
export async function keepAuditing(options: AuditOptions, signal: AbortSignal): Promise<void> {
  const { clock, random, log } = options;
  let told: ReadonlySet<string> = new Set();
  let waitMs = FIRST_MS * (1 + random());
  for (;;) {
    await clock.sleep(waitMs, signal);
    if (signal.aborted) return;
    waitMs = EVERY_MS * (0.75 + random() / 2);
    try {
      told = await auditOnce(options, told, signal);
    } catch (error) {
      if (!signal.aborted) log.warn({ error: describeError(error) }, 'audit failed');
    }
  }
}

/** Gives back what has been told of, to be handed in again the next time. */
export async function auditOnce(options: AuditOptions, told: ReadonlySet<string>, signal: AbortSignal): Promise<ReadonlySet<string>> {
  const { metrics, recordEvent, log } = options;
  const found = await findMissed(options, signal);
  for (const kind of AUDITED_KINDS) for (const reason of MISSED_REASONS) metrics.missed(kind, reason, found.filter((each) => each.kind === kind && each.reason === reason).length);
  for (const each of found) if (!told.has(idOf(each)) && each.reason !== 'SidecarOutdated') recordEvent(each.object, missedNote(each));
  await reportConditions(options, found, signal);
  log.info({ missed: found.length }, 'pods and workloads audited');
  return new Set(found.map(idOf));
}

async function reportConditions({ client, caches, clock }: AuditOptions, found: readonly Missed[], signal: AbortSignal): Promise<void> {
  const byCertificate = Map.groupBy(found, ({ object, certificate }) => `${object.metadata?.namespace}/${certificate}`);
  for (const certificate of caches.certificates.values()) {
    const patch = missedPatch(certificate, missedCondition(byCertificate.get(keyOf(certificate)) ?? []), new Date(clock.now()));
    if (patch === undefined) continue;
    const { name, namespace, resourceVersion = '' } = certificate.metadata;
    try {
      caches.certificates.observe(await client.patchStatus<TenantCertificate>(resources.TenantCertificate, { namespace, name, resourceVersion }, patch, { signal }));
    } catch (error) {
      // Somebody else was faster: the next audit says it.
      if (!isConflict(error) && !isNotFound(error)) throw error;
    }
  }
}

function idOf({ object, reason }: Missed): string {
  return `${object.metadata?.uid}/${reason}`;
}
