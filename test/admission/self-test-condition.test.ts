import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SelfTestCondition } from '../../src/admission/self-test-condition.ts';
import type { SelfTestConditionOptions } from '../../src/admission/self-test-condition.ts';
import { ApiError } from '../../src/kube/api-error.ts';
import { aRecorder } from './fixtures.ts';

const ANSWERED = { outcome: 'Answered', message: '' } as const;
const AWAY = { outcome: 'Unreachable', message: 'connection refused' } as const;

interface Written { readonly status: { readonly conditions: readonly Record<string, string>[] } }

function setUp(failure?: ApiError) {
  const applied: Record<string, string>[] = [];
  const options: unknown[] = [];
  let gets = 0;
  const client = {
    get: async () => {
      gets += 1;
      return await (failure === undefined ? Promise.resolve({ status: { conditions: [{ type: 'Available', status: 'True' }, ...applied.slice(-1)] } }) : Promise.reject(failure));
    },
    applyServerSide: async (_resource: unknown, { status: { conditions } }: Written, how: unknown) => {
      assert.equal(conditions.length, 1, 'only our own');
      applied.push(...conditions);
      options.push(how);
      return await Promise.resolve({});
    },
  } as unknown as SelfTestConditionOptions['client'];
  const { log, lines } = aRecorder();
  let now = 0;
  const condition = new SelfTestCondition({ client, log, deployment: { namespace: 'tenant-mtls-system', name: 'tenant-mtls' }, now: () => (now += 60_000) });
  return { condition, applied, options, lines, gets: () => gets };
}

describe(SelfTestCondition.name, () => {
  it('says what the test found and since when, and writes only what has changed', async () => {
    const { condition, applied, options, gets } = setUp();
    for (const result of [ANSWERED, ANSWERED, AWAY, { ...AWAY, message: 'x'.repeat(5000) }, { outcome: 'Unknown', message: 'pods is forbidden' } as const]) await condition.tell(result);
    const seen = applied.map(({ type, status, reason, lastTransitionTime }) => [type, status, reason, lastTransitionTime]);
    const type = 'tenant-mtls.dev/WebhookAnswers';
    assert.deepEqual(seen, [
      [type, 'True', 'Answered', '1970-01-01T00:01:00Z'], [type, 'False', 'Unreachable', '1970-01-01T00:02:00Z'],
      [type, 'False', 'Unreachable', '1970-01-01T00:02:00Z'], [type, 'Unknown', 'Unknown', '1970-01-01T00:04:00Z'],
    ]);
    assert.ok(applied.every(({ message }) => message !== undefined && message !== '' && message.length <= 1024));
    assert.deepEqual([options[0], gets()], [{ subresource: 'status' }, 4]);
  });

  it('writes again when another replica may have written', async () => {
    const { condition, applied } = setUp();
    await condition.tell(ANSWERED);
    condition.forget();
    await condition.tell(ANSWERED);
    assert.equal(applied.length, 2);
  });

  for (const [name, code, level] of [['has no Deployment', 404, 'debug'], ['may not write', 403, 'warn']] as const) {
    it(`goes on, and tries again, where it ${name}`, async () => {
      const { condition, lines, gets } = setUp(new ApiError('get', { code }));
      await condition.tell(ANSWERED);
      await condition.tell(ANSWERED);
      assert.deepEqual([lines.map((line) => line.level), gets()], [[level, level], 2]);
    });
  }
});
