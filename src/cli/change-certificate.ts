// `renew NAME` and `revoke NAME`: one small change of a TenantCertificate, of which the operator does the rest.
import { RENEW_ANNOTATION } from '../api/names.ts';
import { REVOCATION_REASONS } from '../api/closed-sets.ts';
import type { RevocationReason, TenantCertificate } from '../api/tenant-certificate.ts';
import { UsageError } from '../errors.ts';
import { resources } from '../kube/resources.ts';
import { CONNECTION_FLAGS } from './cluster-connection.ts';
import type { ConnectionOptions } from './cluster-connection.ts';
import type { CommandIo } from './command-io.ts';
import { OUTPUT_FLAG, formatOutput, parseOutput } from './output.ts';
import type { OutputFormat } from './output.ts';
import { readArguments, refusePositionals, requireName } from './read-arguments.ts';
import { revokeSerial } from './revoke-serial.ts';

export const RENEW_FLAGS = { ...CONNECTION_FLAGS, ...OUTPUT_FLAG } as const;

export const REVOKE_FLAGS = {
  serial: { type: 'string', value: 'SERIAL', help: 'instead of NAME: one certificate, by its serial number in hexadecimal' },
  tenant: { type: 'string', value: 'TENANT', help: 'with --serial: the Tenant whose authority has issued it' },
  reason: { type: 'string', value: 'REASON', help: `${REVOCATION_REASONS.join(', ')} (default unspecified)` },
  ...RENEW_FLAGS,
} as const;

export async function renew(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = readArguments(args, RENEW_FLAGS);
  const name = requireName(positionals, 'renew');
  const patch = { metadata: { annotations: { [RENEW_ANNOTATION]: new Date(io.now()).toISOString() } } };
  return await change({ name, patch, connection: values, said: 'renewal requested', output: parseOutput(values.output) }, io);
}

/** With a NAME every unexpired serial of the certificate goes on the CRL, and nothing is issued again until spec.revoked is taken away. */
export async function revoke(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = readArguments(args, REVOKE_FLAGS);
  const { serial, tenant } = values;
  const reason = parseReason(values.reason);
  const output = parseOutput(values.output);
  if (serial !== undefined) {
    refusePositionals(positionals);
    return await revokeSerial({ serial, tenant, reason, connection: values, output }, io);
  }
  if (tenant !== undefined) throw new UsageError(['--tenant goes with --serial only']);
  const name = requireName(positionals, 'revoke');
  return await change({ name, patch: { spec: { revoked: { reason } } }, connection: values, said: `revoked (${reason})`, output }, io);
}

function parseReason(text: string = 'unspecified'): RevocationReason {
  const reason = REVOCATION_REASONS.find((known) => known === text);
  if (reason === undefined) throw new UsageError([`--reason ${text.slice(0, 40)}: must be one of ${REVOCATION_REASONS.join(', ')}`]);
  return reason;
}

interface Change {
  readonly name: string;
  readonly patch: object;
  readonly connection: ConnectionOptions;
  readonly said: string;
  readonly output: OutputFormat;
}

async function change({ name, patch, connection, said, output }: Change, io: CommandIo): Promise<number> {
  const { client, namespace } = io.connect(connection);
  const changed = await client.mergePatch<TenantCertificate>(resources.TenantCertificate, { namespace, name }, patch);
  io.stdout.write(formatOutput(changed, output, () => `tenantcertificate/${name} ${said}\n`));
  return 0;
}
