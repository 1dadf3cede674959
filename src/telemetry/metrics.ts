// Every metric of the operator, by name, with labels from closed sets, zero from the start. Names are public.
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { ISSUE_REASONS, REFUSE_REASONS } from '../api/conditions.ts';
import type { RefuseReason } from '../api/conditions.ts';

export const LOOPS = ['certificates', 'authorities', 'tenants', 'pods'] as const;
export type Loop = (typeof LOOPS)[number];
export const OUTCOMES = ['success', 'requeue_after', 'retry', 'terminal'] as const;

export type Metrics = ReturnType<typeof createMetrics>;

export function createMetrics() {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const issued = new Counter({ name: 'tenant_mtls_certificates_issued_total', help: 'Certificates issued, by reason.', labelNames: ['reason'], registers });
  const refused = new Counter({ name: 'tenant_mtls_certificates_refused_total', help: 'New refusals of TenantCertificates, by reason.', labelNames: ['reason'], registers });
  const reconciles = new Counter({ name: 'tenant_mtls_reconciles_total', help: 'Runs of a control loop, by outcome.', labelNames: ['loop', 'outcome'], registers });
  const seconds = new Histogram({ name: 'tenant_mtls_reconcile_seconds', help: 'Duration of a run.', labelNames: ['loop'], buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10], registers });
  const depth = new Gauge({ name: 'tenant_mtls_queue_depth', help: 'Keys that wait for a worker.', labelNames: ['loop'], registers });
  const leader = new Gauge({ name: 'tenant_mtls_leader', help: '1 on the replica that writes.', registers });
  const cached = new Gauge({ name: 'tenant_mtls_cached_objects', help: 'Objects in memory, by kind.', labelNames: ['kind'], registers });
  const reviews = new Counter({ name: 'tenant_mtls_admission_reviews_total', help: 'Admission reviews, by kind and outcome.', labelNames: ['kind', 'outcome'], registers });
  const findings = new Counter({ name: 'tenant_mtls_injection_findings_total', help: 'Why pods were not injected, by reason.', labelNames: ['reason'], registers });
  const reviewSeconds = new Histogram({ name: 'tenant_mtls_admission_seconds', help: 'Duration of a review.', buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1], registers });
  const rejected = new Counter({ name: 'tenant_mtls_admission_rejected_requests_total', help: 'Requests to the webhook that were no reviews, by status.', labelNames: ['status'], registers });
  const selfTest = new Gauge({ name: 'tenant_mtls_webhook_self_test', help: '1 when the last dry-run pod was injected through the API server.', registers });

  for (const reason of ISSUE_REASONS) issued.inc({ reason }, 0);
  for (const reason of REFUSE_REASONS) refused.inc({ reason }, 0);
  for (const loop of LOOPS) for (const outcome of OUTCOMES) reconciles.inc({ loop, outcome }, 0);

  return {
    registry, missed: missedGauge(registry),
    issued: (reason: string) => issued.inc({ reason }),
    refused: (reason: RefuseReason) => refused.inc({ reason }),
    crlEnds: instantGauge(registers, 'tenant_mtls_crl_earliest_end_timestamp_seconds', 'End of the CRL that ends first, of all that are kept; 0 when there is none.'),
    reconciled: (loop: Loop, outcome: string, durationMs: number) => {
      reconciles.inc({ loop, outcome });
      seconds.observe({ loop }, durationMs / 1000);
    },
    queueDepth: (loop: Loop, value: number) => depth.set({ loop }, value),
    leading: (isLeader: boolean) => leader.set(isLeader ? 1 : 0),
    cachedObjects: (kind: string, count: number) => cached.set({ kind }, count),
    reviewed: (review: { readonly kind: string; readonly outcome: string; readonly reasons: readonly string[]; readonly seconds: number }) => {
      reviews.inc({ kind: review.kind, outcome: review.outcome });
      reviewSeconds.observe(review.seconds);
      for (const reason of review.reasons) findings.inc({ reason });
    },
    requestRejected: (status: number) => rejected.inc({ status: String(status) }),
    selfTested: (passed: boolean) => selfTest.set(passed ? 1 : 0),
  };
}

/** Zero from the first audit on. */
function missedGauge(registry: Registry) {
  const gauge = new Gauge({
    name: 'tenant_mtls_missed_workloads',
    help: 'Pods and workloads that ask for a sidecar and have none, or not the one of today, by kind and reason.',
    labelNames: ['kind', 'reason'],
    registers: [registry],
  });
  return (kind: string, reason: string, count: number) => gauge.set({ kind, reason }, count);
}

function instantGauge(registers: Registry[], name: string, help: string): (instant: Date | undefined) => void {
  const gauge = new Gauge({ name, help, registers });
  return (instant) => gauge.set((instant?.getTime() ?? 0) / 1000);
}
