import { before, describe } from 'node:test';
import { Fleet } from './fleet.ts';
import { nginxEngine } from './nginx-engine.ts';
import { describeEverything } from './sentences.ts';

const engine = nginxEngine();

describe('the nginx engine', { concurrency: 4, skip: engine.missing ?? false }, () => {
  let fleet: Fleet;
  before(async () => {
    fleet = await Fleet.create();
  });
  describeEverything(engine, () => fleet);
});
