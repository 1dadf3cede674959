// Entry of the sidecar's container: node proxy.js --dir /opt/tenant-mtls
import { HELP, parseOptions } from './options.ts';
import { runProxy } from './run-proxy.ts';

/** First SIGTERM or SIGINT: drain. Second: out, now. Returns the exit code. */
export async function proxyMain(args: readonly string[]): Promise<number> {
  const parsed = parseOptions(args, process.env);
  if (parsed.kind === 'help') {
    process.stdout.write(HELP);
    return 0;
  }
  if (parsed.kind === 'invalid') {
    process.stderr.write(`${parsed.problems.join('\n')}\n`);
    return 2;
  }
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

if (import.meta.main) {
  try {
    process.exitCode = await proxyMain(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${JSON.stringify({ time: new Date().toISOString(), level: 'error', msg: 'the proxy cannot run', reason: error instanceof Error ? error.message : String(error) })}\n`);
    process.exitCode = 1;
  }
}
