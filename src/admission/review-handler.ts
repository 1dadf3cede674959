// One review from request to answer, with its log line and its metric. One rule: a throw is an answer too, with the uid.
import { describeError } from '../errors.ts';
import type { Logger } from '../kube/logger.ts';
import { answerReview } from './review.ts';
import type { AdmissionRequest, AdmissionReviewAnswer, Verdict } from './review.ts';

/** What to answer; synchronous wherever everything needed is in a cache. */
export type Mutate = (request: AdmissionRequest) => Verdict | Promise<Verdict>;

/** What may become a label: anybody who reaches the port can send a review of any kind, and a label is kept for ever. */
const KINDS = new Set(['Pod', 'Deployment', 'StatefulSet', 'DaemonSet', 'CronJob', 'Job']);

export interface AdmissionMetrics {
  /** `kind` and `reasons` are from closed sets. */
  reviewed(review: { readonly kind: string; readonly outcome: Verdict['outcome']; readonly reasons: readonly string[]; readonly seconds: number }): void;
  /** A request that was no review, by HTTP status. */
  requestRejected(status: number): void;
}

export interface ReviewHandling {
  readonly mutate: Mutate;
  readonly log: Logger;
  readonly metrics: AdmissionMetrics;
}

export async function handleReview(handling: ReviewHandling, request: AdmissionRequest): Promise<AdmissionReviewAnswer> {
  const startedAt = performance.now();
  const verdict = await decide(handling, request);
  const { outcome, reasons } = verdict;
  const kind = KINDS.has(request.kind.kind) ? request.kind.kind : 'Other';
  handling.metrics.reviewed({ kind, outcome, reasons, seconds: (performance.now() - startedAt) / 1000 });
  logVerdict(handling.log, request, verdict);
  return answerReview(request.uid, verdict);
}

async function decide({ mutate, log }: ReviewHandling, request: AdmissionRequest): Promise<Verdict> {
  try {
    return await mutate(request);
  } catch (error) {
    log.error({ ...identify(request), error: describeError(error) }, 'admission review failed');
    const message = 'tenant-mtls could not decide about this object because of an internal error; its log tells more. Try again.';
    return { outcome: 'failed', reasons: ['InternalError'], allowed: false, code: 500, message };
  }
}

/** Unchanged objects are the many; they would drown the rest. */
function logVerdict(log: Logger, request: AdmissionRequest, { outcome, reasons, report }: Verdict): void {
  const fields = { ...identify(request), outcome, reasons, certificate: report?.certificate, engine: report?.engine, owner: report?.owner?.name };
  if (outcome === 'unchanged') log.debug(fields, 'admission reviewed');
  else log.info(fields, 'admission reviewed');
}

function identify(request: AdmissionRequest): object {
  const { uid, kind, operation, namespace, name, dryRun, object } = request;
  const shownName = name === '' ? (object?.metadata?.generateName ?? '') : name;
  return { uid, kind: kind.kind, operation, namespace, name: shownName, dryRun };
}
