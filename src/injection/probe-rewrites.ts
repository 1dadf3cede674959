// Plans which probes and hooks go through the sidecar's status port, for an app that listens on loopback only.
// Whatever a probe says ends in the sidecar's configuration, so anything outside the safe characters refuses the pod.
import { SIDECAR_ENV } from '../api/names.ts';
import { PROBE_ROLES, SAFE_HEADER_NAME, SAFE_HEADER_VALUE, SAFE_HOST, SAFE_SERVICE, SAFE_TARGET, findProbeToken, probePath } from '../api/probes.ts';
import type { ProbeRole, ProbeRoute } from '../api/probes.ts';
import type { Engine } from '../api/tenant-certificate.ts';
import { findOurContainer, foreignContainers } from './own-parts.ts';
import type { Container, HttpGet, Pod, Probe } from './pod.ts';
import { askedPort, portNumber } from './ports.ts';
import { probeOf } from './probe-handlers.ts';
import { finding, quote } from './reasons.ts';
import type { Finding } from './reasons.ts';

export interface ProbeRewrite {
  readonly container: string;
  readonly role: ProbeRole;
  readonly route: ProbeRoute;
}

export interface ProbePlan {
  readonly rewrites: readonly ProbeRewrite[];
  readonly findings: readonly Finding<'ProbeNotRewritable'>[];
}

export interface ProbeTerms {
  readonly engine: Engine;
  /** Hooks act on the app, so that nobody but the kubelet may be able to ask for them. */
  readonly token: string;
}

/** The token that an injected pod has. */
export function probeTokenOf(pod: Pod): string | undefined {
  const routes = findOurContainer(pod)?.env?.find(({ name }) => name === SIDECAR_ENV.probes)?.value;
  return routes === undefined ? undefined : findProbeToken(routes);
}

/** A hook has no time-out of its own: the kubelet waits as long as the pod's grace period lasts, and hangs up then. */
const LONGEST_HOOK_SECONDS = 3600;

/** Of a pod as its author wrote it: ours taken out. exec probes, and probes of another host, stay what they are. */
export function planProbeRewrites(pod: Pod, terms: ProbeTerms): ProbePlan {
  const rewrites: ProbeRewrite[] = [];
  const findings: Finding<'ProbeNotRewritable'>[] = [];
  for (const container of foreignContainers(pod)) {
    for (const role of PROBE_ROLES) {
      const planned = planRoute(container, role, terms);
      if (typeof planned === 'string') findings.push(finding('ProbeNotRewritable', `container ${quote(container.name)}: ${role} ${planned}`));
      else if (planned !== undefined) rewrites.push({ container: container.name, role, route: planned });
    }
  }
  return { rewrites, findings };
}

/** A route; or what keeps the probe from being rewritten; or undefined where there is nothing to rewrite. */
function planRoute(container: Container, role: ProbeRole, { engine, token }: ProbeTerms): ProbeRoute | string | undefined {
  const probe = probeOf(container, role);
  const asked = askedPort(probe);
  if (probe === undefined || asked === undefined || !isForwardable(probe, role)) return undefined;
  const port = portNumber(container, asked);
  if (port === undefined) return `names the port ${quote(asked)}, which the container does not have`;
  return routeOf(probe, { path: probePath(token, container.name, role), port, timeoutSeconds: isHook(role) ? LONGEST_HOOK_SECONDS : probe.timeoutSeconds ?? 1 }, engine);
}

/** Another host is not the app. A hook's tcpSocket does nothing: the API keeps the field for compatibility only. */
function isForwardable({ httpGet, tcpSocket }: Probe, role: ProbeRole): boolean {
  return (httpGet?.host ?? tcpSocket?.host ?? '') === '' && (!isHook(role) || httpGet !== undefined);
}

function isHook(role: ProbeRole): boolean {
  return role === 'postStart' || role === 'preStop';
}

type Base = Pick<ProbeRoute, 'path' | 'port' | 'timeoutSeconds'>;

function routeOf({ httpGet, tcpSocket, grpc }: Probe, base: Base, engine: Engine): ProbeRoute | string {
  if (httpGet !== undefined) return httpRoute(base, httpGet);
  if (tcpSocket !== undefined) return { ...base, kind: 'TCP' };
  return grpcRoute(base, grpc?.service ?? '', engine);
}

function httpRoute(base: Base, httpGet: HttpGet): ProbeRoute | string {
  const target = `/${httpGet.path?.replace(/^\//, '') ?? ''}`;
  if (!SAFE_TARGET.test(target)) return `has a path that cannot be forwarded: ${quote(httpGet.path)}`;
  const given = httpGet.httpHeaders ?? [];
  const unsafe = given.find(({ name, value }) => !isSafeHeader(name, value));
  if (unsafe !== undefined) return `has a header that cannot be forwarded: ${quote(unsafe.name)}`;
  return { ...base, kind: httpGet.scheme === 'HTTPS' ? 'HTTPS' : 'HTTP', target, ...headersOf(given) };
}

function headersOf(given: NonNullable<HttpGet['httpHeaders']>): Pick<ProbeRoute, 'host' | 'headers'> {
  const headers = given.filter(({ name }) => !isHostHeader(name)).map(({ name, value }) => ({ name, value }));
  const host = given.find(({ name }) => isHostHeader(name))?.value;
  return { ...(host === undefined ? {} : { host }), ...(headers.length === 0 ? {} : { headers }) };
}

function grpcRoute(base: Base, service: string, engine: Engine): ProbeRoute | string {
  if (engine === 'nginx') return 'is a gRPC probe, which engine nginx cannot forward';
  return SAFE_SERVICE.test(service) ? { ...base, kind: 'GRPC', service } : `has a service that cannot be forwarded: ${quote(service)}`;
}

function isSafeHeader(name: string, value: string): boolean {
  return isHostHeader(name) ? SAFE_HOST.test(value) : SAFE_HEADER_NAME.test(name) && SAFE_HEADER_VALUE.test(value);
}

function isHostHeader(name: string): boolean {
  return name.toLowerCase() === 'host';
}
