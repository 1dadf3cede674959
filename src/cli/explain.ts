// `kubectl tenant-mtls explain POD | KIND/NAME | -f FILE`: would this be injected, and why not. Prints the same report that the webhook acts on.
import { UsageError } from '../errors.ts';
import { parseInjectArguments } from './inject-arguments.ts';
import type { InjectArguments } from './inject-arguments.ts';
import { prepareDecision } from './inject.ts';
import type { InjectIo } from './inject-io.ts';
import { injectObject } from './inject-object.ts';
import type { ObjectReport } from './inject-object.ts';
import { parseDocument, readManifests } from './manifest-files.ts';
import type { ManifestObject } from './manifest-files.ts';
import { formatOutput, formatTable } from './output.ts';

const KINDS: Readonly<Record<string, string>> = {
  pod: 'Pod', po: 'Pod', deployment: 'Deployment', deploy: 'Deployment', statefulset: 'StatefulSet', sts: 'StatefulSet',
  daemonset: 'DaemonSet', ds: 'DaemonSet', cronjob: 'CronJob', cj: 'CronJob', job: 'Job',
};

/** Exit code 0: explained. 1: something asked for a sidecar and cannot get it. */
export async function explain(args: readonly string[], io: InjectIo): Promise<number> {
  const parsed = parseInjectArguments(args);
  const objects = parsed.files.length > 0 ? await fromFiles(parsed, io) : [];
  const { decide, defaultNamespace, cluster } = await prepareDecision(parsed, io, objects);
  for (const argument of parsed.rest) {
    const { kind, name } = parseReference(argument);
    const found = await (await cluster?.())?.object(kind, defaultNamespace, name);
    if (found === undefined) throw new UsageError([`namespace ${defaultNamespace} has no ${kind} ${name.slice(0, 80)}`]);
    objects.push({ kind, ...found });
  }
  if (objects.length === 0 && parsed.files.length === 0) throw new UsageError(['explain needs POD, KIND/NAME or -f FILE']);
  const reports: ObjectReport[] = [];
  for (const object of objects) reports.push(...(await injectObject(object, decide, defaultNamespace)).reports);
  io.stdout.write(formatOutput(reports, parsed.output, table));
  return reports.some(({ decision }) => decision === 'refused') ? 1 : 0;
}

async function fromFiles({ files, recursive }: InjectArguments, io: InjectIo): Promise<ManifestObject[]> {
  const documents = await readManifests(files, io, recursive);
  return documents.flatMap((document) => parseDocument(document) ?? []);
}

function parseReference(argument: string): { kind: string; name: string } {
  const [kind, name] = argument.includes('/') ? argument.split('/') : ['pod', argument];
  const known = KINDS[kind?.toLowerCase().replace(/s$/, '') ?? ''] ?? KINDS[kind?.toLowerCase() ?? ''];
  if (known === undefined || name === undefined || name === '') throw new UsageError([`"${argument.slice(0, 80)}" is neither a pod's name nor KIND/NAME`]);
  return { kind: known, name };
}

const DECISION: Readonly<Record<ObjectReport['decision'], string>> = { injected: 'inject', skipped: 'skip', refused: 'refuse' };

/** SIDECAR is what the object has now, DECISION what a new pod of it would get; one line for each reason. */
function table(reports: readonly ObjectReport[]): string {
  if (reports.length === 0) return 'nothing that has pods\n';
  const rows = reports.flatMap((report) => {
    const what = [report.namespace, `${report.kind.toLowerCase()}/${report.name}`, report.sidecar, DECISION[report.decision]];
    const lines = report.reasons.map(({ reason, message, remedy }) => [...what, reason, `${message}; ${remedy}`]);
    return lines.length > 0 ? lines : [[...what, '', `TenantCertificate ${report.certificate ?? ''}, engine ${report.engine ?? ''}`]];
  });
  return formatTable(['NAMESPACE', 'OBJECT', 'SIDECAR', 'DECISION', 'REASON', 'MESSAGE'], rows);
}
