// The commands of `kubectl tenant-mtls`. This table is the only list of them: it dispatches and prints --help.
import { RENEW_FLAGS, REVOKE_FLAGS, renew, revoke } from './change-certificate.ts';
import type { CommandIo } from './command-io.ts';
import { CREATE_AUTHORITY_FLAGS, createAuthority } from './create-authority.ts';
import { DOCTOR_FLAGS, doctor } from './doctor.ts';
import { explain } from './explain.ts';
import { injectFiles } from './inject.ts';
import { INJECT_FLAGS, UNINJECT_FLAGS } from './inject-arguments.ts';
import { INSTALL_FLAGS, install } from './install.ts';
import { KIT_FLAGS, kit } from './kit.ts';
import type { Flags } from './read-arguments.ts';
import { STATUS_FLAGS, status } from './status.ts';
import { uninjectFiles } from './uninject.ts';

export interface Command {
  /** One word or two. */
  readonly name: string;
  readonly operands: string;
  readonly summary: string;
  readonly flags: Flags;
  /** Resolves to the exit code; throws a UsageError (exit code 2) or what went wrong (1). */
  readonly run: (args: readonly string[], io: CommandIo) => Promise<number>;
}

export const COMMANDS: readonly Command[] = [
  { name: 'status', operands: '[NAME]', summary: 'TenantCertificates and how far they have got; with NAME its conditions and pods', flags: STATUS_FLAGS, run: status },
  { name: 'explain', operands: 'POD | KIND/NAME | -f FILE', summary: 'would it get a sidecar, and why not', flags: INJECT_FLAGS, run: explain },
  { name: 'inject', operands: '-f FILE', summary: 'write manifests with sidecars, as the webhook would inject them', flags: INJECT_FLAGS, run: injectFiles },
  { name: 'uninject', operands: '-f FILE', summary: 'take sidecars out of manifests', flags: UNINJECT_FLAGS, run: uninjectFiles },
  { name: 'renew', operands: 'NAME', summary: 'have a certificate renewed now', flags: RENEW_FLAGS, run: renew },
  { name: 'revoke', operands: 'NAME | --serial SERIAL --tenant TENANT', summary: 'revoke every certificate of a TenantCertificate, or one of a Tenant', flags: REVOKE_FLAGS, run: revoke },
  { name: 'kit', operands: 'NAME --for TOOL', summary: 'write a certificate for curl, haproxy, nginx, stunnel, openssl or java outside the cluster', flags: KIT_FLAGS, run: kit },
  { name: 'ca create', operands: 'NAME', summary: 'create a self-signed authority in a namespace', flags: CREATE_AUTHORITY_FLAGS, run: createAuthority },
  { name: 'install', operands: '', summary: 'install the operator into the cluster, or bring it up to date', flags: INSTALL_FLAGS, run: install },
  { name: 'doctor', operands: '', summary: 'check the installation and say what to do', flags: DOCTOR_FLAGS, run: doctor },
];
