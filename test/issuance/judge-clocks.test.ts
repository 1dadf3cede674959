import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { judgeClocks } from '../../src/issuance/judge-clocks.ts';
import { DAY, HOUR, MINUTE, at } from './builders.ts';

describe('judgeClocks', () => {
  const agree: Record<string, number> = { 'that say the same': 0, 'of which ours is five minutes ahead': 5 * MINUTE, 'of which ours is five minutes behind': -5 * MINUTE };
  for (const [which, ahead] of Object.entries(agree)) {
    it(`believes the earlier of two clocks ${which}`, () => assert.deepEqual(judgeClocks(at(ahead), at(0)), { now: at(Math.min(ahead, 0)) }));
  }
  const disagree: Record<string, readonly [number, string]> = {
    'a little ahead': [5 * MINUTE + 1, 'five minutes ahead of'], 'a little behind': [-5 * MINUTE - 1, 'five minutes behind'],
    'hours ahead': [2 * HOUR, 'an hour ahead of'], 'days ahead': [30 * DAY, 'a day ahead of'], 'years behind': [-1000 * DAY, 'a day behind'],
  };
  for (const [which, [ahead, words]] of Object.entries(disagree)) {
    it(`says that ours is ${which}, and goes by the earlier`, () => {
      assert.deepEqual(judgeClocks(at(ahead), at(0)), { now: at(Math.min(ahead, 0)), disagreement: `the operator's clock is more than ${words} the API server's` });
    });
  }
  it('believes nobody while the API server has said nothing', () => assert.ok(judgeClocks(at(0), undefined).disagreement));
  it('says the same while the difference stays of one size', () => assert.equal(judgeClocks(at(2 * DAY), at(0)).disagreement, judgeClocks(at(3 * DAY), at(0)).disagreement));
});
