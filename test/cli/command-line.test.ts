import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runCommandLine } from '../../src/cli/command-line.ts';
import { COMMANDS } from '../../src/cli/commands.ts';
import type { CommandIo } from '../../src/cli/command-io.ts';
import { parseStrictly } from '../../src/cli/manifest-yaml.ts';
import { UsageError } from '../../src/errors.ts';
import { captureIo } from './inject-io.ts';

function commandIo(): CommandIo & { out: () => string } {
  return { ...captureIo(), connect: () => assert.fail('no cluster is needed'), now: () => 0 };
}

const problemsOf = async (...args: string[]) => {
  const error = await runCommandLine(args, commandIo()).catch((thrown: unknown) => thrown);
  assert.ok(error instanceof UsageError, String(error));
  return error.problems;
};

describe('runCommandLine', () => {
  for (const { name, flags } of COMMANDS) {
    it(`prints the help of ${name} with every flag`, async () => {
      const io = commandIo();
      assert.equal(await runCommandLine([...name.split(' '), '--help'], io), 0);
      for (const flag of Object.keys(flags)) assert.match(io.out(), new RegExp(`--${flag}\\b`));
      assert.match(io.out(), new RegExp(`^kubectl tenant-mtls ${name}: `));
    });
  }

  for (const args of [[], ['help'], ['--help'], ['-h']]) {
    it(`lists every command when asked with "${args.join(' ')}"`, async () => {
      const io = commandIo();
      assert.equal(await runCommandLine(args, io), 0);
      for (const { name } of COMMANDS) assert.match(io.out(), new RegExp(`^  ${name}\\b`, 'm'));
    });
  }

  const wrong: Record<string, { args: string[]; problems: string[] }> = {
    'a command that does not exist': { args: ['explode'], problems: ['unknown command "explode"; see --help'] },
    'half a command': { args: ['ca'], problems: ['unknown command "ca"; see --help'] },
    'every unknown flag at once': { args: ['status', '--foo', '-z', '--bar=1'], problems: ['unknown flag --foo; see --help', 'unknown flag -z; see --help', 'unknown flag --bar; see --help'] },
    'a flag without its value': { args: ['status', '-o'], problems: ['-o needs a value'] },
    'a value of a flag that takes none': { args: ['status', '--all-namespaces=yes'], problems: ['--all-namespaces takes no value'] },
    'a flag named like a property of every object': { args: ['status', '--constructor'], problems: ['unknown flag --constructor; see --help'] },
    'an output format that does not exist': { args: ['status', '-o', 'xml'], problems: ['-o xml: must be json, yaml or table'] },
    'no name to renew': { args: ['renew'], problems: ['renew needs the NAME of a TenantCertificate'] },
    'two names to renew': { args: ['renew', 'a', 'b'], problems: ['unknown argument "b"'] },
    'a name that is none': { args: ['renew', '../a'], problems: ['"../a" is no name of a TenantCertificate'] },
    'a name among all namespaces': { args: ['status', '-A', 'a'], problems: ['unknown argument "a"'] },
    'an unknown reason to revoke': { args: ['revoke', 'a', '--reason', 'spite'], problems: ['--reason spite: must be one of unspecified, keyCompromise, cACompromise, affiliationChanged, superseded, cessationOfOperation, privilegeWithdrawn'] },
    'a serial number without its tenant': { args: ['revoke', '--serial', 'AB12'], problems: ['--serial needs --tenant TENANT, whose CRL it goes on; certificates of other issuers are revoked by NAME'] },
    'a serial number that is none': { args: ['revoke', '--serial', 'hello', '--tenant', 'shop'], problems: ['--serial hello: must be hexadecimal digits'] },
    'a name beside a serial number': { args: ['revoke', 'hello', '--serial', 'AB12', '--tenant', 'shop'], problems: ['unknown argument "hello"'] },
    'a tenant without a serial number': { args: ['revoke', 'hello', '--tenant', 'shop'], problems: ['--tenant goes with --serial only'] },
    'a kit without a tool, with a name that is none': { args: ['kit', 'a;b'], problems: ['"a;b" is no name of a TenantCertificate'] },
    'everything that is wrong with a kit at once': { args: ['kit', 'a', '--address', 'edge'], problems: ['kit needs --for TOOL, one of curl, haproxy, nginx, stunnel, openssl, java', '--address edge: must be HOST:PORT or [IPv6]:PORT'] },
    'a hostile directory for a kit': { args: ['kit', 'a', '--for', 'curl', '--out', '/tmp/a"\ninsecure'], problems: ['--out /tmp/a\\"\\ninsecure: stands in configuration files of other programs: letters, digits, single spaces and . _ / @ + ~ - only'] },
    'everything that is wrong with an installation at once': {
      args: ['install', '--image', 'a b', '--nginx-image', '', '--replicas', '0', '--watch-namespaces', 'a,,b', '--timeout', 'soon'],
      problems: ['--image must be an image reference, not "a b"', '--nginx-image must be an image reference, not ""', '--watch-namespaces must be a comma-separated list of namespaces, not "a,,b"', '--replicas must be a whole number from 1 to 9, not "0"', '--timeout must be a duration such as 90s, not "soon"'],
    },
    'a list of no namespaces': { args: ['install', '--watch-namespaces', ''], problems: ['--watch-namespaces must name a namespace, not ""'] },
    'an argument of doctor': { args: ['doctor', 'me'], problems: ['unknown argument "me"'] },
    'a flag of inject that uninject has no use for': { args: ['uninject', '-f', '-', '--offline'], problems: ['unknown flag --offline; see --help'] },
  };
  for (const [name, { args, problems }] of Object.entries(wrong)) {
    it(`refuses ${name}`, async () => assert.deepEqual(await problemsOf(...args), problems));
  }

  it('prints the manifest of an authority instead of creating it', async () => {
    const io = commandIo();
    assert.equal(await runCommandLine(['ca', 'create', 'shop-ca', '--dry-run', '-n', 'shop', '--duration', '87600h'], io), 0);
    assert.deepEqual(parseStrictly(io.out()), {
      apiVersion: 'tenant-mtls.dev/v1alpha1',
      kind: 'TenantCertificate',
      metadata: { name: 'shop-ca', namespace: 'shop' },
      spec: { issuer: { kind: 'SelfSigned' }, commonName: 'shop-ca', isCA: true, secretName: 'shop-ca', duration: '87600h' },
    });
  });
});
