// What the sidecar asks for and may use: small defaults, each of the four overridable by annotation.
//
//   the pod has …                          requests            limits
//   resources of its own (KEP-2837)        as annotated only   as annotated only: the containers share the pod's budget
//   class Guaranteed (all requests=limits) equal to the limits cpu and memory, so that the pod keeps its class
//   anything else                          cpu and memory      memory only: a CPU limit throttles handshakes
import type { Engine } from '../api/tenant-certificate.ts';
import { ANNOTATION } from '../api/names.ts';
import { foreignContainers } from './own-parts.ts';
import type { Container, Pod, Resources } from './pod.ts';
import { parseQuantity } from './quantity.ts';
import { finding, quote } from './reasons.ts';
import type { Finding } from './reasons.ts';
import type { Settings } from './settings.ts';

const DEFAULTS = {
  nginx: { cpuRequest: '10m', memoryRequest: '32Mi', memoryLimit: '128Mi', guaranteedCpu: '100m' },
  node: { cpuRequest: '20m', memoryRequest: '96Mi', memoryLimit: '256Mi', guaranteedCpu: '200m' },
} as const;

export function sidecarResources(pod: Pod, engine: Engine, settings: Settings): Resources {
  if (pod.spec?.resources !== undefined && pod.spec.resources !== null) return asAnnotated(settings);
  return isGuaranteed(pod) ? guaranteed(engine, settings) : burstable(engine, settings);
}

/** A request above its limit would be refused by the API server with a message about a container the user does not know. */
export function checkResources({ cpuRequest, cpuLimit, memoryRequest, memoryLimit }: Settings): Finding<'InvalidAnnotation'>[] {
  const pairs = [
    { request: cpuRequest, limit: cpuLimit, requestKey: ANNOTATION.cpuRequest, limitKey: ANNOTATION.cpuLimit },
    { request: memoryRequest, limit: memoryLimit, requestKey: ANNOTATION.memoryRequest, limitKey: ANNOTATION.memoryLimit },
  ];
  return pairs.flatMap(({ request, limit, requestKey, limitKey }) =>
    request === undefined || limit === undefined || amount(request) <= amount(limit)
      ? []
      : [finding('InvalidAnnotation', `the annotation ${requestKey} is ${quote(request)}, more than ${limitKey}, which is ${quote(limit)}`)],
  );
}

function asAnnotated({ cpuRequest, memoryRequest, cpuLimit, memoryLimit }: Settings): Resources {
  return compact({ cpu: cpuRequest, memory: memoryRequest }, { cpu: cpuLimit, memory: memoryLimit });
}

function guaranteed(engine: Engine, { cpuRequest, cpuLimit, memoryRequest, memoryLimit }: Settings): Resources {
  const defaults = DEFAULTS[engine];
  const both = { cpu: cpuLimit ?? cpuRequest ?? defaults.guaranteedCpu, memory: memoryLimit ?? memoryRequest ?? defaults.memoryLimit };
  return compact(both, { ...both });
}

function burstable(engine: Engine, { cpuRequest, cpuLimit, memoryRequest, memoryLimit }: Settings): Resources {
  const defaults = DEFAULTS[engine];
  return compact(
    { cpu: cpuRequest ?? smaller(defaults.cpuRequest, cpuLimit), memory: memoryRequest ?? smaller(defaults.memoryRequest, memoryLimit) },
    { cpu: cpuLimit, memory: memoryLimit ?? larger(defaults.memoryLimit, memoryRequest) },
  );
}

type Amounts = Record<'cpu' | 'memory', string | undefined>;

function compact(requests: Amounts, limits: Amounts): Resources {
  const said = (amounts: Amounts) => Object.fromEntries(Object.entries(amounts).filter((entry): entry is [string, string] => entry[1] !== undefined));
  const parts = Object.entries({ requests: said(requests), limits: said(limits) }).filter(([, amounts]) => Object.keys(amounts).length > 0);
  return Object.fromEntries(parts);
}

function isGuaranteed(pod: Pod): boolean {
  return foreignContainers(pod).length > 0 && foreignContainers(pod).every(({ resources }) => isFixed(resources, 'cpu') && isFixed(resources, 'memory'));
}

function isFixed(resources: Container['resources'], name: 'cpu' | 'memory'): boolean {
  const limit = resources?.limits?.[name];
  const request = resources?.requests?.[name] ?? limit;
  return limit !== undefined && String(limit) === String(request);
}

function amount(text: string): number {
  return parseQuantity(text) ?? 0;
}

function smaller(fallback: string, bound: string | undefined): string {
  return bound !== undefined && amount(bound) < amount(fallback) ? bound : fallback;
}

function larger(fallback: string, bound: string | undefined): string {
  return bound !== undefined && amount(bound) > amount(fallback) ? bound : fallback;
}
