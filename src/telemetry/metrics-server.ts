// GET /metrics, /healthz and /readyz of the operator, in plain HTTP.
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { Metrics } from './metrics.ts';

export interface Health {
  readonly metrics: Metrics;
  /** What is not ready yet; empty when all is. */
  readonly notReadyBecause: () => readonly string[];
  /** Refreshes gauges before they are read. */
  readonly observe: () => void;
}

export async function startMetricsServer(port: number, health: Health): Promise<Server> {
  const server = createServer((request, response) => {
    void answer(request.url ?? '/', health).then(({ status, body, type = 'text/plain' }) => response.writeHead(status, { 'content-type': type }).end(body));
  });
  server.headersTimeout = 5000;
  server.requestTimeout = 10_000;
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, resolve));
  return server;
}

async function answer(url: string, { metrics, notReadyBecause, observe }: Health): Promise<{ status: number; body: string; type?: string }> {
  if (url === '/healthz') return { status: 200, body: 'ok\n' };
  if (url === '/readyz') {
    const reasons = notReadyBecause();
    return reasons.length === 0 ? { status: 200, body: 'ok\n' } : { status: 503, body: `${reasons.join('\n')}\n` };
  }
  if (url !== '/metrics') return { status: 404, body: 'there are /metrics, /healthz and /readyz\n' };
  observe();
  return { status: 200, body: await metrics.registry.metrics(), type: metrics.registry.contentType };
}
