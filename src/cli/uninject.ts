// `kubectl tenant-mtls uninject -f FILE`: takes out what `inject` has written. The opt-in annotations stay: take those away to stay without a sidecar.
import { parseUninjectArguments, requireFiles } from './inject-arguments.ts';
import type { InjectIo } from './inject-io.ts';
import { uninjectObject } from './inject-object.ts';
import { joinDocuments, parseChangedDocument, parseDocument, readManifests, rewriteDocument } from './manifest-files.ts';
import type { ManifestDocument } from './manifest-files.ts';

export async function uninjectFiles(args: readonly string[], io: Pick<InjectIo, 'stdin' | 'stdout'>): Promise<number> {
  const parsed = parseUninjectArguments(args);
  requireFiles(parsed, 'uninject');
  const documents = await readManifests(parsed.files, io, parsed.recursive);
  io.stdout.write(joinDocuments(documents.map(uninjectDocument)));
  return 0;
}

function uninjectDocument(document: ManifestDocument): string {
  const object = parseDocument(document);
  if (object === undefined || uninjectObject(object) === object) return document.text;
  return rewriteDocument(document, uninjectObject(parseChangedDocument(document) ?? {}));
}
