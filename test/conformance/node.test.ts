import { before, describe } from 'node:test';
import { describeClients } from './clients.ts';
import { Fleet } from './fleet.ts';
import { nodeEngine } from './node-engine.ts';

describe('the node engine', { concurrency: 4 }, () => {
  let fleet: Fleet;
  before(async () => {
    fleet = await Fleet.create();
  });
  const engine = nodeEngine();
  describe('clients', { concurrency: 4 }, () => describeClients(engine, () => fleet));
});
