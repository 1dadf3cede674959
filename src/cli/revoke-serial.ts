// `revoke --serial SERIAL --tenant TENANT`: one certificate of a Tenant goes on its CRL, also one whose TenantCertificate is gone.
import type { RevocationReason } from '../api/tenant-certificate.ts';
import type { Tenant } from '../api/tenant.ts';
import { UsageError } from '../errors.ts';
import { resources } from '../kube/resources.ts';
import type { ConnectionOptions } from './cluster-connection.ts';
import type { CommandIo } from './command-io.ts';
import { formatOutput } from './output.ts';
import type { OutputFormat } from './output.ts';

export interface SerialRevocation {
  readonly serial: string;
  readonly tenant: string | undefined;
  readonly reason: RevocationReason;
  readonly connection: ConnectionOptions;
  readonly output: OutputFormat;
}

export async function revokeSerial({ serial, tenant, reason, connection, output }: SerialRevocation, io: CommandIo): Promise<number> {
  const serialNumber = normalize(serial);
  if (tenant === undefined) throw new UsageError(['--serial needs --tenant TENANT, whose CRL it goes on; certificates of other issuers are revoked by NAME']);
  const { client } = io.connect(connection);
  const { metadata, spec } = await client.get<Tenant>(resources.Tenant, { name: tenant });
  const revoked = spec.revoked ?? [];
  if (revoked.some((entry) => entry.serialNumber !== undefined && normalize(entry.serialNumber) === serialNumber)) {
    io.stdout.write(`serial number ${serialNumber} of Tenant ${tenant} is revoked already\n`);
    return 0;
  }
  // With its resourceVersion the patch fails if somebody else has changed the list meanwhile.
  const patch = { metadata: { resourceVersion: metadata.resourceVersion }, spec: { revoked: [...revoked, { serialNumber, reason }] } };
  const changed = await client.mergePatch<Tenant>(resources.Tenant, { name: tenant }, patch);
  io.stdout.write(formatOutput(changed, output, () => `serial number ${serialNumber} of Tenant ${tenant} revoked (${reason})\n`));
  return 0;
}

/** As `openssl x509 -serial` prints it; colons and a 0x in front are how others do. */
function normalize(text: string): string {
  const digits = text.replace(/^0x/i, '').replaceAll(':', '').toUpperCase();
  if (!/^[0-9A-F]{1,64}$/.test(digits)) throw new UsageError([`--serial ${text.slice(0, 80)}: must be hexadecimal digits`]);
  return digits.replace(/^(00)+(?=..)/, '');
}
