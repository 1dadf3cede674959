// Reads the body of a request while its share of memory allows. One rule: nothing is reserved for bytes that were only announced.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { InFlightBudget } from './in-flight-budget.ts';

/** What a client is answered: a 4xx, or a 503 to be tried again. */
export class RequestError extends Error {
  override readonly name = 'RequestError';
  readonly statusCode: number;

  constructor(statusCode: number, message: string) {
    super(message);
    this.statusCode = statusCode;
  }
}

/** API servers always announce a length; it is held against the limit before a byte is read. */
export function checkLength({ headers }: IncomingMessage, limit: number): void {
  if (headers['transfer-encoding'] !== undefined) throw new RequestError(411, 'a Content-Length is needed');
  if (Number(headers['content-length'] ?? 0) > limit) throw new RequestError(413, `the body is larger than ${limit} bytes`);
}

/** The parser of HTTP ends the body at its announced length. What it holds is given back when the response is over. */
export async function readBody(request: IncomingMessage, response: ServerResponse, budget: InFlightBudget): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const refuse = (): void => reject(new RequestError(503, 'too many reviews in flight'));
  const share = budget.open(request.socket.remoteAddress ?? '', refuse);
  if (share === undefined) refuse();
  else {
    response.once('close', share.release);
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => (share.add(chunk.length) ? void chunks.push(chunk) : refuse()));
    request.once('end', () => {
      share.complete();
      resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks));
    });
    request.once('close', () => {
      if (!request.complete) reject(new RequestError(400, 'the request ended early'));
    });
    request.once('error', reject);
  }
  return await promise;
}
