// Where our nginx sidecar spends a request: the same configuration again and again, each time without one thing, interleaved in one run.
// hack/bench/run nginx-directives; not part of `make bench`.
import type { Target } from './data-plane/connection.ts';
import { Load } from './data-plane/load.ts';
import { openBench, type OpenBench } from './data-plane/open-bench.ts';
import { startNginxSidecar } from './data-plane/our-sidecars.ts';
import { startPlainNginx } from './data-plane/plain-nginx.ts';
import type { Server } from './data-plane/server.ts';
import { median, printTable } from './machine-load.ts';

const ROUNDS = Number(process.env['PAIRS'] ?? 10);

type Change = readonly [pattern: RegExp, replacement: string];

const WITHOUT: Readonly<Record<string, readonly Change[]>> = {
  'nothing: as it is': [],
  'the certificate header': [[/"\$ssl_client_escaped_cert"/, '""']],
  'subject, common name, serial number and verdict': [[/"\$(?:ssl_client_s_dn|client_common_name|ssl_client_serial|ssl_client_verify)";/g, '"";']],
  'the expression for the common name': [[/"\$client_common_name"/, '""']],
  'taking away the headers nginx cannot set': [[/proxy_set_header (?:Proxy-Connection|X-Forwarded-Client-Cert|X-SSL-Client-SHA256) "";/g, '']],
  'passing upgrades': [[/\$forwarded_connection;/, '"";'], [/proxy_set_header Upgrade .*/, '']],
  'refusing HTTP/0.9': [[/if \(\$server_protocol = HTTP\/0\.9\) \{\s*return 400;\s*\}/, '']],
  'the access log': [[/access_log \/dev.*/, 'access_log off;']],
  'streaming (buffering instead)': [[/proxy_(?:request_)?buffering off;/g, '']],
};

async function start({ bench }: OpenBench, changes: readonly Change[]): Promise<Server> {
  return await startNginxSidecar(bench, (configuration) => changes.reduce((text, [pattern, replacement]) => {
    if (text.search(pattern) < 0) throw new Error(`nothing to leave out: ${String(pattern)}`);
    return text.replace(pattern, replacement);
  }, configuration));
}

async function measure(open: OpenBench, stack: AsyncDisposableStack): Promise<void> {
  const servers = new Map<string, Server>();
  for (const [name, changes] of Object.entries(WITHOUT)) servers.set(name, stack.use(await start(open, changes)));
  servers.set('everything: plain nginx, no headers', stack.use(await startPlainNginx(open.bench, 'without identity')));
  const load = stack.use(new Load());
  const micros = new Map([...servers.keys()].map((name) => [name, [] as number[]]));
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [name, { port, pid }] of servers) {
      const target: Target = { port, tls: open.tls };
      const { cpu, count } = await load.run({ kind: 'saturate', seconds: 0.8, connections: 32 }, target, pid);
      micros.get(name)?.push((cpu / count) * 1e6);
    }
  }
  printTable(['without', 'CPU µs per request', 'least'], [...micros].map(([name, values]) => [name, median(values).toFixed(1), Math.min(...values).toFixed(1)]));
}

await using stack = new AsyncDisposableStack();
const open = await openBench(stack);
if (typeof open === 'string') console.log(`SKIPPED: ${open}`);
else await measure(open, stack);
