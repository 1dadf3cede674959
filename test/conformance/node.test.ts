import { before, describe } from 'node:test';
import { describeClients } from './clients.ts';
import { describeHeaders } from './headers.ts';
import { describeHttp } from './http.ts';
import { Fleet } from './fleet.ts';
import { nodeEngine } from './node-engine.ts';
import { describeReload } from './reload.ts';
import { describeTcp } from './tcp.ts';

describe('the node engine', { concurrency: 4 }, () => {
  let fleet: Fleet;
  before(async () => {
    fleet = await Fleet.create();
  });
  const engine = nodeEngine();
  describe('clients', { concurrency: 4 }, () => describeClients(engine, () => fleet));
  describe('headers', { concurrency: 4 }, () => describeHeaders(engine, () => fleet));
  describe('HTTP', { concurrency: 4 }, () => describeHttp(engine, () => fleet));
  describe('TCP', { concurrency: 4 }, () => describeTcp(engine, () => fleet));
  describe('reload', { concurrency: 4 }, () => describeReload(engine, () => fleet));
});
