// Both engines are given the same bytes, proper and hostile, and must make the same of them: the answers, what reaches the app, and the fate of the
// connection. Differences are expected only from the table in differential/expected-differences.ts.
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { soaked } from '../support/soak.ts';
import { compare } from './differential/compare.ts';
import { EnginePair } from './differential/engine-pair.ts';
import { missingFeatures } from './differential/expected-differences.ts';
import { HOSTILE_REQUEST, MUTATED_REQUEST } from './differential/hostile-requests.ts';
import { Fleet } from './fleet.ts';
import { nginxEngine } from './nginx-engine.ts';
import { nodeEngine } from './node-engine.ts';

const LANES = 8;
const SHOWN = 5;
const nginx = nginxEngine();
const RANDOM_SEED = Number(process.env['FUZZ_SEED'] ?? randomInt(2 ** 31 - 1));

describe('the two engines, given the same bytes', { skip: nginx.missing ?? false }, () => {
  let fleet: Fleet;
  let pair: EnginePair;
  before(async () => {
    fleet = await Fleet.create();
    pair = await EnginePair.start({ nginx, node: nodeEngine() }, fleet, LANES);
  });
  after(() => pair?.[Symbol.asyncDispose]());

  /** Samples instead of properties: cases run side by side, and every difference of a run is told at once. */
  const findDifferences = async (requests: fc.Arbitrary<string>, seed: number, count: number): Promise<void> => {
    const differences: string[] = [];
    await pair.forEach(fc.sample(requests, { seed, numRuns: count }), async (lane, bytes) => {
      const difference = await compare(lane, bytes, fleet.alice);
      if (difference !== undefined) differences.push(difference);
    });
    assert.equal(differences.length, 0, `${differences.length} differences with FUZZ_SEED=${seed}, the first:\n${differences.slice(0, SHOWN).join('\n\n')}`);
  };

  it('differ only in what the capability table says the node engine has alone', () => assert.deepEqual(missingFeatures(), []));

  for (const [kind, requests] of Object.entries({ 'requests with hostile parts': HOSTILE_REQUEST, 'requests with one byte changed': MUTATED_REQUEST })) {
    it(`make the same of ${kind}`, () => findDifferences(requests, 1, soaked(250)));
    it(`make the same of other ${kind} (FUZZ_SEED=${RANDOM_SEED})`, () => findDifferences(requests, RANDOM_SEED, soaked(250)));
  }
});
