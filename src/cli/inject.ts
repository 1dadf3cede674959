// `kubectl tenant-mtls inject -f FILE`: manifests in, the same manifests with sidecars out, equal to what the webhook does to the pods.
// Either everything that asks for a sidecar gets one, or nothing is written.
import type { ConnectionOptions } from './cluster-connection.ts';
import { decideFrom } from './inject-lookups.ts';
import { parseInjectArguments, requireFiles } from './inject-arguments.ts';
import type { InjectArguments } from './inject-arguments.ts';
import type { ClusterReader, InjectIo } from './inject-io.ts';
import { injectObject } from './inject-object.ts';
import type { Decide, ObjectReport } from './inject-object.ts';
import { joinDocuments, parseChangedDocument, parseDocument, readManifests, rewriteDocument } from './manifest-files.ts';
import type { ManifestDocument, ManifestObject } from './manifest-files.ts';

/** Exit code 0: written to stdout, what was done on stderr. 1: something asked for a sidecar and cannot get it. */
export async function injectFiles(args: readonly string[], io: InjectIo): Promise<number> {
  const parsed = parseInjectArguments(args);
  requireFiles(parsed, 'inject');
  const documents = await readManifests(parsed.files, io, parsed.recursive);
  const { decide, defaultNamespace } = await prepareDecision(parsed, io, documents.map(parseDocument));
  const texts: string[] = [];
  const reports: ObjectReport[] = [];
  for (const document of documents) {
    const injected = await injectDocument(document, decide, defaultNamespace);
    texts.push(injected.text);
    reports.push(...injected.reports);
  }
  for (const report of reports) io.stderr.write(`${describeObject(report)}\n`);
  if (reports.some(({ decision }) => decision === 'refused')) return 1;
  io.stdout.write(joinDocuments(texts));
  return 0;
}

/** Looks things up in the manifests and, unless offline, in the cluster. */
export async function prepareDecision({ connection, offline, images }: InjectArguments, io: InjectIo, objects: readonly (ManifestObject | undefined)[]) {
  let reader: Promise<ClusterReader> | undefined;
  const cluster = offline === 'offline' ? undefined : () => (reader ??= connect(io, connection));
  const defaultNamespace = connection.namespace ?? (cluster === undefined ? 'default' : (await cluster()).namespace);
  const known = objects.flatMap((object) => (object === undefined ? [] : object.items ?? [object]));
  const decide: Decide = decideFrom({ objects: known, images, fallbackImages: io.images, cluster, defaultNamespace, newProbeToken: io.newProbeToken });
  return { decide, defaultNamespace, cluster };
}

async function connect({ cluster }: InjectIo, connection: ConnectionOptions): Promise<ClusterReader> {
  try {
    return await cluster(connection);
  } catch (error) {
    throw new Error('asking the cluster (with --offline, certificates are looked for in the files alone)', { cause: error });
  }
}

async function injectDocument(document: ManifestDocument, decide: Decide, defaultNamespace: string): Promise<{ text: string; reports: readonly ObjectReport[] }> {
  const lenient = parseDocument(document);
  if (lenient === undefined) return { text: document.text, reports: [] };
  const { object, reports } = await injectObject(lenient, decide, defaultNamespace);
  if (object === lenient) return { text: document.text, reports };
  // It will be written: read it again, now refusing what kubectl would read differently.
  const strict = await injectObject(parseChangedDocument(document) ?? {}, decide, defaultNamespace);
  return { text: rewriteDocument(document, strict.object), reports };
}

export function describeObject({ kind, name, decision, certificate, engine, reasons }: ObjectReport): string {
  const what = `${kind.toLowerCase()}/${name}: ${decision}`;
  if (decision === 'injected') return `${what} (TenantCertificate ${certificate ?? ''}, engine ${engine ?? ''})`;
  return [what, ...reasons.map(({ reason, message, remedy }) => `  ${reason}: ${message}\n    -> ${remedy}`)].join('\n');
}
