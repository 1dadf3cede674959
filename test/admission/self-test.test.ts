import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { REFUSED } from '../../src/admission/mutate-pod.ts';
import { keepTesting, testWebhook } from '../../src/admission/self-test.ts';
import type { SelfTestOptions, SelfTestOutcome, SelfTestResult } from '../../src/admission/self-test.ts';
import { ApiError } from '../../src/kube/api-error.ts';
import type { KubeObject } from '../../src/kube/object.ts';

const clientOf = (create: (resource: unknown, object: KubeObject, options: object) => Promise<unknown>) => ({ create }) as unknown as SelfTestOptions['client'];

const answers: Record<string, { answer: () => Promise<unknown>; outcome: SelfTestOutcome }> = {
  'our refusal': { answer: async () => await Promise.reject(new ApiError('create Pod', { code: 403, reason: 'Forbidden', message: `admission webhook "x" denied the request: ${REFUSED}: …` })), outcome: 'Answered' },
  'a pod that was let pass': { answer: async () => await Promise.resolve({}), outcome: 'NotCalled' },
  'a webhook that was not reached': { answer: async () => await Promise.reject(new ApiError('create Pod', { code: 500, reason: 'InternalError', message: 'Internal error occurred: failed calling webhook "x": connection refused' })), outcome: 'Unreachable' },
  'somebody else\'s refusal': { answer: async () => await Promise.reject(new ApiError('create Pod', { code: 403, reason: 'Forbidden', message: 'pods is forbidden' })), outcome: 'Unknown' },
  'an API server that does not answer': { answer: async () => await Promise.reject(new Error('time-out')), outcome: 'Unknown' },
};

describe(testWebhook.name, () => {
  for (const [name, { answer, outcome }] of Object.entries(answers)) {
    it(`takes ${name} for ${outcome}`, async () => {
      const result = await testWebhook({ client: clientOf(answer), namespace: 'tenant-mtls-system' });
      assert.equal(result.outcome, outcome);
      assert.equal(result.message === '', outcome === 'Answered');
    });
  }

  it('stores nothing', async () => {
    const queries: unknown[] = [];
    await testWebhook({ client: clientOf(async (_resource, _object, options) => await Promise.resolve(queries.push((options as { query?: unknown }).query))), namespace: 'x' });
    assert.deepEqual(queries, [{ dryRun: 'All' }]);
  });
});

describe(keepTesting.name, () => {
  it('reports each result, tries sooner after a failure, and ends with the signal', async () => {
    const stop = new AbortController();
    const results: SelfTestResult[] = [];
    const sleeps: number[] = [];
    let calls = 0;
    const client = clientOf(async () => await (++calls < 3 ? Promise.reject(new Error('away')) : answers['our refusal']?.answer()));
    const clock = { now: () => 0, monotonic: () => 0, sleep: async (ms: number) => { sleeps.push(ms); if (sleeps.length === 3) stop.abort(); await Promise.resolve(); } };
    await keepTesting({ client, namespace: 'x', clock, onResult: (result) => void results.push(result) }, stop.signal);
    assert.deepEqual([results.map(({ outcome }) => outcome), sleeps], [['Unknown', 'Unknown', 'Answered'], [5000, 5000, 60_000]]);
  });
});
