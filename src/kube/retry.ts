import { ApiError } from './api-error.ts';

/**
 * Whether a failed request may be sent again, and when. Only what is harmless to do twice is repeated after the
 * server may have acted on it; 429 says that it has not, so everything may be repeated after that.
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
  if (!(error instanceof ApiError)) return idempotent && isConnectionLoss(error);
  if (error.code === 429) return true;
  return idempotent && error.code >= 500 && error.retryAfterMs !== undefined;
}

const CONNECTION_LOSS = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'UND_ERR_SOCKET',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
]);

function isConnectionLoss(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' && CONNECTION_LOSS.has(code);
}
