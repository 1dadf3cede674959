// How a pod tells its sidecar which probes to forward to an app that listens on loopback only: the value of SIDECAR_ENV.probes.
// A route gives away the status of one exact request and nothing else.

export const PROBE_ROLES = ['livenessProbe', 'readinessProbe', 'startupProbe', 'postStart', 'preStop'] as const;

export type ProbeRole = (typeof PROBE_ROLES)[number];

export interface ProbeRoute {
  /** Where the kubelet asks, on the sidecar's status port; GET only. */
  readonly path: string;
  /**
   * What the sidecar then asks on 127.0.0.1. It answers 200 where the kubelet would see success, else 503, without body or headers of the app.
   * HTTP, HTTPS (certificate not verified): GET `target`; success is a status from 200 to 399, redirects are not followed.
   * A hook (the path says which) succeeds with any answer of the app, as the kubelet ignores its status; failing, it gets no answer at all.
   * TCP: success is an accepted connection. GRPC (node engine only): success is SERVING from grpc.health.v1.Health/Check of `service`.
   */
  readonly kind: 'HTTP' | 'HTTPS' | 'TCP' | 'GRPC';
  readonly port: number;
  readonly timeoutSeconds: number;
  /** HTTP, HTTPS: path and query, characters of SAFE_TARGET only. */
  readonly target?: string;
  /** HTTP, HTTPS: the Host header; absent: 127.0.0.1. */
  readonly host?: string;
  /** HTTP, HTTPS: further request headers. */
  readonly headers?: readonly { readonly name: string; readonly value: string }[];
  /** GRPC: the service asked for; empty: the server as a whole. */
  readonly service?: string;
}

/** What a target, a host, a header or a service may consist of: nothing that a configuration file, a shell or `$(VAR)` could read as its own. */
export const SAFE_TARGET = /^\/[A-Za-z0-9/._~%?&=+,:@!*-]{0,1023}$/;
export const SAFE_HOST = /^[A-Za-z0-9._:[\]-]{1,253}$/;
export const SAFE_HEADER_NAME = /^[A-Za-z0-9-]{1,64}$/;
export const SAFE_HEADER_VALUE = /^[A-Za-z0-9/._~%?&=+,:@!*() -]{0,256}$/;
export const SAFE_SERVICE = /^[A-Za-z0-9/._-]{0,253}$/;

/** What makes the paths of a pod's probes known to the kubelet alone: 32 hexadecimal digits. */
const TOKEN = '[0-9a-f]{32}';

/** Container names are DNS labels, so the path needs no escaping. */
export function probePath(token: string, container: string, role: ProbeRole): string {
  return `/probes/${token}/${container}/${role}`;
}

/** Whatever the token. */
export function isProbePath(path: string | undefined, container: string, role: ProbeRole): boolean {
  const token = path?.split('/')[2] ?? '';
  return new RegExp(`^${TOKEN}$`).test(token) && path === probePath(token, container, role);
}

/** The token of routes as `writeProbeRoutes` has written them. */
export function findProbeToken(routes: string): string | undefined {
  return new RegExp(`"path":"/probes/(${TOKEN})/`).exec(routes)?.[1];
}

export function isHookPath(path: string): boolean {
  return /\/(postStart|preStop)$/.test(path);
}

/** One route to a line, keys in a fixed order: JSON that a shell without a JSON parser can read as well. */
export function writeProbeRoutes(routes: readonly ProbeRoute[]): string {
  const lines = routes.map(({ path, kind, port, timeoutSeconds, target, host, headers, service }) =>
    JSON.stringify({ path, kind, port, timeoutSeconds, target, host, headers, service }),
  );
  return `[\n${lines.join(',\n')}\n]`;
}

/** Throws on anything that is not a list of routes; the webhook writes the value, so this is a defect if it happens. */
export function readProbeRoutes(text: string): ProbeRoute[] {
  const routes: unknown = JSON.parse(text);
  if (!Array.isArray(routes)) throw new TypeError('the probe routes are not a list');
  return routes as ProbeRoute[];
}
