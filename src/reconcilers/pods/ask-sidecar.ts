// Asks one pod's sidecar for its status. One rule: a bound on everything, because the pod that answers may be anybody's: time, size,
// one request to one address, no redirect followed, and nothing sent that it could use.
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { SIDECAR } from '../../api/names.ts';
import { readSidecarReport } from './sidecar-report.ts';
import type { SidecarReport } from './sidecar-report.ts';

/** `silent`: nothing answered. `mute`: something answered, but told no set of files: a sidecar that has loaded none yet, or something else. */
export type Answer =
  | { readonly kind: 'report'; readonly report: SidecarReport }
  | { readonly kind: 'mute' | 'silent'; readonly because: string };

export type AskSidecar = (podIP: string, signal: AbortSignal) => Promise<Answer>;

export interface AskLimits {
  readonly port: number;
  readonly timeoutMs: number;
  readonly maxBytes: number;
}

const LIMITS: AskLimits = { port: SIDECAR.statusPort, timeoutMs: 2000, maxBytes: 256 * 1024 };

/** Never rejects. `because` is in our own words. */
export async function askSidecar(podIP: string, signal: AbortSignal, { port, timeoutMs, maxBytes }: AskLimits = LIMITS): Promise<Answer> {
  if (isIP(podIP) === 0) return { kind: 'silent', because: 'the pod has no address' };
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  try {
    const response = await get(podIP, port, deadline);
    if (response.statusCode !== 200) {
      response.destroy();
      return { kind: 'mute', because: `the sidecar has loaded no files (HTTP ${response.statusCode ?? 0})` };
    }
    const body = await readBody(response, maxBytes);
    const report = body === undefined ? undefined : readSidecarReport(body);
    return report === undefined ? { kind: 'mute', because: 'the status port answers with something that is no status' } : { kind: 'report', report };
  } catch (error) {
    return { kind: 'silent', because: deadline.aborted ? `no answer within ${timeoutMs} ms` : explain(error) };
  }
}

/** A connection of its own, closed afterwards: thousands of idle ones would be the alternative. */
async function get(host: string, port: number, signal: AbortSignal): Promise<IncomingMessage> {
  return await new Promise((resolve, reject) => {
    request({ host, port, path: '/status', agent: false, headers: { accept: 'application/json' }, signal, maxHeaderSize: 16_384 }, resolve)
      .on('error', reject)
      .end();
  });
}

/** undefined: longer than allowed. */
async function readBody(response: IncomingMessage, maxBytes: number): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  // Leaving the loop early destroys the response, and with it the connection.
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function explain(error: unknown): string {
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
  return /^(E|HPE_)[A-Z_]{2,40}$/.test(code) ? `the status port cannot be reached (${code})` : 'the status port cannot be reached';
}
