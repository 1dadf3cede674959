// docs/reference/command-line.md from the table of commands: what --help prints.
import { describeCommand } from '../../src/cli/command-line.ts';
import { COMMANDS } from '../../src/cli/commands.ts';

const HEAD = `<!-- Generated from src/cli by \`make generate\`; do not edit. -->
# kubectl tenant-mtls

A plugin of kubectl: a program \`kubectl-tenant_mtls\` on the PATH, which is a link to \`tenant-mtls\`; \`tenant-mtls COMMAND\` does the same.
Exit code 0: done, and the answer is yes. 1: the answer is no (not ready, refused, a problem), or it failed. 2: the command line is wrong;
every problem of it is told at once.

`;

export function commandLineReference(): string {
  return HEAD + COMMANDS.map((command) => `## ${command.name}\n\n\`\`\`text\n${describeCommand(command)}\`\`\`\n`).join('\n');
}
