import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { BackOff } from '../../src/controller/back-off.ts';

describe('BackOff', () => {
  it('doubles with each failure, up to the longest', () => {
    const backOff = new BackOff({ baseMs: 100, maxMs: 1000, random: () => 1 });
    assert.deepEqual([1, 2, 3, 4, 5, 6].map(() => backOff.nextMs('a')), [100, 200, 400, 800, 1000, 1000]);
  });

  it('keeps keys apart', () => {
    const backOff = new BackOff({ baseMs: 100, maxMs: 1000, random: () => 1 });
    backOff.nextMs('a');
    assert.equal(backOff.nextMs('b'), 100);
  });

  it('begins anew after a success', () => {
    const backOff = new BackOff({ baseMs: 100, maxMs: 1000, random: () => 1 });
    backOff.nextMs('a');
    backOff.forget('a');
    assert.deepEqual([backOff.failures('a'), backOff.nextMs('a')], [0, 100]);
  });

  it('waits between half of the step and the step, however many failures there were', () => {
    fc.assert(
      fc.property(fc.nat(2000), fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), (failures, random) => {
        const backOff = new BackOff({ baseMs: 100, maxMs: 60_000, random: () => random });
        for (let failure = 0; failure < failures; failure += 1) backOff.nextMs('a');
        const step = Math.min(60_000, 100 * 2 ** failures);
        const waitMs = backOff.nextMs('a');
        assert.ok(waitMs >= step / 2 && waitMs <= step);
      }),
    );
  });
});
