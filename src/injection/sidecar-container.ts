// Builds the sidecar's container. Fields that the API server would fill in with defaults are written out, so that a pod which comes back
// (reinvocation, a copy of a running pod) holds exactly what would be injected again.
import { SIDECAR, SIDECAR_ENV } from '../api/names.ts';
import { writeProbeRoutes } from '../api/probes.ts';
import type { Engine } from '../api/tenant-certificate.ts';
import type { Container, EnvironmentVariable, Probe, SecurityContext } from './pod.ts';
import type { Sidecar } from './sidecar.ts';

/** Node's young generation would grow to 48 MB under load, and garbage buffers with it; kept small it costs no measurable CPU time. */
export const COMMAND: Readonly<Record<Engine, readonly string[]>> = {
  nginx: [`${SIDECAR.directory}/entry/entrypoint.sh`],
  node: ['node', '--max-semi-space-size=4', '/app/proxy.js', '--dir', SIDECAR.directory],
};

/** Complete for the Pod Security level "restricted", whatever the pod itself says. */
const SECURITY_CONTEXT: SecurityContext = {
  runAsUser: SIDECAR.uid,
  runAsGroup: SIDECAR.uid,
  runAsNonRoot: true,
  readOnlyRootFilesystem: true,
  privileged: false,
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  seccompProfile: { type: 'RuntimeDefault' },
};

export function buildContainer(sidecar: Sidecar): Container {
  return {
    name: SIDECAR.container,
    image: sidecar.image,
    command: COMMAND[sidecar.engine],
    ports: sidecar.ports.map(({ name, port }) => ({ name, containerPort: port, protocol: 'TCP' })),
    env: environment(sidecar),
    resources: sidecar.resources,
    volumeMounts: [
      { name: SIDECAR.volume, mountPath: SIDECAR.directory, readOnly: true },
      { name: SIDECAR.runVolume, mountPath: SIDECAR.runDirectory },
      // Withholds the pod's API token, which the sidecar has no use for: the API server mounts it only where nothing is mounted. Nor does
      // it change the pod once more then, which would cost a second review.
      { name: SIDECAR.runVolume, mountPath: SIDECAR.tokenDirectory, subPath: 'no-token', readOnly: true },
    ],
    // The app's containers wait for the first success, at most 120 s; then the sidecar is started again.
    startupProbe: healthProbe({ periodSeconds: 1, failureThreshold: 120 }),
    readinessProbe: healthProbe({ periodSeconds: 5, failureThreshold: 2 }),
    livenessProbe: healthProbe({ periodSeconds: 10, failureThreshold: 6 }),
    restartPolicy: 'Always',
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'FallbackToLogsOnError',
    imagePullPolicy: 'IfNotPresent',
    securityContext: SECURITY_CONTEXT,
  };
}

function healthProbe({ periodSeconds, failureThreshold }: Required<Pick<Probe, 'periodSeconds' | 'failureThreshold'>>): Probe {
  return { httpGet: { path: '/healthz', port: SIDECAR.statusPort, scheme: 'HTTP' }, timeoutSeconds: 2, periodSeconds, successThreshold: 1, failureThreshold };
}

/** Only validated values: none holds `$(VAR)`, which the kubelet would expand. */
function environment({ engine, appPort, listenerPort, probes }: Sidecar): EnvironmentVariable[] {
  const values: EnvironmentVariable[] = [{ name: SIDECAR_ENV.engine, value: engine }];
  if (appPort !== undefined) values.push({ name: SIDECAR_ENV.appPort, value: String(appPort) });
  if (listenerPort !== undefined) values.push({ name: SIDECAR_ENV.listenerPort, value: String(listenerPort) });
  if (probes.length > 0) values.push({ name: SIDECAR_ENV.probes, value: writeProbeRoutes(probes.map(({ route }) => route)) });
  return [
    ...values,
    fromField(SIDECAR_ENV.podIP, 'status.podIP'),
    fromField(SIDECAR_ENV.podName, 'metadata.name'),
    fromField(SIDECAR_ENV.podNamespace, 'metadata.namespace'),
  ];
}

function fromField(name: string, fieldPath: string): EnvironmentVariable {
  return { name, valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath } } };
}
