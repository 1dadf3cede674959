// The review of containers that are added to a running pod. One rule: nothing is changed; what could reach the private key is refused.
import { describeReport, reasonsOf } from '../injection/describe-report.ts';
import { checkEphemeralContainers } from '../injection/ephemeral-checks.ts';
import type { Pod } from '../injection/pod.ts';
import { reportInjection } from '../injection/report.ts';
import type { AdmissionRequest, Verdict } from './review.ts';

export function judgeDebugging({ namespace, object, oldObject }: AdmissionRequest): Verdict {
  const pod: Pod = object ?? {};
  const reasons = checkEphemeralContainers(pod, oldObject ?? {});
  if (reasons.length === 0) return { outcome: 'unchanged', reasons: [], allowed: true };
  const report = reportInjection(pod, namespace, { outcome: 'refuse', reasons });
  return { outcome: 'refused', reasons: reasonsOf(report), report, allowed: false, code: 403, message: `tenant-mtls: ${describeReport(report)}` };
}
