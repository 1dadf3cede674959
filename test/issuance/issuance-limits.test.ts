import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import * as fc from 'fast-check';

import { backOffMs, nextAttemptAt, untilNextAttemptMs } from '../../src/issuance/back-off.ts';
import { isFull, spendBudget } from '../../src/issuance/budget.ts';
import type { Bucket } from '../../src/issuance/budget.ts';
import { MAX_RECENT_ISSUES, findLoop, rememberIssue } from '../../src/issuance/loop-breaker.ts';
import type { IssueCause, RecentIssue } from '../../src/issuance/loop-breaker.ts';
import { DAY, HOUR, MINUTE, at } from './builders.ts';

describe('backOffMs', () => {
  it('doubles from one minute to eight hours', () => {
    assert.deepEqual([0, 1, 2, 3, 9, 10, 1000].map(backOffMs), [0, MINUTE, 2 * MINUTE, 4 * MINUTE, 256 * MINUTE, 8 * HOUR, 8 * HOUR]);
  });
});

describe('nextAttemptAt', () => {
  it('adds up to a fifth at random', () => {
    assert.deepEqual(nextAttemptAt(1, at(0), 0), at(MINUTE));
    assert.deepEqual(nextAttemptAt(1, at(0), 0.5), at(66_000));
  });
});

describe('untilNextAttemptMs', () => {
  const failures = { failedAttempts: 2, lastFailureTime: at(0) };
  const cases: Record<string, readonly [number, number]> = {
    'waits for the whole step right after the failure': [0, 2 * MINUTE],
    'waits for the rest of it': [MINUTE, MINUTE],
    'does not wait when it is over': [3 * MINUTE, 0],
    'waits for one step at most when the clock was set back': [-30 * DAY, 2 * MINUTE],
  };
  for (const [sentence, [now, expected]] of Object.entries(cases)) it(sentence, () => assert.equal(untilNextAttemptMs(failures, at(now), 0), expected));
  it('does not wait when nothing has failed', () => assert.equal(untilNextAttemptMs({ failedAttempts: 0, lastFailureTime: undefined }, at(0), 0), 0));
});

describe('findLoop', () => {
  const cause = (overrides: Partial<IssueCause> = {}): IssueCause => ({ reason: 'SecretMissing', generation: 1, renewToken: undefined, issuerSHA256: 'aa', ...overrides });
  const issued = (times: readonly number[], causes: readonly IssueCause[] = [cause()]) => times.reduce<RecentIssue[]>((recent, time, index) => rememberIssue(recent, causes[index % causes.length] ?? cause(), at(time)), []);

  it('lets three certificates be issued at once, and suspends the fourth', () => {
    assert.equal(findLoop(issued([0, 1000]), cause(), at(2000)), undefined);
    const loop = findLoop(issued([0, 1000, 2000]), cause(), at(3000));
    assert.equal(loop?.refusal.reason, 'IssuanceSuspended');
    assert.match(loop.refusal.message, /^3 certificates were issued for the same reason, SecretMissing; the next attempt is at 2026-11-01T00:04:02Z$/u);
    assert.deepEqual(loop.retryAt, at(2000 + 4 * MINUTE));
  });

  it('tries again after the back-off, and then waits for longer', () => {
    const retryAt = 2000 + 4 * MINUTE;
    assert.equal(findLoop(issued([0, 1000, 2000]), cause(), at(retryAt)), undefined);
    assert.deepEqual(findLoop(issued([0, 1000, 2000, retryAt]), cause(), at(retryAt + 1000))?.retryAt, at(retryAt + 8 * MINUTE));
  });

  const anew: Record<string, readonly IssueCause[]> = {
    'edits of the spec': [1, 2, 3, 4].map((generation) => cause({ reason: 'SpecChanged', generation })),
    'requests for renewal': ['a', 'b', 'c', 'd'].map((renewToken) => cause({ reason: 'RenewalRequested', renewToken })),
    'new authorities': ['a', 'b', 'c', 'd'].map((issuerSHA256) => cause({ reason: 'IssuerChanged', issuerSHA256 })),
    'different reasons': (['SecretMissing', 'KeyMismatch', 'SecretDataMissing', 'KeyMalformed'] as const).map((reason) => cause({ reason })),
  };
  for (const [what, causes] of Object.entries(anew)) {
    it(`is never moved by ${what}`, () => assert.equal(findLoop(issued([0, 1, 2], causes), causes[3] ?? cause(), at(3)), undefined));
  }

  it('never moves for a certificate that is renewed in time, however short it lives', () => {
    const renewal = (index: number) => cause({ reason: 'RenewalDue', endOfLast: at(index * 10 * MINUTE).toISOString() });
    let recent: RecentIssue[] = [];
    for (let index = 0; index < 500; index += 1) {
      const now = at(index * 7 * MINUTE);
      assert.equal(findLoop(recent, renewal(index), now), undefined, `renewal ${index}`);
      recent = rememberIssue(recent, renewal(index), now);
    }
  });

  it('moves for renewals that gain nothing', () => {
    const renewal = cause({ reason: 'RenewalDue', endOfLast: at(HOUR).toISOString() });
    assert.equal(findLoop(issued([0, 1, 2], [renewal]), renewal, at(3))?.refusal.reason, 'IssuanceSuspended');
  });

  it('forgets after a day', () => {
    const nextDay = DAY + HOUR;
    assert.equal(findLoop(issued([0, 1, 2, nextDay, nextDay + 1]), cause(), at(nextDay + 2)), undefined);
  });

  it('waits for one step at most when the clock was set back', () => {
    assert.deepEqual(findLoop(issued([0, 1, 2]), cause(), at(-30 * DAY))?.retryAt, at(-30 * DAY + 4 * MINUTE));
  });

  it('bounds a loop that runs every second to a dozen or so certificates a day, and its memory too', () => {
    let recent: RecentIssue[] = [];
    let count = 0;
    for (let now = 0; now < DAY; now += 1000) {
      if (findLoop(recent, cause(), at(now)) !== undefined) continue;
      count += 1;
      recent = rememberIssue(recent, cause(), at(now));
    }
    assert.ok(count >= 10 && count <= 14, `${count}`);
    assert.ok(recent.length <= MAX_RECENT_ISSUES);
  });
});

describe('spendBudget', () => {
  const limits = { burst: 3, perSecond: 2 };
  const spend = (times: readonly number[]) => {
    let bucket: Bucket | undefined;
    return times.map((time) => {
      const spending = spendBudget(bucket, at(time), limits);
      ({ bucket } = spending);
      return spending;
    });
  };
  it('spends a full bucket, then says when there is more', () => {
    const [, , third, fourth] = spend([0, 0, 0, 0]);
    assert.equal(third?.kind, 'spent');
    assert.ok(fourth?.kind === 'exhausted');
    assert.deepEqual(fourth.retryAt, at(500));
  });
  it('can spend again at the time it named', () => assert.equal(spend([0, 0, 0, 0, 500]).at(-1)?.kind, 'spent'));
  it('fills up, but not beyond the burst', () => {
    assert.deepEqual(spend([0, HOUR, HOUR, HOUR, HOUR]).map(({ kind }) => kind), ['spent', 'spent', 'spent', 'spent', 'exhausted']);
  });
  it('neither fills nor blocks when the clock is set back', () => {
    assert.deepEqual(spend([0, 0, 0, -DAY, -DAY + 500]).map(({ kind }) => kind), ['spent', 'spent', 'spent', 'exhausted', 'spent']);
  });
  it('never grants more than burst and rate allow', () => {
    fc.assert(fc.property(fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 1, maxLength: 200 }), (gaps) => {
      let now = 0;
      const times = gaps.map((gap) => (now += gap));
      const granted = spend(times).filter(({ kind }) => kind === 'spent').length;
      assert.ok(granted <= limits.burst + (now / 1000) * limits.perSecond + 1e-6);
    }));
  });
});

describe('isFull', () => {
  const limits = { burst: 10, perSecond: 1 };
  const table: Record<string, readonly [tokens: number, now: number, expected: boolean]> = {
    'what was not touched': [10, 0, true], 'what was used just now': [9, 0, false], 'what was used and has refilled': [9, 1000, true], 'what is used up, before it has refilled': [0, 9999, false],
  };
  for (const [sentence, [tokens, now, expected]] of Object.entries(table)) it(`judges ${sentence}`, () => assert.equal(isFull({ tokens, updatedAt: at(0) }, at(now), limits), expected));
});
