// Compares a pod as it is with what would be decided about it now: finds pods that were missed, and sidecars of an older template.
//
//   decided now   no sidecar   sidecar, hash as now   sidecar, other hash
//   ----------------------------------------------------------------------
//   inject        Missing      Current                Outdated
//   refuse        Missing      Outdated               Outdated
//   skip          None         Unwanted               Unwanted
import { OWN_ANNOTATION } from '../api/names.ts';
import type { Injection } from './decide-injection.ts';
import { sidecarTemplateHash } from './inject-sidecar.ts';
import { findOurContainer } from './own-parts.ts';
import { annotationsOf } from './pod.ts';
import type { Pod } from './pod.ts';

export type SidecarState = 'None' | 'Missing' | 'Current' | 'Outdated' | 'Unwanted';

export function auditPod(pod: Pod, injection: Injection): SidecarState {
  const hasSidecar = findOurContainer(pod) !== undefined;
  if (injection.outcome === 'skip') return hasSidecar ? 'Unwanted' : 'None';
  if (!hasSidecar) return 'Missing';
  const isCurrent = injection.outcome === 'inject' && annotationsOf(pod)[OWN_ANNOTATION.templateHash] === sidecarTemplateHash(injection.sidecar);
  return isCurrent ? 'Current' : 'Outdated';
}
