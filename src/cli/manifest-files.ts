// Manifests in: files, folders and stdin, cut into documents. A document keeps its text, so that one which nobody changes
// comes out byte for byte as it went in.
import { readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError, describeError } from '../errors.ts';
import { parseLeniently, parseStrictly, writeYaml } from './manifest-yaml.ts';

export interface ManifestDocument {
  /** For people: file and number of the document in it. */
  readonly source: string;
  /** As it stands in the file, a leading `---` included. */
  readonly text: string;
}

export interface ManifestSources {
  readonly stdin: AsyncIterable<string | Uint8Array>;
}

export interface ManifestObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata?: { readonly name?: string; readonly namespace?: string; readonly labels?: Readonly<Record<string, string>> };
  readonly items?: readonly ManifestObject[];
}

/** `-` is stdin; of a folder, its .yaml, .yml and .json files by name, with `recursive` those below it as well. */
export async function readManifests(paths: readonly string[], { stdin }: ManifestSources, recursive: 'recursive' | 'flat'): Promise<ManifestDocument[]> {
  const documents: ManifestDocument[] = [];
  for (const path of paths) {
    const files = path === '-' ? ['-'] : await listFiles(path, recursive);
    for (const file of files) {
      const text = file === '-' ? await readAll(stdin) : await readFile(file, 'utf8');
      documents.push(...splitDocuments(text).map((each, index) => ({ source: `${file === '-' ? 'stdin' : file}, document ${index + 1}`, text: each })));
    }
  }
  return documents;
}

/** A line that begins with `---` begins a document, even within a block of text (YAML 1.2, 9.1.2). Joined, the documents are the text again. */
export function splitDocuments(text: string): string[] {
  return text.split(/^(?=---(?:[ \t\r\n]|$))/m).filter((document) => document !== '');
}

const KINDS = /\b(Pod|Deployment|StatefulSet|DaemonSet|CronJob|Job|[A-Za-z]*List|TenantCertificate|Namespace)\b/;

/** The object of a document; undefined for what cannot concern us, which need not even be YAML. */
export function parseDocument({ source, text }: ManifestDocument): ManifestObject | undefined {
  if (!KINDS.test(text)) return undefined;
  return attempt(source, () => asObject(parseLeniently(text)));
}

/** The same, refusing what kubectl would read differently: for a document that is going to be written. */
export function parseChangedDocument({ source, text }: ManifestDocument): ManifestObject | undefined {
  return attempt(source, () => asObject(parseStrictly(text)));
}

/** The document with another object, in its own notation (YAML or JSON), comments on its top kept. */
export function rewriteDocument({ text }: ManifestDocument, object: ManifestObject): string {
  const head = /^(?:(?:---|#)[^\n]*\n|[ \t\r]*\n)*/.exec(text)?.[0] ?? '';
  const isJson = text.slice(head.length).trimStart().startsWith('{');
  return head + (isJson ? `${JSON.stringify(object, null, 2)}\n` : writeYaml(object));
}

/** Documents after one another; a `---` where one would run into the next. */
export function joinDocuments(texts: readonly string[]): string {
  return texts.reduce((joined, text) => {
    if (joined === '') return text;
    const ended = joined.endsWith('\n') ? joined : `${joined}\n`;
    return text.startsWith('---') ? ended + text : `${ended}---\n${text}`;
  }, '');
}

function attempt<T>(source: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    // The parser's message quotes lines around the fault; a Secret may stand there.
    throw new UsageError([`${source}: ${describeError(error).split('\n')[0] ?? ''}`]);
  }
}

function asObject(value: unknown): ManifestObject | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined;
}

async function listFiles(path: string, recursive: 'recursive' | 'flat'): Promise<string[]> {
  let isFolder: boolean;
  try {
    isFolder = (await stat(path)).isDirectory();
  } catch (error) {
    throw new UsageError([`reading ${path}: ${describeError(error)}`]);
  }
  if (!isFolder) return [path];
  const entries = await readdir(path, { recursive: recursive === 'recursive', withFileTypes: true });
  return entries.filter((entry) => entry.isFile() && /\.(ya?ml|json)$/.test(entry.name)).map((entry) => join(entry.parentPath, entry.name)).sort();
}

async function readAll(stdin: AsyncIterable<string | Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of stdin) text += typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true });
  return text + decoder.decode();
}
