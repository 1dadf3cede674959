// Arguments of inject, uninject and explain.
import { parseArgs } from 'node:util';
import { UsageError, describeError } from '../errors.ts';

export interface InjectArguments {
  readonly files: readonly string[];
  readonly recursive: 'recursive' | 'flat';
  readonly namespace: string | undefined;
  /** Ask no cluster: certificates stand in the files. */
  readonly offline: 'offline' | 'online';
  readonly output: 'table' | 'json' | 'yaml';
  readonly images: { readonly nginx?: string; readonly node?: string };
  readonly rest: readonly string[];
}

const OPTIONS = {
  filename: { type: 'string', short: 'f', multiple: true },
  recursive: { type: 'boolean', short: 'R' },
  namespace: { type: 'string', short: 'n' },
  offline: { type: 'boolean' },
  output: { type: 'string', short: 'o' },
  'nginx-image': { type: 'string' },
  'node-image': { type: 'string' },
} as const;

export function parseInjectArguments(args: readonly string[]): InjectArguments {
  const { values, positionals } = parse(args);
  const output = values.output ?? 'table';
  if (output !== 'table' && output !== 'json' && output !== 'yaml') throw new UsageError([`-o ${output.slice(0, 40)}: must be json, yaml or table`]);
  const { 'nginx-image': nginx, 'node-image': node } = values;
  return {
    files: values.filename ?? [],
    recursive: values.recursive === true ? 'recursive' : 'flat',
    namespace: values.namespace,
    offline: values.offline === true ? 'offline' : 'online',
    output,
    images: { ...(nginx === undefined ? {} : { nginx }), ...(node === undefined ? {} : { node }) },
    rest: positionals,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw new UsageError([describeError(error)]);
  }
}

/** `inject` and `uninject` take files only. */
export function requireFiles({ files, rest }: InjectArguments, command: string): void {
  const problems = [
    ...(files.length === 0 ? [`${command} needs -f FILE, -f FOLDER or -f - for stdin`] : []),
    ...rest.map((argument) => `unknown argument "${argument.slice(0, 80)}"`),
  ];
  if (problems.length > 0) throw new UsageError(problems);
}
