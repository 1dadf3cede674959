import { ApiError } from './api-error.ts';

/**
 * Whether a failed request may be sent again, and when. What the server may have acted on is repeated only if
 * twice is like once; a refused connection and a 429 say that it has not, so everything may be repeated after those.
 */
export type Attempt = {
  readonly error: unknown;
  readonly idempotent: boolean;
  /** How many have failed, this one included. */
  readonly failures: number;
};

const MOST_RETRIES = 4;
const LONGEST_WAIT_MS = 10_000;
const FIRST_WAIT_MS = 100;

/** Milliseconds to wait before the request is sent again, or undefined: give up. */
export function retryDelayMs(attempt: Attempt, random: () => number): number | undefined {
  if (attempt.failures > MOST_RETRIES || !isRepeatable(attempt)) return undefined;
  const asked = attempt.error instanceof ApiError ? attempt.error.retryAfterMs : undefined;
  const wait = asked ?? FIRST_WAIT_MS * 2 ** attempt.failures;
  return Math.min(wait, LONGEST_WAIT_MS) * (1 + random() * 0.2);
}

function isRepeatable({ error, idempotent }: Attempt): boolean {
  if (!(error instanceof ApiError)) {
    const code = (error as { readonly code?: unknown } | null)?.code;
    return NEVER_SENT.has(code) || (idempotent && CONNECTION_LOSS.has(code));
  }
  if (error.code === 429) return true;
  return idempotent && error.code >= 500 && error.retryAfterMs !== undefined;
}

const NEVER_SENT: ReadonlySet<unknown> = new Set(['ECONNREFUSED', 'UND_ERR_CONNECT_TIMEOUT']);
const CONNECTION_LOSS: ReadonlySet<unknown> = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET', 'UND_ERR_HEADERS_TIMEOUT']);
