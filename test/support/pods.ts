// Pods and workloads for tests on real containers: everything as the level restricted wants it, images that `make images` builds.
import type { Container, PodSpec } from '../../src/injection/pod.ts';
import type { KubeObject } from '../../src/kube/object.ts';

type Fields = Readonly<Record<string, unknown>>;

const RESTRICTED = { allowPrivilegeEscalation: false, runAsNonRoot: true, runAsUser: 1000, capabilities: { drop: ['ALL'] }, seccompProfile: { type: 'RuntimeDefault' } };

/** Runs a shell script with curl, openssl and busybox at hand. */
export function shell(script: string, fields: Fields = {}): Container {
  return { name: 'shell', image: 'tenant-mtls.dev/toolbox:dev', command: ['sh', '-c', script], securityContext: RESTRICTED, ...fields };
}

/** Runs JavaScript (CommonJS). */
export function script(source: string, fields: Fields = {}): Container {
  return { name: 'app', image: 'tenant-mtls.dev/hello:dev', command: ['/usr/local/bin/node', '-e', source], securityContext: RESTRICTED, ...fields };
}

/** The hello app; on loopback, as an app behind a sidecar should be. */
export function hello(fields: Fields = {}): Container {
  return {
    name: 'hello', image: 'tenant-mtls.dev/hello:dev', ports: [{ name: 'http', containerPort: 8080 }],
    env: [{ name: 'LISTEN_ADDRESS', value: '127.0.0.1' }], securityContext: RESTRICTED, ...fields,
  };
}

interface Template {
  readonly name: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly containers: readonly Container[];
  readonly spec?: Partial<PodSpec> & Fields;
}

export function podTemplate({ name, annotations = {}, containers, spec = {} }: Template) {
  return { metadata: { labels: { app: name }, annotations }, spec: { automountServiceAccountToken: false, terminationGracePeriodSeconds: 5, containers, ...spec } };
}

export function aPod(template: Template): KubeObject {
  const { metadata, spec } = podTemplate(template);
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name: template.name, ...metadata }, spec } as KubeObject;
}

export function aDeployment(template: Template, { annotations = {}, replicas = 1 }: { annotations?: Readonly<Record<string, string>>; replicas?: number } = {}): KubeObject {
  const { name } = template;
  return {
    apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name, annotations },
    spec: { replicas, selector: { matchLabels: { app: name } }, template: podTemplate(template) },
  } as KubeObject;
}

export function aJobSpec(template: Template) {
  const { metadata, spec } = podTemplate(template);
  return { backoffLimit: 0, template: { metadata, spec: { restartPolicy: 'Never', ...spec } } };
}

/** A self-signed authority `shop-ca`, a server's certificate `hello`, a client's `hello-client`. */
export function certificates(namespace: string): string {
  return `
apiVersion: tenant-mtls.dev/v1alpha1
kind: TenantCertificate
metadata: {name: shop-ca}
spec: {issuer: {kind: SelfSigned}, commonName: shop CA, isCA: true, secretName: shop-ca}
---
apiVersion: tenant-mtls.dev/v1alpha1
kind: TenantCertificate
metadata: {name: hello}
spec: {issuer: {kind: Secret, name: shop-ca}, commonName: hello.${namespace}.svc, dnsNames: [hello.${namespace}.svc]}
---
apiVersion: tenant-mtls.dev/v1alpha1
kind: TenantCertificate
metadata: {name: hello-client}
spec: {issuer: {kind: Secret, name: shop-ca}, commonName: hello-client, usages: [client auth]}
`;
}
