// Entry of the sidecar's container: node proxy.js --dir /opt/tenant-mtls
import { runProxyCommand } from './proxy-command.ts';

try {
  process.exitCode = await runProxyCommand(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${JSON.stringify({ time: new Date().toISOString(), level: 'error', msg: 'the proxy cannot run', reason: error instanceof Error ? error.message : String(error) })}\n`);
  process.exitCode = 1;
}
