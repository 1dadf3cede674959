// Reads the arguments of a command by a table of its flags, which also prints its --help. One rule: every problem is told at once.
import { parseArgs } from 'node:util';
import { UsageError, describeError } from '../errors.ts';

export interface Flag {
  readonly type: 'string' | 'boolean';
  readonly short?: string;
  readonly multiple?: true;
  /** What --help calls the value. */
  readonly value?: string;
  readonly help: string;
}

export type Flags = Readonly<Record<string, Flag>>;

export function readArguments<const F extends Flags>(args: readonly string[], flags: F) {
  const problems = findProblems(args, flags);
  if (problems.length > 0) throw new UsageError(problems);
  try {
    return parseArgs({ args: [...args], options: flags, allowPositionals: true });
  } catch (error) {
    throw new UsageError([describeError(error)]);
  }
}

/** The lenient parser finds them all, the strict one stops at the first. */
function findProblems(args: readonly string[], flags: Flags): string[] {
  const { tokens } = parseArgs({ args: [...args], options: flags, strict: false, allowPositionals: true, tokens: true });
  return tokens.flatMap((token) => {
    if (token.kind !== 'option') return [];
    const flag = Object.hasOwn(flags, token.name) ? flags[token.name] : undefined;
    if (flag === undefined) return [`unknown flag ${token.rawName.slice(0, 80)}; see --help`];
    if (flag.type === 'boolean') return token.value === undefined ? [] : [`${token.rawName} takes no value`];
    return token.value === undefined ? [`${token.rawName} needs a value`] : [];
  });
}

/** Exactly one name; throws what else was given. */
export function requireName(positionals: readonly string[], command: string): string {
  const [name, ...others] = positionals;
  const problems = others.map((argument) => `unknown argument "${argument.slice(0, 80)}"`);
  if (name === undefined) problems.push(`${command} needs the NAME of a TenantCertificate`);
  else if (!/^[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?$/.test(name)) problems.push(`"${name.slice(0, 80)}" is no name of a TenantCertificate`);
  if (problems.length > 0) throw new UsageError(problems);
  return name ?? '';
}

export function refusePositionals(positionals: readonly string[]): void {
  if (positionals.length > 0) throw new UsageError(positionals.map((argument) => `unknown argument "${argument.slice(0, 80)}"`));
}

/** Lines of --help. */
export function describeFlags(flags: Flags): string {
  const lines = Object.entries(flags).map(([name, { short, value, help }]) => {
    const shown = `${short === undefined ? '    ' : `-${short}, `}--${name}${value === undefined ? '' : ` ${value}`}`;
    return `  ${shown.padEnd(30)} ${help}\n`;
  });
  return lines.join('');
}
