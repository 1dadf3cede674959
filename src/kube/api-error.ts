/**
 * What the API server answered instead of what was asked for. The message says what was attempted;
 * it never holds a request's body, because that may be a key.
 */
export type Status = { readonly code?: number; readonly reason?: string; readonly message?: string };

const LONGEST_MESSAGE = 1024;

export class ApiError extends Error {
  override readonly name = 'ApiError';
  /** The HTTP status, for example 404. */
  readonly code: number;
  /** The API's reason, for example `NotFound`; a closed set of the API server. */
  readonly reason: string;
  /** What the server asked us to wait, if it did. */
  readonly retryAfterMs: number | undefined;

  constructor(attempt: string, status: Status, retryAfterMs?: number) {
    const code = status.code ?? 0;
    const reason = status.reason ?? 'Unknown';
    const detail = (status.message ?? '').slice(0, LONGEST_MESSAGE);
    super(`${attempt}: ${code} ${reason}${detail === '' ? '' : `: ${detail}`}`);
    this.code = code;
    this.reason = reason;
    this.retryAfterMs = retryAfterMs;
  }
}

function hasCode(error: unknown, code: number): error is ApiError {
  return error instanceof ApiError && error.code === code;
}

export function isNotFound(error: unknown): error is ApiError {
  return hasCode(error, 404);
}

/** The object already exists (only a create is answered so). */
export function isAlreadyExists(error: unknown): error is ApiError {
  return hasCode(error, 409) && error.reason === 'AlreadyExists';
}

/** Somebody else was faster: a stale resourceVersion, a failed precondition or a field owned by another manager. */
export function isConflict(error: unknown): error is ApiError {
  return hasCode(error, 409) && error.reason !== 'AlreadyExists';
}

/** The resourceVersion or the continue token is too old: list again. */
export function isGone(error: unknown): error is ApiError {
  return hasCode(error, 410);
}

/** The server refuses the content (422) or the shape (400) of what was sent: trying again is of no use. */
export function isInvalid(error: unknown): error is ApiError {
  return hasCode(error, 422) || hasCode(error, 400);
}

export function isForbidden(error: unknown): error is ApiError {
  return hasCode(error, 403);
}

/** Parses the body of a failed answer; a proxy in between may have sent something that is no Status. */
export function parseStatus(httpStatus: number, body: string): Status {
  try {
    const status = JSON.parse(body) as Status | null;
    if (typeof status === 'object' && status !== null) return { ...status, code: httpStatus };
  } catch {
    // Not JSON: the HTTP status has to do.
  }
  return { code: httpStatus };
}
