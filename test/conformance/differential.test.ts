// Both engines are given the same bytes, proper and hostile, and must make the same of them: the answers, what reaches the app, and the fate of the
// connection. Differences are expected only from the table in differential/expected-differences.ts.
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { soaked } from '../support/soak.ts';
import { compareHello, compareOffer } from './differential/compare-handshakes.ts';
import { compare } from './differential/compare.ts';
import { EnginePair, type Lane } from './differential/engine-pair.ts';
import { missingFeatures } from './differential/expected-differences.ts';
import { captureHello, identitiesOf, MUTATION, OFFER } from './differential/handshakes.ts';
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
  async function findDifferences<T>(arbitrary: fc.Arbitrary<T>, { seed, count }: { seed: number; count: number }, compareOne: (lane: Lane, one: T) => Promise<string | undefined>): Promise<void> {
    const differences: string[] = [];
    await pair.forEach(fc.sample(arbitrary, { seed, numRuns: soaked(count) }), async (lane, one) => {
      const difference = await compareOne(lane, one);
      if (difference !== undefined) differences.push(difference);
    });
    assert.equal(differences.length, 0, `${differences.length} differences with FUZZ_SEED=${seed}, the first:\n${differences.slice(0, SHOWN).join('\n\n')}`);
  }

  it('differ only in what the capability table says the node engine has alone', () => assert.deepEqual(missingFeatures(), []));

  for (const [which, seed] of [['', 1], [` (FUZZ_SEED=${RANDOM_SEED})`, RANDOM_SEED]] as const) {
    it(`make the same of requests with hostile parts${which}`, () => findDifferences(HOSTILE_REQUEST, { seed, count: 250 }, (lane, bytes) => compare(lane, bytes, fleet.alice)));

    it(`make the same of requests with one byte changed${which}`, () => findDifferences(MUTATED_REQUEST, { seed, count: 250 }, (lane, bytes) => compare(lane, bytes, fleet.alice)));

    it(`agree on the same handshakes, with the same clients${which}`, async () => {
      const identities = await identitiesOf(fleet);
      await findDifferences(OFFER, { seed, count: 100 }, (lane, offer) => compareOffer(lane, offer, identities[offer.who]));
    });

    it(`say the same to a ClientHello with one byte changed${which}`, async () => {
      const hello = await captureHello({ maxVersion: 'TLSv1.2' });
      await findDifferences(MUTATION, { seed, count: 80 }, (lane, mutation) => compareHello(lane, hello, mutation));
    });
  }
});
