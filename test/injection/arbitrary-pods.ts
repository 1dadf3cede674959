// Generated pods: every part that injection reads or writes, in every combination, also such as must be refused.
import * as fc from 'fast-check';
import type { Pod } from '../../src/injection/pod.ts';

const name = fc.stringMatching(/^[a-z]([a-z0-9-]{0,8}[a-z0-9])?$/);
const port = fc.oneof(fc.integer({ min: 1, max: 65_535 }), fc.constantFrom(8080, 8443, 15_643));
const optional = { requiredKeys: [] as [] };

const containerPort = fc.record(
  { name: fc.oneof(name, fc.constantFrom('http', 'https')), containerPort: port, protocol: fc.constantFrom('TCP', 'UDP'), hostPort: fc.constantFrom(0, 80) },
  { requiredKeys: ['containerPort'] },
);

const action = fc.oneof(
  fc.record({ httpGet: fc.record({ path: fc.constantFrom('/', '/healthz?x=1', 'no-slash', '/"; }', ''), port: fc.oneof(port, fc.constantFrom('http', '8080')), scheme: fc.constantFrom('HTTP', 'HTTPS'), host: fc.constantFrom('', '10.0.0.1') }, { requiredKeys: ['port'] }) }),
  fc.record({ tcpSocket: fc.record({ port: fc.oneof(port, fc.constantFrom('http')) }) }),
  fc.record({ grpc: fc.record({ port, service: fc.constantFrom('', 'a.B', '$(X)') }, { requiredKeys: ['port'] }) }),
  fc.constant({ exec: { command: ['true'] } }),
);

const probe = fc.tuple(fc.record({ periodSeconds: fc.integer({ min: 1, max: 60 }), timeoutSeconds: fc.integer({ min: 1, max: 9 }), unknownField: fc.boolean() }, optional), action, fc.boolean())
  .map(([timing, what, first]) => Object.assign({}, ...(first ? [what, timing] : [timing, what])) as object);

const hook = fc.constantFrom({ httpGet: { path: '/stop', port: 8080 } }, { exec: { command: ['true'] } }, { tcpSocket: { port: 8080 } });

const resources = fc.record({ limits: fc.constant({ cpu: '1', memory: '1Gi' }), requests: fc.constantFrom({ cpu: '1', memory: '1Gi' }, { cpu: '100m' }) }, optional);

const container = fc.record(
  {
    name, image: name, ports: fc.array(containerPort, { maxLength: 3 }), resources,
    livenessProbe: probe, readinessProbe: probe, startupProbe: probe, lifecycle: fc.record({ postStart: hook, preStop: hook }, optional),
    volumeMounts: fc.array(fc.record({ name: fc.oneof(name, fc.constantFrom('tenant-mtls')), mountPath: fc.constantFrom('/a', '/opt/tenant-mtls') }), { maxLength: 2 }),
    securityContext: fc.record({ runAsUser: fc.constantFrom(0, 1000, 65_533), privileged: fc.boolean(), allowPrivilegeEscalation: fc.boolean(), capabilities: fc.constantFrom({ add: ['SYS_PTRACE'] }, { drop: ['ALL'] }) }, optional),
    restartPolicy: fc.constant('Always'), someFutureField: fc.jsonValue({ maxDepth: 2 }),
  },
  { requiredKeys: ['name'] },
);

const uniquelyNamed = (maxLength: number, minLength = 0) => fc.uniqueArray(container, { minLength, maxLength, selector: (each) => each.name });

const annotations = fc.record(
  {
    'tenant-mtls.dev/app-port': fc.constantFrom('8080', '70000', '80\n80', '$(X)'), 'tenant-mtls.dev/port': fc.constantFrom('9443', '80'),
    'tenant-mtls.dev/engine': fc.constantFrom('node', 'nginx', '"'), 'tenant-mtls.dev/rewrite-probes': fc.constantFrom('true', 'true', 'false', 'yes'),
    'tenant-mtls.dev/memory-limit': fc.constantFrom('1Gi', '8Mi', 'x'), 'kubectl.kubernetes.io/default-container': name, 'example.com/a~b': fc.string(),
    'tenant-mtls.dev/original-probes': fc.constantFrom('{', '[]', 'null'), 'tenant-mtls.dev/added': fc.constantFrom('', 'example.com/a~b'),
  },
  optional,
);

/** Pods with a certificate annotation; most could run, some must be refused. */
export const arbitraryPod: fc.Arbitrary<Pod> = fc.record({
  metadata: fc.record({ annotations: annotations.map((rest) => Object.assign(rest, { 'tenant-mtls.dev/certificate': 'hello' })), labels: fc.dictionary(name, name, { minKeys: 1, maxKeys: 2 }), generateName: name }, { requiredKeys: ['annotations'] }),
  spec: fc.record(
    {
      containers: uniquelyNamed(3, 1), initContainers: uniquelyNamed(2, 1).map((containers) => containers.map((each) => Object.assign(each, { name: `init-${each.name}` }))),
      volumes: fc.uniqueArray(fc.record({ name: fc.oneof(name, fc.constantFrom('tenant-mtls-run')), emptyDir: fc.constant({}) }), { minLength: 1, maxLength: 2, selector: (each) => each.name }),
      hostNetwork: fc.constantFrom(false, false, true), shareProcessNamespace: fc.boolean(), resources, securityContext: fc.constantFrom({ runAsUser: 1000 }, {}), futureField: fc.jsonValue({ maxDepth: 2 }),
    },
    { requiredKeys: ['containers'] },
  ),
});

/** Pods that can be injected: nothing of the above that must be refused, probes rewritten in half of them. */
export const injectablePod: fc.Arbitrary<Pod> = fc.tuple(arbitraryPod, fc.boolean()).map(([pod, rewrite]) => withoutObstacles(pod, rewrite));

function withoutObstacles(pod: Pod, rewrite: boolean): Pod {
  const { 'example.com/a~b': foreign = '', ...rest } = pod.metadata?.annotations ?? {};
  const kubectl = Object.fromEntries(Object.entries(rest).filter(([key]) => key.startsWith('kubectl')));
  const text = JSON.stringify(pod.spec, (key, value: unknown) => (key === 'hostPort' || key === 'hostNetwork' || key === 'shareProcessNamespace' || key === 'securityContext' || key === 'grpc' ? undefined : value))
    .replaceAll('"containerPort":8443', '"containerPort":8444').replaceAll('"containerPort":15643', '"containerPort":15644')
    .replaceAll('"port":8443', '"port":8444').replaceAll('"port":15643', '"port":15644').replaceAll('"port":"http"', '"port":8081')
    .replaceAll('"name":"https"', '"name":"web"').replaceAll('"name":"tenant-mtls', '"name":"other-volume').replaceAll(String.raw`/\"; }`, '/fine');
  return {
    ...pod,
    metadata: { ...pod.metadata, annotations: { 'tenant-mtls.dev/certificate': 'hello', 'tenant-mtls.dev/app-port': '8080', ...(rewrite ? { 'tenant-mtls.dev/rewrite-probes': 'true' } : {}), 'example.com/a~b': foreign, ...kubectl } },
    spec: JSON.parse(text) as NonNullable<Pod['spec']>,
  };
}
