// `install`: the objects of `kubectl apply -k deploy`, applied to the cluster of the kubeconfig, and then whether it works.
// Safe to repeat: what the flags and the manifests say is what is there afterwards.
import { setTimeout as sleep } from 'node:timers/promises';
import { parseDurationMs } from '../api/duration.ts';
import { OPTIONS } from '../config.ts';
import { UsageError } from '../errors.ts';
import { CONNECTION_FLAGS } from './cluster-connection.ts';
import type { ConnectionOptions } from './cluster-connection.ts';
import type { CommandIo } from './command-io.ts';
import { diagnose, reportChecks } from './doctor.ts';
import { applyManifests, requireNamespaces, withdrawRights } from './install/apply-manifests.ts';
import { SYSTEM_NAMESPACE, customizeManifests, servedNamespaces } from './install/customize-manifests.ts';
import type { Customization } from './install/customize-manifests.ts';
import type { InstalledObject } from './install/installed-object.ts';
import { readManifests } from './install/read-manifests.ts';
import { waitForRollout } from './install/rollout.ts';
import { writeYaml } from './manifest-yaml.ts';
import { parseOutput } from './output.ts';
import { readArguments, refusePositionals } from './read-arguments.ts';

export const INSTALL_FLAGS = {
  image: { type: 'string', value: 'IMAGE', help: 'image of the operator, where you have pushed it; also that of the node sidecar' },
  'nginx-image': { type: 'string', value: 'IMAGE', help: `image of the nginx sidecar (default ${OPTIONS.nginxImage.fallback})` },
  replicas: { type: 'string', value: 'N', help: 'replicas of the operator (default 2)' },
  'watch-namespaces': { type: 'string', value: 'A,B', help: 'serve these namespaces only, with rights in no other' },
  timeout: { type: 'string', value: 'DURATION', help: 'how long to wait for the operator (default 3m)' },
  'dry-run': { type: 'boolean', help: 'have the API server check everything and store nothing' },
  context: CONNECTION_FLAGS.context,
  kubeconfig: CONNECTION_FLAGS.kubeconfig,
  output: { type: 'string', short: 'o', value: 'FORMAT', help: 'json or yaml: print the manifests and touch no cluster' },
} as const;

interface InstallArguments {
  readonly customization: Customization;
  readonly timeoutMs: number;
  readonly mode: 'apply' | 'pretend';
  readonly output: ReturnType<typeof parseOutput>;
  readonly connection: ConnectionOptions;
}

/** Exit code 1: it did not become ready, or doctor has found a problem. */
export async function install(args: readonly string[], io: CommandIo): Promise<number> {
  const { customization, timeoutMs, mode, output, connection } = parseInstallArguments(args);
  const objects = customizeManifests(await readManifests(), customization);
  if (output !== 'table') {
    io.stdout.write(output === 'json' ? writeList(objects) : objects.map(writeYaml).join('---\n'));
    return 0;
  }
  const { client } = io.connect(connection);
  const say = (line: string) => io.stdout.write(line);
  const served = servedNamespaces(customization);
  if (served !== undefined) await requireNamespaces(client, served);
  await applyManifests(client, objects, { mode, say });
  if (served !== undefined) await withdrawRights(client, served, { mode, say });
  if (mode === 'pretend') return 0;
  await waitForRollout(client, { timeoutMs, say });
  return await tellVerdict(client, io);
}

function writeList(items: readonly InstalledObject[]): string {
  return `${JSON.stringify({ apiVersion: 'v1', kind: 'List', items }, null, 2)}\n`;
}

/** The leader writes the caBundle within seconds after it has become ready, and API servers take a moment to notice. */
const SETTLE_MS = 30_000;

async function tellVerdict(client: Parameters<typeof diagnose>[0], io: CommandIo): Promise<number> {
  const signal = AbortSignal.timeout(SETTLE_MS);
  for (;;) {
    const results = await diagnose(client, SYSTEM_NAMESPACE);
    const isWell = results.every(({ outcome }) => outcome === 'ok');
    if (isWell || signal.aborted) {
      io.stdout.write(reportChecks(results));
      return isWell ? 0 : 1;
    }
    await sleep(1000);
  }
}

function parseInstallArguments(args: readonly string[]): InstallArguments {
  const { values, positionals } = readArguments(args, INSTALL_FLAGS);
  refusePositionals(positionals);
  const { image, 'nginx-image': nginxImage, 'watch-namespaces': watch, replicas, timeout = '3m', context, kubeconfig } = values;
  const problems = [
    ...problemsOf('image', image, OPTIONS.nodeImage.check),
    ...problemsOf('nginx-image', nginxImage, OPTIONS.nginxImage.check),
    ...problemsOf('watch-namespaces', watch, (text) => (text === '' ? 'must name a namespace' : OPTIONS.watchNamespaces.check(text))),
    ...problemsOf('replicas', replicas, (text) => (/^[1-9]$/.test(text) ? undefined : 'must be a whole number from 1 to 9')),
    ...problemsOf('timeout', timeout, OPTIONS.rotationWait.check),
  ];
  if (problems.length > 0) throw new UsageError(problems);
  return {
    customization: { image, nginxImage, replicas: replicas === undefined ? undefined : Number(replicas), watchNamespaces: watch?.split(',') },
    timeoutMs: parseDurationMs(timeout),
    mode: values['dry-run'] === true ? 'pretend' : 'apply',
    output: parseOutput(values.output),
    connection: { context, kubeconfig },
  };
}

function problemsOf(flag: string, text: string | undefined, check: (text: string) => string | undefined): string[] {
  const problem = text === undefined ? undefined : check(text);
  return problem === undefined ? [] : [`--${flag} ${problem}, not "${text?.slice(0, 80) ?? ''}"`];
}
