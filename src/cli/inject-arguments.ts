// Arguments of inject, uninject and explain.
import { UsageError } from '../errors.ts';
import { CONNECTION_FLAGS } from './cluster-connection.ts';
import type { ConnectionOptions } from './cluster-connection.ts';
import { OUTPUT_FLAG, parseOutput } from './output.ts';
import type { OutputFormat } from './output.ts';
import { readArguments } from './read-arguments.ts';

export interface FileArguments {
  readonly files: readonly string[];
  readonly recursive: 'recursive' | 'flat';
  readonly rest: readonly string[];
}

export interface InjectArguments extends FileArguments {
  readonly connection: ConnectionOptions;
  /** Ask no cluster: certificates stand in the files. */
  readonly offline: 'offline' | 'online';
  readonly output: OutputFormat;
  readonly images: { readonly nginx?: string; readonly node?: string };
}

export const UNINJECT_FLAGS = {
  filename: { type: 'string', short: 'f', multiple: true, value: 'FILE', help: 'manifests: a file, a folder, or - for stdin; may be repeated' },
  recursive: { type: 'boolean', short: 'R', help: 'with folders, also those below them' },
} as const;

export const INJECT_FLAGS = {
  ...UNINJECT_FLAGS,
  offline: { type: 'boolean', help: 'ask no cluster: certificates stand in the files' },
  'nginx-image': { type: 'string', value: 'IMAGE', help: 'image of the nginx sidecar; default: the operator\'s' },
  'node-image': { type: 'string', value: 'IMAGE', help: 'image of the node sidecar; default: the operator\'s' },
  ...CONNECTION_FLAGS,
  ...OUTPUT_FLAG,
} as const;

export function parseInjectArguments(args: readonly string[]): InjectArguments {
  const { values, positionals } = readArguments(args, INJECT_FLAGS);
  const { 'nginx-image': nginx, 'node-image': node, namespace, context, kubeconfig } = values;
  return {
    ...readFileFlags(values),
    connection: { namespace, context, kubeconfig },
    offline: values.offline === true ? 'offline' : 'online',
    output: parseOutput(values.output),
    images: { ...(nginx === undefined ? {} : { nginx }), ...(node === undefined ? {} : { node }) },
    rest: positionals,
  };
}

export function parseUninjectArguments(args: readonly string[]): FileArguments {
  const { values, positionals } = readArguments(args, UNINJECT_FLAGS);
  return { ...readFileFlags(values), rest: positionals };
}

function readFileFlags({ filename, recursive }: { readonly filename?: string[]; readonly recursive?: boolean }): Omit<FileArguments, 'rest'> {
  return { files: filename ?? [], recursive: recursive === true ? 'recursive' : 'flat' };
}

/** `inject` and `uninject` take files only. */
export function requireFiles({ files, rest }: FileArguments, command: string): void {
  const problems = [
    ...(files.length === 0 ? [`${command} needs -f FILE, -f FOLDER or -f - for stdin`] : []),
    ...rest.map((argument) => `unknown argument "${argument.slice(0, 80)}"`),
  ];
  if (problems.length > 0) throw new UsageError(problems);
}
