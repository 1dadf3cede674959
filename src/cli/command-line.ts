// Arguments of `kubectl tenant-mtls` -> the command that they name, or help.
import { UsageError } from '../errors.ts';
import type { CommandIo } from './command-io.ts';
import { COMMANDS } from './commands.ts';
import type { Command } from './commands.ts';
import { describeFlags } from './read-arguments.ts';

/** Resolves to the exit code. */
export async function runCommandLine(args: readonly string[], io: CommandIo): Promise<number> {
  const [first = 'help'] = args;
  const command = COMMANDS.find(({ name }) => name.split(' ').every((word, index) => args[index] === word));
  if (command !== undefined) {
    const rest = args.slice(command.name.split(' ').length);
    if (!asksForHelp(rest)) return await command.run(rest, io);
    io.stdout.write(describeCommand(command));
    return 0;
  }
  if (!asksForHelp(args) && first !== 'help') throw new UsageError([`unknown command "${args.slice(0, 2).join(' ').slice(0, 80)}"; see --help`]);
  io.stdout.write(OVERVIEW);
  return 0;
}

function asksForHelp(args: readonly string[]): boolean {
  return args.some((argument) => argument === '--help' || argument === '-h');
}

/** What --help prints. */
export function describeCommand({ name, operands, summary, flags }: Command): string {
  return `kubectl tenant-mtls ${name}: ${summary}\n\nUsage: kubectl tenant-mtls ${`${name} ${operands}`.trim()} [flags]\n\n${describeFlags(flags)}  -h, --help                     print this\n`;
}

const OVERVIEW = `kubectl tenant-mtls: mutual TLS for plain applications

Usage: kubectl tenant-mtls COMMAND [flags]     (or: tenant-mtls COMMAND [flags])

${COMMANDS.map(({ name, operands, summary }) => `  ${`${name} ${operands}`.trim().padEnd(46)} ${summary}\n`).join('')}
"kubectl tenant-mtls COMMAND --help" says more. Exit code 1: the answer is no, or it failed; 2: the command line is wrong.
`;
