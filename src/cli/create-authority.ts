// `ca create NAME`: a self-signed root of a namespace, whose Secret is an issuer for its TenantCertificates.
import { API_VERSION } from '../api/names.ts';
import { isAlreadyExists } from '../kube/api-error.ts';
import { resources } from '../kube/resources.ts';
import { CONNECTION_FLAGS } from './cluster-connection.ts';
import type { CommandIo } from './command-io.ts';
import { OUTPUT_FLAG, formatOutput, parseOutput } from './output.ts';
import { writeYaml } from './manifest-yaml.ts';
import { readArguments, requireName } from './read-arguments.ts';

export const CREATE_AUTHORITY_FLAGS = {
  'common-name': { type: 'string', value: 'NAME', help: 'subject of the authority; default: NAME' },
  'secret-name': { type: 'string', value: 'NAME', help: 'Secret that holds certificate and key; default: NAME' },
  duration: { type: 'string', value: 'DURATION', help: 'validity, such as 87600h; default: the API\'s' },
  'dry-run': { type: 'boolean', help: 'print the manifest and create nothing' },
  ...CONNECTION_FLAGS,
  ...OUTPUT_FLAG,
} as const;

export async function createAuthority(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = readArguments(args, CREATE_AUTHORITY_FLAGS);
  const name = requireName(positionals, 'ca create');
  const output = parseOutput(values.output);
  const { 'common-name': commonName = name, 'secret-name': secretName = name, duration } = values;
  const spec = { issuer: { kind: 'SelfSigned' }, commonName, isCA: true, secretName, ...(duration === undefined ? {} : { duration }) };
  const manifest = { apiVersion: API_VERSION, kind: 'TenantCertificate', metadata: { name, ...(values.namespace === undefined ? {} : { namespace: values.namespace }) }, spec };
  if (values['dry-run'] === true) {
    io.stdout.write(formatOutput(manifest, output, writeYaml));
    return 0;
  }
  const { client, namespace } = io.connect(values);
  try {
    const created = await client.create(resources.TenantCertificate, { ...manifest, metadata: { name, namespace } });
    io.stdout.write(formatOutput(created, output, () => `tenantcertificate/${name} created; issuer: {kind: Secret, name: ${secretName}}\n`));
    return 0;
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    io.stderr.write(`namespace ${namespace} has a TenantCertificate ${name} already\n`);
    return 1;
  }
}
