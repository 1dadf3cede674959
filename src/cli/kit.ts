// `kit NAME --for TOOL`: the material of a TenantCertificate for a program outside the cluster, as files that this program takes.
import { randomBytes } from 'node:crypto';
import { resolve } from 'node:path';
import { UsageError } from '../errors.ts';
import { CONNECTION_FLAGS } from './cluster-connection.ts';
import type { CommandIo } from './command-io.ts';
import { gatherKit } from './kit/gather-kit.ts';
import { kitCommand, parsePlace, parseTool } from './kit/kit-arguments.ts';
import type { KitValues } from './kit/kit-arguments.ts';
import { KIT_FILE, TOOLS } from './kit/kit-parts.ts';
import type { Kit, KitMaterial } from './kit/kit-parts.ts';
import { planKit } from './kit/plan-kit.ts';
import { readMaterial } from './kit/read-material.ts';
import { writeKit } from './kit/write-kit.ts';
import { OUTPUT_FLAG, formatOutput, parseOutput } from './output.ts';
import { readArguments, requireName } from './read-arguments.ts';

export const KIT_FLAGS = {
  for: { type: 'string', value: 'TOOL', help: TOOLS.join(', ') },
  out: { type: 'string', value: 'DIR', help: 'directory to write; default: ./NAME-kit' },
  path: { type: 'string', value: 'PATH', help: 'where the directory will stand on the machine that uses it; default: DIR' },
  address: { type: 'string', value: 'HOST:PORT', help: 'for clients: the server to talk to' },
  'server-name': { type: 'string', value: 'NAME', help: 'for clients: the name its certificate must carry; default: HOST' },
  force: { type: 'boolean', help: 'write into a directory that holds something else' },
  ...CONNECTION_FLAGS,
  ...OUTPUT_FLAG,
} as const;

export async function kit(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = readArguments(args, KIT_FLAGS);
  const name = requireName(positionals, 'kit');
  const output = parseOutput(values.output);
  const directory = resolve(values.out ?? `${name}-kit`);
  const { tool, place } = parseRequest(values, directory);
  const { client, namespace } = io.connect(values);
  const objects = await gatherKit(client, { namespace, name }, (message) => io.stderr.write(`warning: ${message}\n`));
  const material = readMaterial(objects, new Date(io.now()));
  const command = kitCommand({ name, namespace, tool, directory, values });
  const planned = planKit(material, { tool, place, command, password: randomBytes(24).toString('base64url') });
  await writeKit(planned, { directory, overwrite: values.force === true ? 'anything' : 'own', env: process.env });
  io.stdout.write(formatOutput(summary(planned, material, directory), output, report));
  return 0;
}

function parseRequest(values: KitValues, directory: string) {
  const problems: string[] = [];
  const tool = parseTool(values.for, problems);
  const place = parsePlace(values, directory, problems);
  if (tool === undefined || problems.length > 0) throw new UsageError(problems);
  return { tool, place };
}

function summary({ record }: Kit, { serialNumber, notAfter, renewalTime, crlsEnd }: KitMaterial, directory: string) {
  const { namespace, name, tool, files } = record;
  return {
    namespace, name, tool, directory, serialNumber,
    notAfter: notAfter.toISOString(),
    ...(renewalTime === undefined ? {} : { renewalTime: renewalTime.toISOString() }),
    ...(crlsEnd === undefined ? {} : { crlsEnd: crlsEnd.toISOString() }),
    files: [...files, KIT_FILE.record].sort(),
  };
}

function report({ namespace, name, tool, directory, serialNumber, notAfter, files }: ReturnType<typeof summary>): string {
  const { readme } = KIT_FILE;
  return `${directory}: ${tool} kit of TenantCertificate ${namespace}/${name}, serial number ${serialNumber}, expires ${notAfter}\n${files.map((file) => `  ${file}\n`).join('')}${readme} says how to use and to renew it\n`;
}
