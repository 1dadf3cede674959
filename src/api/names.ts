// Every public name that is not a field of the schema: annotations, labels, paths, ports, finalizers.
// Other programs rely on them; change one only with a reason in docs/adr.

export const GROUP = 'tenant-mtls.dev';
export const VERSION = 'v1alpha1';
export const API_VERSION = `${GROUP}/${VERSION}`;
export const FIELD_MANAGER = 'tenant-mtls';

/** Annotations that developers put on a pod template or on a workload. */
export const ANNOTATION = {
  certificate: `${GROUP}/certificate`,
  appPort: `${GROUP}/app-port`,
  port: `${GROUP}/port`,
  engine: `${GROUP}/engine`,
  rewriteProbes: `${GROUP}/rewrite-probes`,
  inject: `${GROUP}/inject`,
  cpuRequest: `${GROUP}/cpu-request`,
  cpuLimit: `${GROUP}/cpu-limit`,
  memoryRequest: `${GROUP}/memory-request`,
  memoryLimit: `${GROUP}/memory-limit`,
} as const;

/** On a TenantCertificate: change it to any other value to have the certificate renewed now. */
export const RENEW_ANNOTATION = `${GROUP}/renew`;

/** Annotations that we write. */
export const OWN_ANNOTATION = {
  /** On a pod template: which annotations the webhook carried there from the workload, as a sorted comma-separated list of keys. */
  carried: `${GROUP}/carried`,
  /** On a Secret or ConfigMap: the TenantCertificate it belongs to, so that a restored backup is adopted. */
  certificateName: `${GROUP}/certificate-name`,
  /** On a Secret: SHA-256 of the request (everything of the spec that the certificate depends on). */
  requestHash: `${GROUP}/request-sha256`,
  /** On a Secret: the value of RENEW_ANNOTATION that it was issued for. */
  renewed: `${GROUP}/renewed`,
  /** On a Secret: SHA-256 of the certificate we put there, so that another one is noticed. */
  certificateHash: `${GROUP}/certificate-sha256`,
  /** On a Secret: SHA-256 of the issuer's certificate. */
  issuerHash: `${GROUP}/issuer-sha256`,
  /** On a Secret that keeps the state of an authority (anchors, CRL, a Tenant's key): whose it is, `Tenant/shop` or `Secret/shop/shop-ca`. */
  authority: `${GROUP}/authority`,
  /** On a Secret: how many times a certificate has been issued for its TenantCertificate. */
  revision: `${GROUP}/revision`,
  /** On a ConfigMap: SHA-256 of its manifest, which is what a sidecar says it has loaded. */
  manifestHash: `${GROUP}/manifest-sha256`,
  /** On a pod: SHA-256 of the sidecar template it was injected with. */
  templateHash: `${GROUP}/template-sha256`,
  /** On a pod: the probes and hooks as they were before they were rewritten, as JSON. */
  originalProbes: `${GROUP}/original-probes`,
  /** On a pod: the annotations for kubectl that injection added, as a comma-separated list of keys. */
  added: `${GROUP}/added`,
  /** On a pod: changed by the operator so that the kubelet refreshes the mounted files now. */
  refresh: `${GROUP}/refresh`,
  /** On the owner of a pod that was refused: changed by the operator so that its controller tries again now. */
  nudged: `${GROUP}/nudged`,
} as const;

/** Condition of the operator's own Deployment: the API server reaches the webhook, as the last self-test found. */
export const WEBHOOK_CONDITION = `${GROUP}/WebhookAnswers`;

/** On a CA Secret, or on the TenantCertificate it was written for: "true" has a CRL kept for it before anything is revoked. */
export const CRL_ANNOTATION = `${GROUP}/crl`;

export const LABEL = {
  /** On injected pods, and on what we write: the TenantCertificate's name. */
  certificate: `${GROUP}/certificate`,
  /** On Secrets and ConfigMaps we write and on CA material we keep, so that caches hold nothing else. */
  managedBy: 'app.kubernetes.io/managed-by',
  /** On the Secret of a Tenant's authority: its Tenant. It holds a key and is in no cache. */
  tenant: `${GROUP}/tenant`,
} as const;

export const MANAGED_BY = 'tenant-mtls';
export const FINALIZER = `${GROUP}/revoke-on-delete`;
export const TENANT_FINALIZER = `${GROUP}/in-use`;

/** The sidecar as it stands in a pod. */
export const SIDECAR = {
  container: 'tls-sidecar',
  volume: 'tenant-mtls',
  runVolume: 'tenant-mtls-run',
  directory: '/opt/tenant-mtls',
  runDirectory: '/run/tenant-mtls',
  /** Where API tokens are mounted: the sidecar has an empty folder of its run volume there. */
  tokenDirectory: '/var/run/secrets/kubernetes.io/serviceaccount',
  statusPort: 15643,
  defaultListenerPort: 8443,
  defaultListenerName: 'https',
  uid: 65533,
} as const;

/** Environment variables through which a pod tells its sidecar what differs from pod to pod. */
export const SIDECAR_ENV = {
  appPort: 'TENANT_MTLS_APP_PORT',
  listenerPort: 'TENANT_MTLS_PORT',
  podIP: 'TENANT_MTLS_POD_IP',
  podName: 'TENANT_MTLS_POD_NAME',
  podNamespace: 'TENANT_MTLS_POD_NAMESPACE',
  probes: 'TENANT_MTLS_PROBES',
  engine: 'TENANT_MTLS_ENGINE',
} as const;

/** At most this many distinct trust bundles for one certificate: each has a fixed place in the injected volume. */
export const MAX_TRUST_BUNDLES = 16;

/**
 * Keys of the Secret and the ConfigMap, and where the injected volume puts each (relative to SIDECAR.directory).
 * The list never depends on one certificate, so that a pod need not be re-created when its certificate gains a bundle.
 */
export const SECRET_FILES = {
  'tls.crt': 'certs/tls.crt',
  'tls.key': 'certs/tls.key',
  'ca.crt': 'caCerts/ca.crt',
} as const;

export const CONFIG_FILES = {
  'nginx.conf': 'conf/nginx.conf',
  'proxy.json': 'conf/proxy.json',
  manifest: 'conf/manifest',
  'entrypoint.sh': 'entry/entrypoint.sh',
} as const;

/** File names of trust bundle `index`: certificates, and the CRLs that go with them. */
export function trustFileNames(index: number): { certificates: string; crls: string } {
  return { certificates: `trust-${index}.crt`, crls: `trust-${index}.crl` };
}
