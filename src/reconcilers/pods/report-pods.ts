// The status patch that says how far the pods have got; undefined when it says so already. Pure. One rule: conditions of others are
// handed on as they are, so the patch must be guarded by the resourceVersion it was made from.
import { isDeepStrictEqual } from 'node:util';
import { CONDITION, OBSERVED_CONDITIONS, setCondition } from '../../api/conditions.ts';
import type { Condition } from '../../api/conditions.ts';
import type { TenantCertificate, TenantCertificateStatus } from '../../api/tenant-certificate.ts';
import type { Said } from './pod-conditions.ts';

export interface PodFindings {
  readonly pods: NonNullable<TenantCertificateStatus['pods']>;
  /** What is said now; a condition of ours that is missing here is taken away. */
  readonly said: readonly Said[];
}

export function podsPatch({ metadata, status = {} }: TenantCertificate, { pods, said }: PodFindings, now: Date): Record<string, unknown> | undefined {
  // Most certificates never have a pod: nothing is written about those.
  if (status.pods === undefined && pods.total === 0 && said.every(({ reason }) => reason === 'NoPods')) return undefined;
  const { conditions: before = [] } = status;
  const conditions = replaceConditions(before, { types: OBSERVED_CONDITIONS, said, generation: metadata.generation ?? 0 }, now);
  if (isDeepStrictEqual(status.pods, pods) && isDeepStrictEqual(before, conditions)) return undefined;
  // A merge patch keeps what it does not mention.
  return { pods: { ...pods, oldestPendingSince: pods.oldestPendingSince ?? null }, conditions };
}

/** What an audit says of the certificate; undefined when its status says so already. */
export function missedPatch({ metadata, status = {} }: TenantCertificate, said: Said | undefined, now: Date): Record<string, unknown> | undefined {
  const { conditions: before = [] } = status;
  const conditions = replaceConditions(before, { types: new Set([CONDITION.podsMissed]), said: said === undefined ? [] : [said], generation: metadata.generation ?? 0 }, now);
  return isDeepStrictEqual(before, conditions) ? undefined : { conditions };
}

interface Spoken {
  /** Of these types nothing is left but what is said. */
  readonly types: ReadonlySet<string>;
  readonly said: readonly Said[];
  readonly generation: number;
}

function replaceConditions(before: readonly Condition[], { types, said, generation }: Spoken, now: Date): Condition[] {
  const kept = new Set(said.map(({ type }) => type));
  return said.reduce(
    (list, each) => setCondition(list, { ...each, observedGeneration: generation }, now),
    before.filter(({ type }) => !types.has(type) || kept.has(type)),
  );
}
