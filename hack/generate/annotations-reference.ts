// docs/reference/annotations.md: what developers write on workloads and pods, and what we write there, from the names in use.
import { ANNOTATION, LABEL, OWN_ANNOTATION, RENEW_ANNOTATION } from '../../src/api/names.ts';
import { FORMATS } from '../../src/injection/settings.ts';

const MEANING: Readonly<Record<keyof typeof ANNOTATION, string>> = {
  certificate: 'opt in: the sidecar serves this TenantCertificate of the namespace',
  appPort: 'the app\'s port; default: the only port that the containers declare',
  port: 'the listener\'s port, where the certificate has no `spec.proxy`; default 8443',
  engine: 'instead of `spec.proxy.engine`',
  rewriteProbes: 'for an app that listens on loopback only: its httpGet, tcpSocket and grpc probes and its httpGet hooks go through the sidecar',
  inject: '"false": no sidecar; the same as a label on a namespace',
  cpuRequest: 'of the sidecar',
  cpuLimit: 'of the sidecar; default: none, as a limit throttles handshakes',
  memoryRequest: 'of the sidecar',
  memoryLimit: 'of the sidecar',
};

/** Those of a pod; the others stand on Secrets and ConfigMaps and concern the operator only. */
const WRITTEN: Readonly<Partial<Record<keyof typeof OWN_ANNOTATION, string>>> = {
  carried: 'on a pod template: which of the annotations above came from the workload; only those are changed or taken out again',
  templateHash: 'on a pod: the sidecar it was injected with, to find those that are out of date',
  originalProbes: 'on a pod: its probes and hooks as their author wrote them',
  added: 'on a pod: the annotations for kubectl that injection added',
  refresh: 'on a pod: changes when the kubelet is to refresh the mounted files',
};

const row = (...cells: string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;

export function annotationsReference(): string {
  return [
    '<!-- Generated from src/api/names.ts and src/injection by `make generate`; do not edit. -->', '# Annotations and labels', '',
    '## For developers', '',
    'On a Deployment, StatefulSet, DaemonSet, CronJob, on a Job when it is created, or on the pod template itself, which wins. A value of another form refuses the pod; on what opts in, an annotation of ours that does not exist draws a warning that names the nearest one.', '',
    row('annotation', 'value', 'meaning'), row('---', '---', '---'),
    ...(Object.keys(ANNOTATION) as (keyof typeof ANNOTATION)[]).map((key) => row(`\`${ANNOTATION[key]}\``, FORMATS[key].expected, MEANING[key])), '',
    '## On a TenantCertificate', '', row('annotation', 'value', 'meaning'), row('---', '---', '---'),
    row(`\`${RENEW_ANNOTATION}\``, 'any', 'another value than before: the certificate is renewed now'), '',
    '## Written by the webhook and the operator', '', row('name', 'meaning'), row('---', '---'),
    row(`\`${LABEL.certificate}\` (label)`, 'on a pod with a sidecar, and on what is written for it: the TenantCertificate'),
    ...Object.entries(WRITTEN).map(([key, meaning]) => row(`\`${OWN_ANNOTATION[key as keyof typeof OWN_ANNOTATION]}\``, meaning)), '',
  ].join('\n');
}
