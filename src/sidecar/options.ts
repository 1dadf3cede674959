// Command line and environment of the node engine -> options; every problem is told at once.
import { parseArgs } from 'node:util';
import { SIDECAR, SIDECAR_ENV } from '../api/names.ts';
import { readProbeRoutes, type ProbeRoute } from '../api/probes.ts';
import { LISTEN_TABLES } from './plaintext-check.ts';
import { DEFAULTS, type ProxyOptions } from './run-proxy.ts';

export const HELP = `Usage: tenant-mtls proxy [--dir DIR] [options]

Runs the node engine on the files of a TenantCertificate (certs/, caCerts/, conf/), inside or outside Kubernetes, and reloads them when they change.

  --dir DIR                directory of the files (default ${SIDECAR.directory})
  --status-port PORT       /healthz, /status and /metrics (default ${SIDECAR.statusPort})
  --status-host ADDRESS    address of that port (default: all)
  --drain-timeout SECONDS  after SIGTERM, what is still open after this time is cut (default ${DEFAULTS.drainTimeoutMs / 1000})
  --unsafe-no-manifest     load files without conf/manifest: a half-written set would be loaded
  --help                   this text
`;

export type Options = Omit<ProxyOptions, 'output'>;
export type ParsedOptions = { readonly kind: 'run'; readonly options: Options } | { readonly kind: 'help' } | { readonly kind: 'invalid'; readonly problems: readonly string[] };

type Environment = Readonly<Record<string, string | undefined>>;

export function parseOptions(args: readonly string[], environment: Environment): ParsedOptions {
  const flags = readFlags(args);
  if (typeof flags === 'string') return { kind: 'invalid', problems: [flags] };
  if (flags.help === true) return { kind: 'help' };
  const numbers = new Numbers();
  const drainSeconds = numbers.read('--drain-timeout', flags['drain-timeout'], 86_400) ?? DEFAULTS.drainTimeoutMs / 1000;
  const statusPort = numbers.read('--status-port', flags['status-port'], 65_535) ?? SIDECAR.statusPort;
  const appPort = numbers.read(SIDECAR_ENV.appPort, environment[SIDECAR_ENV.appPort], 65_535);
  const listenerPort = numbers.read(SIDECAR_ENV.listenerPort, environment[SIDECAR_ENV.listenerPort], 65_535);
  const problems = [...numbers.problems];
  const probes = readProbes(environment[SIDECAR_ENV.probes], problems);
  if (problems.length > 0) return { kind: 'invalid', problems };
  return {
    kind: 'run',
    options: {
      directory: flags.dir ?? SIDECAR.directory,
      manifest: flags['unsafe-no-manifest'] === true ? 'ignored' : 'required',
      statusPort,
      ...defined('statusHost', flags['status-host']),
      probes,
      pod: { ...defined('appPort', appPort), ...defined('listenerPort', listenerPort) },
      // Outside Kubernetes the app may be meant to be reachable.
      listenTables: environment[SIDECAR_ENV.podIP] === undefined ? [] : LISTEN_TABLES,
      handshakeTimeoutMs: DEFAULTS.handshakeTimeoutMs,
      drainTimeoutMs: drainSeconds * 1000,
    },
  };
}

function readProbes(text: string | undefined, problems: string[]): readonly ProbeRoute[] {
  try {
    return readProbeRoutes(text ?? '[]');
  } catch {
    problems.push(`${SIDECAR_ENV.probes} is no list of probe routes`);
    return [];
  }
}

class Numbers {
  readonly problems: string[] = [];

  read(name: string, text: string | undefined, max: number): number | undefined {
    if (text === undefined || text === '') return undefined;
    if (/^\d{1,9}$/.test(text) && Number(text) <= max) return Number(text);
    this.problems.push(`${name} must be a whole number from 0 to ${max}`);
    return undefined;
  }
}

function defined<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return (value === undefined ? {} : { [key]: value }) as { [P in K]?: V };
}

function readFlags(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        dir: { type: 'string' }, 'status-port': { type: 'string' }, 'status-host': { type: 'string' }, 'drain-timeout': { type: 'string' },
        'unsafe-no-manifest': { type: 'boolean' }, help: { type: 'boolean' },
      },
    }).values;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
