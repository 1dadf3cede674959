// The closed set of reasons why a pod is left alone or refused. A reason is public: it is a metric label, an Event's reason and
// part of `explain`. A new one is added here, with what the person who reads it can do.

export const SKIP_REASONS = ['NotOptedIn', 'OptedOut', 'NamespaceOptedOut'] as const;

export const REFUSAL_REASONS = [
  'InvalidAnnotation', 'NamespaceNotServed', 'CertificateNotFound', 'CertificateIsAuthority', 'SecretNameReserved', 'KubernetesTooOld',
  'HostNetwork', 'HostPort', 'Windows', 'StaticPod',
  'SidecarNameTaken', 'VolumeNameTaken', 'VolumeMountedElsewhere', 'UidInUse', 'ProcessNamespaceShared',
  'PortInUse', 'PortNameTaken', 'AppPortMissing', 'AppPortAmbiguous', 'ProbeNotRewritable',
] as const;

export type SkipReason = (typeof SKIP_REASONS)[number];
export type RefusalReason = (typeof REFUSAL_REASONS)[number];
export type InjectionReason = SkipReason | RefusalReason;

/** One finding about a pod: for programs (reason), for people (message), and what to do about it (remedy). */
export interface Finding<R extends InjectionReason = InjectionReason> {
  readonly reason: R;
  readonly message: string;
  readonly remedy: string;
}

const REMEDY: Readonly<Record<InjectionReason, string>> = {
  NotOptedIn: 'annotate the workload with tenant-mtls.dev/certificate=NAME to have a sidecar injected',
  OptedOut: 'remove the annotation tenant-mtls.dev/inject to have a sidecar injected',
  NamespaceOptedOut: 'remove the label tenant-mtls.dev/inject from the namespace to have sidecars injected in it',
  InvalidAnnotation: 'correct or remove the annotation',
  NamespaceNotServed: 'add the namespace to the operator\'s --watch-namespaces, and a RoleBinding in it (deploy/overlays/listed-namespaces), or remove the annotation tenant-mtls.dev/certificate',
  CertificateNotFound: 'create the TenantCertificate in the namespace of the pod; the pod is tried again by its controller',
  CertificateIsAuthority: 'name a TenantCertificate without spec.isCA',
  SecretNameReserved: 'give the Secret of spec.proxy.listeners[].tls.certificate another name',
  KubernetesTooOld: 'upgrade to Kubernetes 1.29 or later, which knows native sidecars',
  HostNetwork: 'remove spec.hostNetwork: on the node\'s network the sidecar\'s ports are the node\'s ports',
  HostPort: 'remove hostPort and publish the sidecar\'s port with a Service',
  Windows: 'run the pod on Linux: the sidecar is a Linux image',
  StaticPod: 'create the pod through the API server: the kubelet runs a static pod as its file says',
  SidecarNameTaken: 'rename the container: the name tls-sidecar is the sidecar\'s',
  VolumeNameTaken: 'rename the volume: the names tenant-mtls and tenant-mtls-run are the sidecar\'s',
  VolumeMountedElsewhere: 'remove the mount: the sidecar\'s private key is for the sidecar only',
  UidInUse: 'run the container as another user than 65533: equal users can reach into each other\'s processes',
  ProcessNamespaceShared: 'remove shareProcessNamespace or hostPID (or --target=tls-sidecar), or run the container with runAsNonRoot (or capabilities.drop: [ALL]), allowPrivilegeEscalation: false and no capabilities added',
  PortInUse: 'change the port of the app or of the listener (spec.proxy.listeners, or the annotation tenant-mtls.dev/port)',
  PortNameTaken: 'rename the port of the app or the listener: a Service finds the port by this name',
  AppPortMissing: 'say the app\'s port with the annotation tenant-mtls.dev/app-port',
  AppPortAmbiguous: 'say which port is the app\'s with the annotation tenant-mtls.dev/app-port',
  ProbeNotRewritable: 'change the probe, set the annotation tenant-mtls.dev/engine=node, or remove tenant-mtls.dev/rewrite-probes',
};

export function finding<R extends InjectionReason>(reason: R, message: string): Finding<R> {
  return { reason, message, remedy: REMEDY[reason] };
}

const LONGEST_QUOTE = 40;

/** A value of unknown origin as it may stand in messages: one line of printable ASCII, quoted and shortened. */
export function quote(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value) ?? 'undefined';
  const head = JSON.stringify(text.slice(0, LONGEST_QUOTE)).replace(/[^ -~]/gu, escapeCodePoint);
  return text.length > LONGEST_QUOTE ? `${head}... (${text.length} characters)` : head;
}

function escapeCodePoint(character: string): string {
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}
