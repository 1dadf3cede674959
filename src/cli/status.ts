// `status [NAME]`: the TenantCertificates of a namespace as `kubectl get` shows them; with a NAME its conditions and each of its pods too.
import type { TenantCertificate } from '../api/tenant-certificate.ts';
import { resources } from '../kube/resources.ts';
import { CONNECTION_FLAGS } from './cluster-connection.ts';
import type { CommandIo } from './command-io.ts';
import { OUTPUT_FLAG, formatOutput, formatTable, parseOutput } from './output.ts';
import { readPods } from './pod-states.ts';
import type { PodState } from './pod-states.ts';
import { readArguments, refusePositionals, requireName } from './read-arguments.ts';

export const STATUS_FLAGS = {
  'all-namespaces': { type: 'boolean', short: 'A', help: 'the TenantCertificates of all namespaces' },
  ...CONNECTION_FLAGS,
  ...OUTPUT_FLAG,
} as const;

/** Exit code 1: a certificate is not ready, or a pod has not loaded the current files. */
export async function status(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = readArguments(args, STATUS_FLAGS);
  const output = parseOutput(values.output);
  if (values['all-namespaces'] === true) refusePositionals(positionals);
  const name = positionals.length === 0 ? undefined : requireName(positionals, 'status');
  const { client, namespace } = io.connect(values);
  if (name !== undefined) {
    const certificate = await client.get<TenantCertificate>(resources.TenantCertificate, { namespace, name });
    const pods = await readPods(client, certificate);
    io.stdout.write(formatOutput({ ...summarize(certificate), conditions: certificate.status?.conditions ?? [], pods }, output, () => details(certificate, pods, io.now())));
    return isReady(certificate) && pods.every(({ files }) => files === 'current') ? 0 : 1;
  }
  const { items } = await client.list<TenantCertificate>(resources.TenantCertificate, values['all-namespaces'] === true ? {} : { namespace });
  io.stdout.write(formatOutput(items.map(summarize), output, () => overview(items, io.now())));
  return items.every(isReady) ? 0 : 1;
}

function summarize({ metadata, spec, status = {} }: TenantCertificate) {
  const { secretName = spec.secretName, issuer, notAfter, renewalTime, serialNumber, pods, conditions = [] } = status;
  const { status: ready, reason } = conditions.find(({ type }) => type === 'Ready') ?? { status: 'Unknown', reason: 'NotReconciled' };
  return {
    namespace: said(metadata.namespace),
    name: metadata.name,
    ready, reason,
    secret: said(secretName),
    issuer: said(issuer),
    expires: said(notAfter),
    renews: said(renewalTime),
    pods: said(pods?.summary),
    serialNumber: said(serialNumber),
  };
}

function said(value: string | undefined): string {
  return value ?? '';
}

function isReady(certificate: TenantCertificate): boolean {
  return summarize(certificate).ready === 'True';
}

const HEADER = ['NAMESPACE', 'NAME', 'READY', 'REASON', 'SECRET', 'ISSUER', 'EXPIRES', 'RENEWS', 'PODS', 'AGE'];

function overview(certificates: readonly TenantCertificate[], now: number): string {
  if (certificates.length === 0) return 'no TenantCertificates\n';
  return formatTable(HEADER, certificates.map((certificate) => {
    const { namespace, name, ready, reason, secret, issuer, expires, renews, pods } = summarize(certificate);
    return [namespace, name, ready, reason, secret, issuer, expires, renews, pods, describeAge(certificate, now)];
  }));
}

function details(certificate: TenantCertificate, pods: readonly PodState[], now: number): string {
  const conditions = (certificate.status?.conditions ?? []).map(({ type, status, reason, message }) => [type, status, reason, message]);
  const states = pods.map(({ pod, sidecar, files, serialNumber, message }) => [pod, sidecar, files, serialNumber, message]);
  return [
    overview([certificate], now),
    formatTable(['CONDITION', 'STATUS', 'REASON', 'MESSAGE'], conditions),
    states.length === 0 ? 'no pods with a sidecar\n' : formatTable(['POD', 'SIDECAR', 'FILES', 'SERIAL', 'MESSAGE'], states),
  ].join('\n');
}

const UNITS = [['d', 86_400_000], ['h', 3_600_000], ['m', 60_000]] as const;

function describeAge({ metadata }: TenantCertificate, now: number): string {
  const created = Date.parse(metadata.creationTimestamp ?? '');
  if (Number.isNaN(created)) return '';
  const age = Math.max(0, now - created);
  const [unit, length] = UNITS.find((each) => age >= 2 * each[1]) ?? ['s', 1000];
  return `${Math.floor(age / length)}${unit}`;
}
