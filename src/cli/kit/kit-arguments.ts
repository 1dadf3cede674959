// The flags of `kit`, checked, and the command line that gives the same kit again. Every problem is told at once.
import { TOOLS } from './kit-parts.ts';
import type { KitPlace, KitServer, Tool } from './kit-parts.ts';
import { parseAddress, parseServerName, pathProblem, shellWord } from './kit-values.ts';
import type { Address, ServerName } from './kit-values.ts';

export interface KitValues {
  readonly for?: string | undefined;
  readonly path?: string | undefined;
  readonly address?: string | undefined;
  readonly 'server-name'?: string | undefined;
}

export function parseTool(text: string | undefined, problems: string[]): Tool | undefined {
  const tool = TOOLS.find((known) => known === text);
  if (tool === undefined) problems.push(text === undefined ? `kit needs --for TOOL, one of ${TOOLS.join(', ')}` : `--for ${shown(text)}: must be one of ${TOOLS.join(', ')}`);
  return tool;
}

/** `directory` is absolute. */
export function parsePlace(values: KitValues, directory: string, problems: string[]): KitPlace {
  for (const [flag, path] of [['out', directory], ['path', values.path]] as const) {
    const problem = path === undefined ? undefined : pathProblem(path);
    if (problem !== undefined) problems.push(`--${flag} ${shown(path ?? '')}: ${problem}`);
  }
  const server = parseServer(values, problems);
  return { directory: (values.path ?? directory).replace(/\/+$/, ''), ...(server === undefined ? {} : { server }) };
}

function parseServer(values: KitValues, problems: string[]): KitServer | undefined {
  const checked = <T>(flag: 'address' | 'server-name', parse: (text: string) => T | undefined, must: string): T | undefined => {
    const text = values[flag];
    const value = text === undefined ? undefined : parse(text);
    if (text !== undefined && value === undefined) problems.push(`--${flag} ${shown(text)}: must be ${must}`);
    return value;
  };
  const address = checked('address', parseAddress, 'HOST:PORT or [IPv6]:PORT');
  const name = checked('server-name', parseServerName, 'a host name or an IP address');
  if (values.address === undefined && values['server-name'] !== undefined) problems.push('--server-name goes with --address only');
  return address === undefined ? undefined : withName(address, name);
}

function withName(address: Address, name: ServerName | undefined = parseServerName(address.host)): KitServer | undefined {
  return name === undefined ? undefined : { address, name };
}

function shown(text: string): string {
  return JSON.stringify(text.slice(0, 80)).slice(1, -1);
}

interface Asked {
  readonly name: string;
  readonly namespace: string;
  readonly tool: Tool;
  readonly directory: string;
  readonly values: KitValues;
}

/** The values have been checked. */
export function kitCommand({ name, namespace, tool, directory, values }: Asked): string {
  const optional = (['path', 'address', 'server-name'] as const).flatMap((flag) => (values[flag] === undefined ? [] : [`--${flag}`, shellWord(values[flag])]));
  return ['kubectl tenant-mtls kit', name, '-n', shellWord(namespace), '--for', tool, '--out', shellWord(directory), ...optional].join(' ');
}
