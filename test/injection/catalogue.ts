// The pods of the golden files: one for every workload kind and feature, and one for every reason to refuse. Named by a sentence.
import type { InjectionContext } from '../../src/injection/decide-injection.ts';
import type { Pod, SecurityContext } from '../../src/injection/pod.ts';
import { aCertificate, aContainer, aContext, aPod, aProxiedCertificate } from './builders.ts';

export interface Case {
  readonly pod: Pod;
  readonly context?: InjectionContext;
}

const annotated = (annotations: Record<string, string>, spec: Parameters<typeof aPod>[0] = {}) =>
  aPod(spec, { annotations: Object.fromEntries(Object.entries(annotations).map(([key, value]) => [`tenant-mtls.dev/${key}`, value])) });

const ownedBy = (apiVersion: string, kind: string, name: string) => [{ apiVersion, kind, name, uid: '6f2b1c4e-0000-4000-8000-000000000001', controller: true, blockOwnerDeletion: true }];

const withProxy = (proxy: Record<string, unknown>) => aContext({ certificate: aProxiedCertificate(proxy) });

const loopbackApp = (container: Parameters<typeof aContainer>[0], annotations: Record<string, string> = {}) =>
  annotated({ 'rewrite-probes': 'true', ...annotations }, { containers: [aContainer({ ports: [{ name: 'web', containerPort: 8080 }], ...container })] });

const sharing = (securityContext: SecurityContext) => aPod({ shareProcessNamespace: true, containers: [aContainer({ securityContext })] });

const workloads: Record<string, Case> = {
  'a bare pod': { pod: aPod() },
  'a pod of a Deployment': {
    pod: {
      metadata: { generateName: 'hello-6d4cf56db6-', labels: { app: 'hello', 'pod-template-hash': '6d4cf56db6' }, annotations: { 'tenant-mtls.dev/carried': 'tenant-mtls.dev/certificate', 'tenant-mtls.dev/certificate': 'hello' }, ownerReferences: ownedBy('apps/v1', 'ReplicaSet', 'hello-6d4cf56db6') },
      spec: { containers: [aContainer()], serviceAccountName: 'default', enableServiceLinks: true },
    } as Pod,
  },
  'a pod of a StatefulSet with a claim': {
    pod: aPod(
      { hostname: 'db-0', subdomain: 'db', containers: [aContainer({ name: 'db', volumeMounts: [{ name: 'data', mountPath: '/data' }] })], volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data-db-0' } } as never] },
      { name: 'db-0', labels: { 'apps.kubernetes.io/pod-index': '0' }, ownerReferences: ownedBy('apps/v1', 'StatefulSet', 'db') },
    ),
  },
  'a pod of a DaemonSet with affinity and tolerations': {
    pod: aPod({ affinity: { nodeAffinity: {} }, tolerations: [{ operator: 'Exists' }], priorityClassName: 'high' }, { ownerReferences: ownedBy('apps/v1', 'DaemonSet', 'agent') }),
  },
  'a pod of a Job': { pod: aPod({ restartPolicy: 'Never', containers: [aContainer({ name: 'work' })] }, { ownerReferences: ownedBy('batch/v1', 'Job', 'import') }) },
  'a pod of a CronJob\'s Job with a deadline': { pod: aPod({ restartPolicy: 'OnFailure', activeDeadlineSeconds: 600 }, { ownerReferences: ownedBy('batch/v1', 'Job', 'import-28000000') }) },
  'a pod template without a name': { pod: { metadata: { annotations: { 'tenant-mtls.dev/certificate': 'hello' } }, spec: { containers: [aContainer()] } } },
};

const features: Record<string, Case> = {
  'an app with several containers and one port': { pod: aPod({ containers: [aContainer({ name: 'sidekick', ports: [] }), aContainer()] }) },
  'an app with two ports and a named one': { pod: annotated({ 'app-port': '9090' }, { containers: [aContainer({ ports: [{ containerPort: 8080 }, { containerPort: 9090 }] })] }) },
  'an app whose other port is UDP': { pod: aPod({ containers: [aContainer({ ports: [{ containerPort: 8080 }, { containerPort: 8443, protocol: 'UDP' }] })] }) },
  'an app that declares no port but says it': { pod: annotated({ 'app-port': '8080' }, { containers: [aContainer({ ports: [] })] }) },
  'another listener port by annotation': { pod: annotated({ port: '9443' }) },
  'engine node by annotation': { pod: annotated({ engine: 'node' }) },
  'engine node by the certificate': { pod: aPod(), context: withProxy({ engine: 'node' }) },
  'engine nginx by annotation against the certificate': { pod: annotated({ engine: 'nginx' }), context: withProxy({ engine: 'node' }) },
  'init containers of the app come after the sidecar': { pod: aPod({ initContainers: [{ name: 'migrate', image: 'registry.example/migrate:1' }] }) },
  'another native sidecar with probes': { pod: aPod({ initContainers: [{ name: 'log-shipper', image: 'registry.example/logs:1', restartPolicy: 'Always', readinessProbe: { httpGet: { path: '/ready', port: 2020 } } }] }) },
  'an empty list of init containers': { pod: aPod({ initContainers: [], volumes: [] }) },
  'null where lists may be': { pod: aPod({ initContainers: null, volumes: null, nodeSelector: null, securityContext: null, resources: null }) },
  'volumes of the app': { pod: aPod({ volumes: [{ name: 'cache', emptyDir: {} }] }) },
  'a default container that the author chose': { pod: aPod({}, { annotations: { 'kubectl.kubernetes.io/default-container': 'app' } }) },
  'a pod-level security context': { pod: aPod({ securityContext: { runAsUser: 1000, runAsNonRoot: true, fsGroup: 2000 } as never }) },
  'a shared process namespace without a tracer': { pod: sharing({ runAsNonRoot: true, allowPrivilegeEscalation: false }) },
  'a shared process namespace with a root that can become nobody else': { pod: sharing({ runAsUser: 0, allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } }) },
  'fields that this program does not know': { pod: { ...aPod({ futureField: { deep: [1, 2] }, containers: [aContainer({ futureContainerField: true })] }), futureTopLevel: 'kept' } as Pod },
  'requests and limits by annotation': { pod: annotated({ 'cpu-request': '50m', 'cpu-limit': '1', 'memory-request': '64Mi', 'memory-limit': '256Mi' }) },
  'a memory request above the default limit': { pod: annotated({ 'memory-request': '512Mi' }) },
  'a memory limit below the default request': { pod: annotated({ 'memory-limit': '16Mi' }) },
  'a pod of class Guaranteed keeps its class': { pod: aPod({ containers: [aContainer({ resources: { limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '1', memory: '1Gi' } } })] }) },
  'pod-level resources leave the sidecar without its own': { pod: aPod({ resources: { requests: { cpu: '1' }, limits: { cpu: '1', memory: '1Gi' } } }) },
  'pod-level resources and an annotated request': { pod: annotated({ 'cpu-request': '50m' }, { resources: { limits: { cpu: '1' } } }) },
  'two TLS listeners and a redirect': {
    pod: aPod(),
    context: withProxy({ listeners: [{ name: 'https', port: 8443, tls: {} }, { name: 'partner', port: 9443, tls: { certificate: { kind: 'Secret', name: 'public-tls' } } }, { name: 'http', port: 8081, bind: '0.0.0.0', redirect: {} }] }),
  },
  'a plaintext listener that encrypts to another server': {
    pod: aPod({ containers: [aContainer({ ports: [] })] }),
    context: withProxy({ listeners: [{ name: 'kes', port: 7373 }], upstreams: [{ name: 'kes', addresses: ['kes.example:7373'], tls: {} }] }),
  },
  'an app on a fixed loopback port of the certificate': {
    pod: aPod({ containers: [aContainer({ ports: [] })] }),
    context: withProxy({ listeners: [{ name: 'https', port: 8443, tls: {} }], upstreams: [{ name: 'app', addresses: ['127.0.0.1:8080'] }] }),
  },
  'a Secret of another name': { pod: aPod(), context: aContext({ certificate: aCertificate({ secretName: 'my-own-tls' }) }) },
  'inject: "true" says nothing new': { pod: annotated({ inject: 'true' }) },
  'probes stay untouched by default': { pod: aPod({ containers: [aContainer({ livenessProbe: { httpGet: { path: '/healthz', port: 8080 } } })] }) },
  'an httpGet probe through the sidecar': { pod: loopbackApp({ livenessProbe: { httpGet: { path: '/healthz?full=1', port: 'web' }, periodSeconds: 7, timeoutSeconds: 3 } }) },
  'an HTTPS probe with headers through the sidecar': { pod: loopbackApp({ readinessProbe: { httpGet: { path: '/ready', port: 8080, scheme: 'HTTPS', httpHeaders: [{ name: 'Host', value: 'hello.shop' }, { name: 'Accept', value: '*/*' }] } } }) },
  'a tcpSocket probe through the sidecar': { pod: loopbackApp({ startupProbe: { tcpSocket: { port: 'web' }, failureThreshold: 30 } }) },
  'a grpc probe through engine node': { pod: loopbackApp({ livenessProbe: { grpc: { port: 8080, service: 'hello.v1.Hello' } } }, { engine: 'node' }) },
  'httpGet hooks through the sidecar, exec stays': { pod: loopbackApp({ lifecycle: { postStart: { httpGet: { path: '/warm', port: 8080 } }, preStop: { exec: { command: ['sleep', '1'] } } }, livenessProbe: { exec: { command: ['true'] } } }) },
  'a probe of another host stays': { pod: loopbackApp({ livenessProbe: { httpGet: { host: '10.0.0.1', path: '/', port: 80 } } }) },
};

const skipped: Record<string, Case> = {
  'a pod without the annotation': { pod: { metadata: { name: 'plain' }, spec: { containers: [aContainer()] } } },
  'a pod that opted out': { pod: annotated({ inject: 'false' }) },
  'a namespace that opted out': { pod: aPod(), context: aContext({ namespace: { name: 'shop', labels: { 'tenant-mtls.dev/inject': 'false' } } }) },
};

const refused: Record<string, Case> = {
  'a namespace that the operator does not serve': { pod: aPod(), context: aContext({ namespace: { name: 'shop', isUnserved: true }, certificate: undefined }) },
  'an unknown TenantCertificate': { pod: aPod(), context: aContext({ certificate: undefined }) },
  'a certificate that is an authority': { pod: aPod(), context: aContext({ certificate: aCertificate({ isCA: true }) }) },
  'Kubernetes 1.28': { pod: aPod(), context: aContext({ kubernetesVersion: 'v1.28.15' }) },
  'hostNetwork': { pod: aPod({ hostNetwork: true, containers: [aContainer({ ports: [{ containerPort: 8080, hostPort: 8080 }] })] }) },
  'a host port': { pod: aPod({ containers: [aContainer({ ports: [{ containerPort: 8080, hostPort: 80 }] })] }) },
  'Windows by os': { pod: aPod({ os: { name: 'windows' } }) },
  'Windows by nodeSelector': { pod: aPod({ nodeSelector: { 'kubernetes.io/os': 'windows' } }) },
  'the mirror of a static pod': { pod: aPod({}, { annotations: { 'kubernetes.io/config.mirror': 'x' } }) },
  'a container of the sidecar\'s name': { pod: aPod({ containers: [aContainer(), aContainer({ name: 'tls-sidecar', ports: [] })] }) },
  'a volume of the sidecar\'s name': { pod: aPod({ volumes: [{ name: 'tenant-mtls', emptyDir: {} }] }) },
  'another container mounts the sidecar\'s volume': { pod: aPod({ containers: [aContainer({ volumeMounts: [{ name: 'tenant-mtls', mountPath: '/steal' }] })] }) },
  'a container of the sidecar\'s user': { pod: aPod({ containers: [aContainer({ securityContext: { runAsUser: 65_533 } })] }) },
  'a pod of the sidecar\'s user': { pod: aPod({ securityContext: { runAsUser: 65_533 } }) },
  'a shared process namespace with SYS_PTRACE': { pod: aPod({ shareProcessNamespace: true, containers: [aContainer({ securityContext: { capabilities: { add: ['SYS_PTRACE'] } } })] }) },
  'a shared process namespace with a privileged container': { pod: aPod({ shareProcessNamespace: true, containers: [aContainer({ securityContext: { privileged: true } })] }) },
  'a shared process namespace with the image\'s own user': { pod: sharing({ allowPrivilegeEscalation: false }) },
  'a shared process namespace with an ordinary root': { pod: sharing({ runAsUser: 0, allowPrivilegeEscalation: false }) },
  'a shared process namespace with setuid programs': { pod: sharing({ runAsUser: 0, capabilities: { drop: ['SETUID'] } }) },
  'a shared process namespace with SETUID for a plain user': { pod: sharing({ runAsUser: 1000, allowPrivilegeEscalation: false, capabilities: { add: ['CAP_SETUID'] } }) },
  'the listener\'s port declared by the app': { pod: annotated({ 'app-port': '8080' }, { containers: [aContainer({ ports: [{ containerPort: 8443 }] })] }) },
  'the listener\'s port probed': { pod: aPod({ containers: [aContainer({ livenessProbe: { tcpSocket: { port: 8443 } } })] }) },
  'the status port in use': { pod: annotated({ 'app-port': '8080' }, { containers: [aContainer({ ports: [{ containerPort: 15_643 }] })] }) },
  'the app\'s port is the listener\'s': { pod: annotated({ 'app-port': '8443' }, { containers: [aContainer({ ports: [] })] }) },
  'the listener\'s name taken by the app': { pod: aPod({ containers: [aContainer({ ports: [{ name: 'https', containerPort: 8080 }] })] }) },
  'no port at all': { pod: aPod({ containers: [aContainer({ ports: [] })] }) },
  'two ports and none named': { pod: aPod({ containers: [aContainer({ ports: [{ containerPort: 8080 }, { containerPort: 9090 }] })] }) },
  'an app port that is none': { pod: annotated({ 'app-port': '08080' }) },
  'an app port with a newline': { pod: annotated({ 'app-port': '8080\n  privileged: true' }) },
  'an app port with a variable': { pod: annotated({ 'app-port': '$(HOSTNAME)' }) },
  'an engine of ten kilobytes': { pod: annotated({ engine: 'n'.repeat(10_240) }) },
  'a certificate name with quotes': { pod: aPod({}, { annotations: { 'tenant-mtls.dev/certificate': 'a"; } http {' } }), context: aContext({ certificate: undefined }) },
  'a listener port without effect': { pod: annotated({ port: '9443' }), context: withProxy({ listeners: [{ name: 'https', port: 8443, tls: {} }] }) },
  'a listener\'s certificate in a Secret of a reserved name': {
    pod: aPod(), context: withProxy({ listeners: [{ name: 'https', port: 8443, tls: { certificate: { kind: 'Secret', name: 'tls' } } }] }),
  },
  'a request above its limit': { pod: annotated({ 'cpu-request': '2', 'cpu-limit': '500m' }) },
  'a resource that is no quantity': { pod: annotated({ 'memory-limit': '128MB' }) },
  'inject: "no"': { pod: annotated({ inject: 'no' }) },
  'a grpc probe through engine nginx': { pod: loopbackApp({ livenessProbe: { grpc: { port: 8080 } } }) },
  'a probe of an unknown named port': { pod: loopbackApp({ livenessProbe: { httpGet: { path: '/', port: 'admin' } } }) },
  'a probe path that could be configuration': { pod: loopbackApp({ livenessProbe: { httpGet: { path: '/; } location /x {', port: 8080 } } }) },
  'several reasons at once': { pod: annotated({ engine: 'apache' }, { hostNetwork: true, securityContext: { runAsUser: 65_533 } }), context: aContext({ certificate: undefined }) },
};

export const CATALOGUE: Readonly<Record<string, Case>> = { ...workloads, ...features, ...skipped, ...refused };
