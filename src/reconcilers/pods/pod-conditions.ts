// What is said about a TenantCertificate's pods: sentences that change only when the facts do, since each change is a write.
import { CONDITION } from '../../api/conditions.ts';
import type { Condition } from '../../api/conditions.ts';
import type { TenantCertificateStatus } from '../../api/tenant-certificate.ts';
import { instant, writeInstant } from '../../issuance/instant.ts';
import type { Convergence, PodRecord } from './pod-convergence.ts';

export type Said = Omit<Condition, 'lastTransitionTime' | 'observedGeneration'>;
type PodCounts = NonNullable<TenantCertificateStatus['pods']>;

const MOST_NAMED = 3;

export function countPods({ total, current, pending }: Convergence): PodCounts {
  const since = pending[0]?.pendingSince;
  return { total, current, summary: `${current}/${total}`, ...(since === undefined ? {} : { oldestPendingSince: writeInstant(instant(since)) }) };
}

/** `expected` undefined: nothing has been written yet that they could load. */
export function convergedCondition({ total, pending }: Convergence, expected: string | undefined): Said {
  const type = CONDITION.converged;
  if (total === 0) return { type, status: 'True', reason: 'NoPods', message: 'no pod runs a sidecar for this certificate' };
  if (expected === undefined) return { type, status: 'False', reason: 'PodsPending', message: `nothing has been written yet for the sidecars (${total}) to load` };
  if (pending.length === 0) return { type, status: 'True', reason: 'AllPodsCurrent', message: `all sidecars (${total}) have loaded the current files` };
  const named = pending.slice(0, MOST_NAMED).map(describePending).join('; ');
  const others = pending.length > MOST_NAMED ? `; and ${pending.length - MOST_NAMED} more` : '';
  return { type, status: 'False', reason: 'PodsPending', message: `the current files are not loaded yet by ${pending.length} of ${total} sidecars: ${named}${others}` };
}

function describePending(record: PodRecord): string {
  return `${record.name} (since ${writeInstant(instant(record.pendingSince ?? 0))}: ${because(record)})`;
}

function because({ answer }: PodRecord): string {
  if (answer === undefined) return 'it has not been asked yet';
  if (answer.kind !== 'report') return answer.because;
  const { pendingBecause } = answer.report;
  return pendingBecause === undefined ? 'it still has earlier files' : `the sidecar says ${pendingBecause}`;
}

/** Ports that anybody can reach without TLS; undefined when there are none. `others`: what is said of the NetworkPolicy. */
export function plaintextCondition(records: readonly PodRecord[], others: readonly Said[]): Said | undefined {
  const open = records.filter((record) => plaintextPorts(record).length > 0);
  const [example] = open;
  if (example === undefined) return undefined;
  const ports = [...new Set(open.flatMap(plaintextPorts))].sort((a, b) => a - b);
  const fact = `${nameOfPorts(ports)} in ${open.length} of ${records.length} pods (such as ${example.name}) ${ports.length === 1 ? 'answers' : 'answer'} on the pod's own address`;
  const type = CONDITION.plaintextReachable;
  if (isClosed(others)) return { type, status: 'False', reason: 'ClosedByNetworkPolicy', message: `${fact}; the NetworkPolicy closes the way there, if the cluster's network enforces it` };
  return { type, status: 'True', reason: 'PortAnswers', message: `${fact}, so anybody can walk around the TLS. ${REMEDIES}` };
}

/** A NetworkPolicy stands before the upstream ports. */
export function isClosed(said: readonly Said[]): boolean {
  return said.some(({ type, status }) => type === CONDITION.networkPolicyReady && status === 'True');
}

const REMEDIES = 'Let the app listen on 127.0.0.1 only, or set spec.networkPolicy: Managed';

/** The Event on the pod itself. */
export function plaintextNote(record: PodRecord): { type: 'Warning'; reason: string; message: string } | undefined {
  const ports = plaintextPorts(record);
  if (ports.length === 0) return undefined;
  return { type: 'Warning', reason: CONDITION.plaintextReachable, message: `${nameOfPorts(ports)} can be reached without TLS on the pod's own address. ${REMEDIES} on the TenantCertificate` };
}

export function plaintextPorts({ answer }: PodRecord): readonly number[] {
  return answer?.kind === 'report' ? answer.report.plaintextReachable : [];
}

function nameOfPorts(ports: readonly number[]): string {
  return `${ports.length === 1 ? 'port' : 'ports'} ${ports.join(', ')}`;
}
