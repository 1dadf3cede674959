import { before, describe } from 'node:test';
import { describeClients } from './clients.ts';
import { describeHeaders } from './headers.ts';
import { describeHttp } from './http.ts';
import { Fleet } from './fleet.ts';
import { describeHttp2 } from './http2.ts';
import { describeLimits } from './limits.ts';
import { nodeEngine } from './node-engine.ts';
import { describeReload } from './reload.ts';
import { describeTcp } from './tcp.ts';
import { describeTls } from './tls.ts';
import { describeUpstreams } from './upstreams.ts';

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
  describe('HTTP/2', { concurrency: 4 }, () => describeHttp2(engine, () => fleet));
  describe('TLS', { concurrency: 4 }, () => describeTls(nodeEngine({ handshakeTimeoutMs: 1000 }), () => fleet));
  describe('upstreams', { concurrency: 4 }, () => describeUpstreams(engine, () => fleet));
  describe('limits', { concurrency: 4 }, () => describeLimits(nodeEngine({ drainTimeoutMs: 1000 }), () => fleet));
});
