#!/usr/bin/env node
// argv -> operator | proxy | CLI. The only place that exits, handles signals and meets errors nobody handled.
import { hostname } from 'node:os';
import { basename } from 'node:path';
import { describeOptions, parseConfig } from './config.ts';
import { describeError, UsageError } from './errors.ts';
import { createLogger } from './telemetry/logger.ts';

const VERSION = '0.1.0';

const HELP = `tenant-mtls ${VERSION}: mutual TLS for plain applications, with tenants as separate trust domains

Usage: tenant-mtls operator [options]     run the operator
       tenant-mtls proxy --dir DIR        run the node engine outside Kubernetes
       tenant-mtls COMMAND                as kubectl tenant-mtls COMMAND; see tenant-mtls help

Options of the operator:
${describeOptions()}
  --help                    print this
`;

/** The first signal asks for an orderly end, the second does not wait. */
function stopSignal(): AbortSignal {
  const stop = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.on(name, () => {
      if (stop.signal.aborted) process.exit(1);
      stop.abort();
    });
  }
  return stop.signal;
}

async function operator(args: readonly string[]): Promise<void> {
  const config = parseConfig(args, process.env, hostname());
  const log = createLogger(config.logLevel);
  const fatal = (error: unknown) => {
    log.fatal({ error: describeError(error), stack: error instanceof Error ? error.stack : undefined }, 'unexpected error');
    process.exit(1);
  };
  process.on('unhandledRejection', fatal);
  process.on('uncaughtException', fatal);
  const { runOperator } = await import('./operator.ts');
  // Half of it would go on running, and never end.
  await runOperator(config, { log, version: VERSION, signal: stopSignal() }).catch(fatal);
}

async function main(argv: readonly string[]): Promise<number> {
  const [command = '--help', ...args] = argv;
  if (command === '--version') process.stdout.write(`${VERSION}\n`);
  else if (isPlugin(process.argv[1])) return await commandLine(argv);
  else if (command === '--help' || (command === 'operator' && args.includes('--help'))) process.stdout.write(HELP);
  else if (command === 'operator') await operator(args);
  else if (command === 'proxy') return await proxy(args);
  else return await commandLine(argv);
  return 0;
}

/** kubectl runs `kubectl tenant-mtls` as the program kubectl-tenant_mtls, a link to this one. */
function isPlugin(program = ''): boolean {
  return basename(program).startsWith('kubectl-');
}

async function proxy(args: readonly string[]): Promise<number> {
  const { runProxyCommand } = await import('./sidecar/proxy-command.ts');
  return await runProxyCommand(args);
}

async function commandLine(args: readonly string[]): Promise<number> {
  const { runInProcess } = await import('./cli/command-environment.ts');
  return await runInProcess(args, VERSION);
}

/** Of undici, which speaks to the API server. */
const OLDEST_NODE = [22, 19] as const;

function checkNode(version: string): void {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [oldestMajor, oldestMinor] = OLDEST_NODE;
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return;
  throw new UsageError([`tenant-mtls: needs Node.js ${oldestMajor}.${oldestMinor} or later, and this is ${version}; the image and node_modules/.bin/node of a checkout have Node.js 24`]);
}

try {
  checkNode(process.versions.node);
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error instanceof UsageError ? error.message : `tenant-mtls: ${describeError(error)}`}\n`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
