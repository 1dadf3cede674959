// Flags and environment -> one frozen Config. The table below is the only description of an option: it parses, defaults and prints --help.
import { parseDurationMs } from './api/duration.ts';
import { UsageError } from './errors.ts';

interface Option {
  readonly flag: string;
  /** Environment variable that is read when the flag is absent. */
  readonly env?: string;
  readonly fallback: string;
  readonly help: string;
  readonly check?: (value: string) => string | undefined;
}

const isInteger = (minimum: number, maximum: number) => (value: string) =>
  /^\d{1,9}$/.test(value) && Number(value) >= minimum && Number(value) <= maximum ? undefined : `must be a whole number from ${minimum} to ${maximum}`;

const isOneOf = (...values: string[]) => (value: string) => (values.includes(value) ? undefined : `must be one of ${values.join(', ')}`);

const isName = (value: string) => (/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(value) ? undefined : 'must be the name of a namespace or Service');

const isImage = (value: string) => (/^[\w.:/@-]{1,512}$/.test(value) ? undefined : 'must be an image reference');

const isDuration = (value: string) => (/^(\d{1,7}[hms])+$/.test(value) ? undefined : 'must be a duration such as 90s');

const isNamespaceList = (value: string) =>
  value === '' || value.split(',').every((name) => isName(name) === undefined) ? undefined : 'must be a comma-separated list of namespaces';

export const OPTIONS = {
  namespace: { flag: 'namespace', env: 'POD_NAMESPACE', fallback: 'tenant-mtls-system', help: 'namespace the operator runs in', check: isName },
  identity: { flag: 'identity', env: 'POD_NAME', fallback: '', help: 'name of this replica in the Lease; default: the host\'s name' },
  kubeconfig: { flag: 'kubeconfig', env: 'KUBECONFIG', fallback: '', help: 'kubeconfig file; default: the pod\'s ServiceAccount' },
  watchNamespaces: { flag: 'watch-namespaces', fallback: '', help: 'serve these namespaces only; default: all', check: isNamespaceList },
  nginxImage: { flag: 'nginx-image', env: 'NGINX_IMAGE', fallback: 'nginxinc/nginx-unprivileged:1.30.6-alpine', help: 'image of the nginx sidecar', check: isImage },
  nodeImage: { flag: 'node-image', env: 'NODE_IMAGE', fallback: 'tenant-mtls.dev/operator:dev', help: 'image of the node sidecar: the operator\'s own', check: isImage },
  webhookPort: { flag: 'webhook-port', fallback: '10250', help: 'port of the admission webhook', check: isInteger(0, 65_535) },
  webhookService: { flag: 'webhook-service', fallback: 'tenant-mtls-webhook', help: 'Service in front of the webhook', check: isName },
  webhookConfiguration: { flag: 'webhook-configuration', fallback: 'tenant-mtls', help: 'MutatingWebhookConfiguration whose caBundle is kept up to date' },
  deployment: { flag: 'deployment', fallback: 'tenant-mtls', help: 'the operator\'s own Deployment, whose status says whether the webhook answers', check: isName },
  webhook: { flag: 'webhook', fallback: 'on', help: 'on, or off to run without the admission webhook', check: isOneOf('on', 'off') },
  metricsPort: { flag: 'metrics-port', fallback: '8080', help: 'port of /metrics, /healthz and /readyz', check: isInteger(0, 65_535) },
  workers: { flag: 'workers', fallback: '16', help: 'certificates reconciled at once', check: isInteger(1, 256) },
  rotationWait: { flag: 'rotation-wait', fallback: '90s', help: 'while a CA is replaced: how long pods are given to load what was written', check: isDuration },
  leaderElection: { flag: 'leader-election', fallback: 'on', help: 'on, or off when there is only one replica', check: isOneOf('on', 'off') },
  logLevel: { flag: 'log-level', env: 'LOG_LEVEL', fallback: 'info', help: 'debug, info, warn or error', check: isOneOf('debug', 'info', 'warn', 'error') },
} as const satisfies Record<string, Option>;

type Raw = Record<keyof typeof OPTIONS, string>;

export interface Config {
  readonly namespace: string;
  readonly identity: string;
  /** '' stands for the pod's ServiceAccount. */
  readonly kubeconfig: string;
  /** Empty: all namespaces. */
  readonly watchNamespaces: readonly string[];
  readonly images: { readonly nginx: string; readonly node: string };
  readonly webhook: { readonly enabled: boolean; readonly port: number; readonly service: string; readonly configuration: string; readonly deployment: string };
  readonly metricsPort: number;
  readonly workers: number;
  readonly rotationWaitMs: number;
  readonly leaderElection: boolean;
  readonly logLevel: string;
}

/** Reads `--flag value` and `--flag=value`; throws a UsageError that lists every problem. */
export function parseConfig(args: readonly string[], env: Readonly<Record<string, string | undefined>>, hostname: string): Config {
  const { values, problems } = readFlags(args);
  const raw = Object.fromEntries(
    Object.entries(OPTIONS as Record<string, Option>).map(([key, option]) => {
      const value = values.get(option.flag) ?? (option.env === undefined ? undefined : env[option.env]) ?? option.fallback;
      const problem = option.check?.(value);
      if (problem !== undefined) problems.push(`--${option.flag}${option.env === undefined ? '' : ` (or ${option.env})`} ${problem}, not "${value.slice(0, 80)}"`);
      return [key, value];
    }),
  ) as Raw;
  if (problems.length > 0) throw new UsageError(problems);
  return Object.freeze({
    namespace: raw.namespace,
    identity: raw.identity === '' ? hostname : raw.identity,
    kubeconfig: raw.kubeconfig,
    watchNamespaces: raw.watchNamespaces === '' ? [] : raw.watchNamespaces.split(','),
    images: { nginx: raw.nginxImage, node: raw.nodeImage },
    webhook: { enabled: raw.webhook === 'on', port: Number(raw.webhookPort), service: raw.webhookService, configuration: raw.webhookConfiguration, deployment: raw.deployment },
    metricsPort: Number(raw.metricsPort),
    workers: Number(raw.workers),
    rotationWaitMs: parseDurationMs(raw.rotationWait),
    leaderElection: raw.leaderElection === 'on',
    logLevel: raw.logLevel,
  });
}

function readFlags(args: readonly string[]): { values: Map<string, string>; problems: string[] } {
  const known = new Set<string>(Object.values(OPTIONS).map(({ flag }) => flag));
  const values = new Map<string, string>();
  const problems: string[] = [];
  for (let index = 0; index < args.length; index += 1) {
    const [, flag = '', inline] = /^--([a-z-]+)(?:=([\s\S]*))?$/.exec(args[index] ?? '') ?? [];
    if (!known.has(flag)) {
      problems.push(`unknown argument "${(args[index] ?? '').slice(0, 80)}"; see --help`);
      continue;
    }
    if (inline === undefined) index += 1;
    const value = inline ?? args[index];
    if (value === undefined) problems.push(`--${flag} needs a value`);
    else values.set(flag, value);
  }
  return { values, problems };
}

/** The options as lines of --help. */
export function describeOptions(): string {
  return Object.values(OPTIONS as Record<string, Option>)
    .map(({ flag, env, fallback, help }) => `  --${flag.padEnd(23)} ${help}${fallback === '' ? '' : ` (default ${fallback})`}${env === undefined ? '' : ` [${env}]`}`)
    .join('\n');
}
