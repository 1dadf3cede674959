// What injection must know of a TenantCertificate without its trust being resolved: ports, names and mounts of the sidecar.
import type { Engine, ListenerSpec, ProxySpec, TenantCertificate, UpstreamSpec } from '../api/tenant-certificate.ts';
import { SIDECAR } from '../api/names.ts';

export interface ListenerShape {
  readonly name: string;
  readonly port: number;
  /** The pod may set another port by annotation: the certificate does not say any listeners. */
  readonly portFromPod: boolean;
  /** '' stands for all addresses of the pod. */
  readonly bind: string;
}

export interface SidecarShape {
  /** metadata.name of the TenantCertificate. */
  readonly certificate: string;
  readonly engine: Engine;
  readonly listeners: readonly ListenerShape[];
  /** Something is sent to the app's port, so the pod must say which it is. */
  readonly usesAppPort: boolean;
  readonly secretName: string;
  readonly configMapName: string;
  /** Further Secrets with a server certificate, sorted; mounted as certs/<name>.crt and certs/<name>.key. */
  readonly keyPairSecrets: readonly string[];
  /** Ports on loopback that upstreams name themselves, sorted; the app's port is not among them. */
  readonly loopbackPorts: readonly number[];
}

export function describeSidecar({ metadata: { name }, spec }: TenantCertificate): SidecarShape {
  const { engine = 'nginx', listeners, upstreams = [DEFAULT_UPSTREAM] }: PartialProxy = spec.proxy ?? {};
  return {
    certificate: name,
    engine,
    listeners: listeners?.map(describeListener) ?? [DEFAULT_LISTENER],
    usesAppPort: usesAppPort(listeners ?? [{}], upstreams),
    secretName: spec.secretName ?? `${name}-tls`,
    configMapName: `${name}-proxy`,
    keyPairSecrets: sorted((listeners ?? []).flatMap(({ tls }) => tls?.certificate?.name ?? [])),
    loopbackPorts: sorted(upstreams.flatMap(({ addresses = [] }) => addresses.flatMap(loopbackPort))),
  };
}

type Upstream = Pick<UpstreamSpec, 'name' | 'addresses'>;
type PartialProxy = Partial<Omit<ProxySpec, 'upstreams'>> & { upstreams?: readonly Upstream[] };

const DEFAULT_UPSTREAM: Upstream = { name: 'app' };

const DEFAULT_LISTENER: ListenerShape = { name: SIDECAR.defaultListenerName, port: SIDECAR.defaultListenerPort, portFromPod: true, bind: '' };

function describeListener({ name, port, bind, tls }: ListenerSpec): ListenerShape {
  return { name, port, portFromPod: false, bind: bind ?? (tls === undefined ? '127.0.0.1' : '') };
}

/** An upstream without addresses is the app; a listener without routes sends everything to the first upstream. */
function usesAppPort(listeners: readonly Partial<ListenerSpec>[], upstreams: readonly Upstream[]): boolean {
  const [first] = upstreams;
  const targets = new Set(
    listeners.filter(({ redirect }) => redirect === undefined).flatMap(({ routes }) => routes?.map(({ upstream }) => upstream) ?? [first?.name]),
  );
  return upstreams.some(({ name, addresses }) => addresses === undefined && targets.has(name));
}

function loopbackPort(address: string): number[] {
  const [, host = '', port] = /^(.*):(\d+)$/.exec(address) ?? [];
  return /^(127\.[\d.]+|localhost|\[::1\])$/i.test(host) ? [Number(port)] : [];
}

function sorted<T extends string | number>(values: readonly T[]): T[] {
  return [...new Set(values)].sort((a, b) => (a < b ? -1 : 1));
}
