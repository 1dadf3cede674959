import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { LeaderElection } from '../../src/controller/leader-election.ts';
import type { Lease, LeaseClient, LeaseRecord } from '../../src/controller/lease-claim.ts';
import { ManualClock } from './manual-clock.ts';
import { soaked } from '../support/soak.ts';

/** The lease as the API server keeps it: one record, guarded by its version. */
class LeaseServer {
  lease: Lease | undefined;
  reads = 0;
  writes = 0;
  #version = 0;

  clientFor(replica: Replica): LeaseClient {
    return {
      read: async (signal) => {
        await replica.reach(signal);
        this.reads += 1;
        return this.lease;
      },
      create: async (record, signal) => {
        await replica.reach(signal);
        assert.equal(this.lease, undefined, 'AlreadyExists');
        return this.#write(record);
      },
      update: async ({ record, version }, signal) => {
        await replica.reach(signal);
        assert.equal(this.lease?.version, version, 'Conflict');
        return this.#write(record);
      },
    };
  }

  #write(record: LeaseRecord): Lease {
    this.writes += 1;
    this.#version += 1;
    this.lease = { record, version: String(this.#version) };
    return this.lease;
  }
}

class Replica {
  network: 'up' | 'refusing' | 'hanging' = 'up';
  isLeading = false;
  drainMs = 0;
  readonly errors: unknown[] = [];
  readonly stop = new AbortController();
  readonly running: Promise<void>;
  readonly #clock: ManualClock;

  constructor(identity: string, server: LeaseServer, clock: ManualClock) {
    this.#clock = clock;
    const onError = (error: unknown): void => void this.errors.push(error);
    const election = new LeaderElection({ leases: server.clientFor(this), identity, random: () => 0.5, clock, onError });
    this.running = election.run(this.stop.signal, async (leading) => await this.#lead(leading));
  }

  async reach(signal: AbortSignal): Promise<void> {
    if (this.network === 'refusing') throw new Error('connection refused');
    if (this.network === 'hanging') await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  }

  async #lead(leading: AbortSignal): Promise<void> {
    this.isLeading = true;
    if (!leading.aborted) await new Promise((resolve) => leading.addEventListener('abort', resolve));
    await this.#clock.sleep(this.drainMs);
    this.isLeading = false;
  }
}

function twoReplicas(): { clock: ManualClock; server: LeaseServer; first: Replica; second: Replica } {
  const clock = new ManualClock();
  const server = new LeaseServer();
  return { clock, server, first: new Replica('first', server, clock), second: new Replica('second', server, clock) };
}

describe('LeaderElection', () => {
  it('lets exactly one of two replicas lead', async () => {
    const { clock, first, second } = twoReplicas();
    await clock.advance(60_000);
    assert.deepEqual([first.isLeading, second.isLeading], [true, false]);
  });

  it('hands over within one retry period when the leader is stopped', async () => {
    const { clock, server, first, second } = twoReplicas();
    await clock.advance(10_000);
    first.stop.abort();
    await first.running;
    assert.equal(server.lease?.record.holder, '');
    await clock.advance(2400);
    assert.equal(second.isLeading, true);
    assert.equal(server.lease?.record.transitions, 1);
  });

  it('keeps the lease while the stopped leader finishes its work', async () => {
    const { clock, first, second } = twoReplicas();
    await clock.advance(10_000);
    first.drainMs = 30_000;
    first.stop.abort();
    await clock.advance(29_000);
    assert.deepEqual([first.isLeading, second.isLeading], [true, false]);
    await clock.advance(4000);
    assert.deepEqual([first.isLeading, second.isLeading], [false, true]);
  });

  it('waits for the end of the lease when the leader vanished without a word', async () => {
    const { clock, first, second } = twoReplicas();
    await clock.advance(10_000);
    first.network = 'hanging';
    await clock.advance(12_000);
    assert.equal(second.isLeading, false);
    await clock.advance(8000);
    assert.equal(second.isLeading, true);
  });

  for (const network of ['refusing', 'hanging'] as const) {
    it(`stops leading within the renew deadline when the API server is ${network}`, async () => {
      const { clock, first, second } = twoReplicas();
      await clock.advance(10_000);
      first.network = network;
      second.network = network;
      await clock.advance(10_001);
      assert.equal(first.isLeading, false);
    });
  }

  it('leads again after an outage that nobody used', async () => {
    const { clock, first, second } = twoReplicas();
    await clock.advance(10_000);
    first.network = 'refusing';
    second.network = 'refusing';
    await clock.advance(60_000);
    first.network = 'up';
    await clock.advance(10_000);
    assert.equal(first.isLeading, true);
    assert.notEqual(first.errors.length, 0);
  });

  it('steps down when somebody else has written the lease', async () => {
    const { clock, server, first } = twoReplicas();
    await clock.advance(10_000);
    assert.ok(server.lease);
    server.lease = { version: 'x', record: { ...server.lease.record, holder: 'intruder' } };
    await clock.advance(5000);
    assert.equal(first.isLeading, false);
  });

  it('spends one write and no read per retry period while leading', async () => {
    const { clock, server, second } = twoReplicas();
    second.network = 'refusing';
    await clock.advance(1000);
    const [reads, writes] = [server.reads, server.writes];
    await clock.advance(22_000);
    assert.deepEqual([server.reads - reads, server.writes - writes], [0, 10]);
  });

  it('never has two leaders, whatever the network does', async () => {
    const networks = fc.constantFrom<Replica['network']>('up', 'up', 'refusing', 'hanging');
    const step = fc.record({ replica: fc.nat(2), network: networks, ms: fc.integer({ min: 1, max: 9000 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
        const clock = new ManualClock();
        const server = new LeaseServer();
        const replicas = ['a', 'b', 'c'].map((name) => new Replica(name, server, clock));
        for (const replica of replicas) replica.drainMs = 4000;
        for (const { replica, network, ms } of steps) {
          (replicas[replica] as Replica).network = network;
          for (let passed = 0; passed < ms; passed += 500) {
            await clock.advance(500);
            assert.ok(replicas.filter(({ isLeading }) => isLeading).length <= 1);
          }
        }
      }),
      { numRuns: soaked(30) },
    );
  });
});
