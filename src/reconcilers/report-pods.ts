// The status patch that says how far the pods have got; undefined when it says so already. Pure. One rule: conditions of others are
// handed on as they are, so the patch must be guarded by the resourceVersion it was made from.
import { isDeepStrictEqual } from 'node:util';
import { OBSERVED_CONDITIONS, setCondition } from '../api/conditions.ts';
import type { TenantCertificate, TenantCertificateStatus } from '../api/tenant-certificate.ts';
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
  const types = new Set(said.map(({ type }) => type));
  const conditions = said.reduce(
    (list, each) => setCondition(list, { ...each, observedGeneration: metadata.generation ?? 0 }, now),
    before.filter(({ type }) => !OBSERVED_CONDITIONS.has(type) || types.has(type)),
  );
  if (isDeepStrictEqual(status.pods, pods) && isDeepStrictEqual(before, conditions)) return undefined;
  // A merge patch keeps what it does not mention.
  return { pods: { ...pods, oldestPendingSince: pods.oldestPendingSince ?? null }, conditions };
}
