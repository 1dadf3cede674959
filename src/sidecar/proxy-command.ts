// `tenant-mtls proxy`, which is also what the sidecar's container runs: options -> a running proxy, until a signal.
import { writeSync } from 'node:fs';
import { HELP, parseOptions } from './options.ts';
import { runProxy } from './run-proxy.ts';

/** First SIGTERM or SIGINT: drain. Second: out, now. Returns the exit code. */
export async function runProxyCommand(args: readonly string[]): Promise<number> {
  const parsed = parseOptions(args, process.env);
  if (parsed.kind === 'help') {
    process.stdout.write(HELP);
    return 0;
  }
  if (parsed.kind === 'invalid') {
    process.stderr.write(`${parsed.problems.join('\n')}\n`);
    return 2;
  }
  process.on('uncaughtException', endWith);
  const stop = new AbortController();
  const onSignal = () => {
    if (stop.signal.aborted) process.exit(1);
    stop.abort();
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  const proxy = await runProxy({ ...parsed.options, output: process.stdout }, stop.signal);
  await proxy.finished;
  return 0;
}

/** A fault of ours: written at once, in the form of the log, and the container starts anew. */
function endWith(error: unknown): never {
  const { name, message, stack = '' } = error instanceof Error ? error : new Error(String(error));
  writeSync(1, `${JSON.stringify({ time: new Date().toISOString(), level: 'fatal', msg: 'unexpected fault', error: `${name}: ${message}`, at: stack.split('\n').slice(1, 6).map((line) => line.trim()) })}\n`);
  process.exit(1);
}
