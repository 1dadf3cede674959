// Active checks: each address of an upstream with `healthCheck` is asked for its path; 2xx and 3xx are healthy.
import { request } from 'node:http';
import { connect, constants } from 'node:http2';
import type { Address } from './upstream-address.ts';
import type { UpstreamPool } from './upstream-pool.ts';

const TIMEOUT_MS = 5000;

/** Checks until `signal` is aborted, first at once. */
export function startHealthChecks(pool: UpstreamPool, signal: AbortSignal): void {
  const check = pool.material.model.healthCheck;
  if (check === undefined || signal.aborted) return;
  const checkAll = () => {
    for (const address of pool.addresses.all) void checkOne(pool, address, check.path);
  };
  const timer = setInterval(checkAll, check.intervalSeconds * 1000);
  timer.unref();
  signal.addEventListener('abort', () => clearInterval(timer), { once: true });
  checkAll();
}

async function checkOne(pool: UpstreamPool, address: Address, path: string): Promise<void> {
  const ask = pool.material.model.protocol === 'H2C' ? askHttp2 : askHttp1;
  const status = await ask(pool, address, path);
  const isHealthy = status >= 200 && status < 400;
  if (!isHealthy) pool.reportCheck(address);
  pool.addresses.markChecked(address, isHealthy ? 'healthy' : 'sick');
}

/** 0: no answer. */
function askHttp1(pool: UpstreamPool, address: Address, path: string): Promise<number> {
  return new Promise((resolve) => {
    const asked = request({ path, headers: { host: `${address.name}:${address.port}` }, createConnection: () => pool.dial(address), timeout: TIMEOUT_MS });
    asked.once('response', (answer) => {
      resolve(answer.statusCode ?? 0);
      answer.on('error', () => {}).destroy(); // its body may never end
    });
    asked.on('error', () => resolve(0)).once('timeout', () => asked.destroy());
    asked.once('close', () => resolve(0));
    asked.end();
  });
}

function askHttp2(pool: UpstreamPool, address: Address, path: string): Promise<number> {
  return new Promise((resolve) => {
    const scheme = pool.material.secureContext === undefined ? 'http' : 'https';
    const session = connect(`${scheme}://${address.text}`, { createConnection: () => pool.dial(address, ['h2']) });
    const conclude = (status: number) => {
      resolve(status);
      session.destroy();
    };
    session.on('error', () => conclude(0)).setTimeout(TIMEOUT_MS, () => conclude(0));
    const stream = session.request({ [constants.HTTP2_HEADER_PATH]: path });
    stream.on('error', () => conclude(0)).once('response', (headers) => conclude(headers[':status'] ?? 0));
  });
}
