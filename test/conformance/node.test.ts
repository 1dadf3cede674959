import { before, describe } from 'node:test';
import { Fleet } from './fleet.ts';
import { nodeEngine } from './node-engine.ts';
import { describeEverything } from './sentences.ts';

describe('the node engine', { concurrency: 4 }, () => {
  let fleet: Fleet;
  before(async () => {
    fleet = await Fleet.create();
  });
  // Shorter than in production, so that the sentences about them can be tested: nobody takes a second for a handshake on loopback.
  describeEverything(nodeEngine({ handshakeTimeoutMs: 2000, drainTimeoutMs: 1500 }), () => fleet);
});
