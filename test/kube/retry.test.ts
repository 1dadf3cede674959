import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ApiError } from '../../src/kube/api-error.ts';
import { retryDelayMs } from '../../src/kube/retry.ts';

const lost = Object.assign(new Error('lost'), { code: 'ECONNRESET' });
const refused = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
const unavailable = new ApiError('get', { code: 503 }, 1000);

describe('retryDelayMs', () => {
  const cases: Record<string, { error: unknown; idempotent: boolean; failures: number; waits: number | undefined }> = {
    'a lost connection is retried when twice is like once': { error: lost, idempotent: true, failures: 1, waits: 200 },
    'a lost connection is not retried when the server may have acted': { error: lost, idempotent: false, failures: 1, waits: undefined },
    'a refused connection is retried always: nothing was sent': { error: refused, idempotent: false, failures: 1, waits: 200 },
    'the wait doubles': { error: lost, idempotent: true, failures: 3, waits: 800 },
    'the fifth failure is the last': { error: lost, idempotent: true, failures: 5, waits: undefined },
    '429 is retried always, because the server has not acted': { error: new ApiError('create', { code: 429 }, 2000), idempotent: false, failures: 1, waits: 2000 },
    '429 without a Retry-After is retried after a back-off': { error: new ApiError('create', { code: 429 }), idempotent: false, failures: 1, waits: 200 },
    'a server that asks for an hour is asked again after ten seconds': { error: new ApiError('get', { code: 429 }, 3_600_000), idempotent: true, failures: 1, waits: 10_000 },
    '503 with a Retry-After is retried when twice is like once': { error: unavailable, idempotent: true, failures: 1, waits: 1000 },
    '503 is not retried when the server may have acted': { error: unavailable, idempotent: false, failures: 1, waits: undefined },
    '500 without a Retry-After is not retried': { error: new ApiError('get', { code: 500 }), idempotent: true, failures: 1, waits: undefined },
    '404 is not retried': { error: new ApiError('get', { code: 404 }), idempotent: true, failures: 1, waits: undefined },
    'a mistake of ours is not retried': { error: new TypeError('oops'), idempotent: true, failures: 1, waits: undefined },
  };
  for (const [sentence, { waits, ...attempt }] of Object.entries(cases)) {
    it(sentence, () => assert.equal(retryDelayMs(attempt, () => 0), waits));
  }

  it('adds up to a fifth, so that not everybody comes back at the same time', () => {
    assert.equal(retryDelayMs({ error: unavailable, idempotent: true, failures: 1 }, () => 0.999)?.toFixed(0), '1200');
  });
});
