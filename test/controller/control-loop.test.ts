import assert from 'node:assert/strict';
import { setImmediate as settle } from 'node:timers/promises';
import { describe, it } from 'node:test';
import { BackOff } from '../../src/controller/back-off.ts';
import { ControlLoop, type ControlLoopOptions, type Outcome, type Reconcile } from '../../src/controller/control-loop.ts';
import { TerminalError } from '../../src/controller/terminal-error.ts';
import { WorkQueue } from '../../src/controller/work-queue.ts';
import { ManualClock } from './manual-clock.ts';

type Loop = {
  readonly queue: WorkQueue;
  readonly backOff: BackOff;
  readonly outcomes: Outcome[];
  readonly errors: unknown[];
  readonly clock: ManualClock;
  readonly stop: AbortController;
  readonly running: Promise<void>;
};

function aLoop(reconcile: Reconcile, options: Partial<ControlLoopOptions> = {}): Loop {
  const queue = new WorkQueue();
  const backOff = new BackOff({ baseMs: 60_000, maxMs: 60_000, random: () => 1 });
  const outcomes: Outcome[] = [];
  const errors: unknown[] = [];
  const clock = new ManualClock();
  const stop = new AbortController();
  const onOutcome = (outcome: Outcome): void => void outcomes.push(outcome);
  const onError = (error: unknown): void => void errors.push(error);
  const loop = new ControlLoop({ reconcile, queue, backOff, workers: 2, drainMs: 4000, onOutcome, onError, clock, ...options });
  return { queue, backOff, outcomes, errors, clock, stop, running: loop.run(stop.signal) };
}

async function stopped({ stop, running }: Loop): Promise<void> {
  stop.abort();
  await running;
}

describe('ControlLoop', () => {
  const cases: Record<string, { readonly end: () => ReturnType<Reconcile>; readonly outcome: Outcome; readonly delayed: number; readonly failures: number }> = {
    'a run that returns nothing waits for the next change': { end: async () => ({}), outcome: 'success', delayed: 0, failures: 0 },
    'a run that names a time comes again then': { end: async () => ({ requeueAfterMs: 60_000 }), outcome: 'requeue_after', delayed: 1, failures: 0 },
    'a run that throws comes again after a back-off': { end: async () => await Promise.reject(new Error('no')), outcome: 'retry', delayed: 1, failures: 2 },
    'a run that throws a TerminalError does not come again': { end: async () => await Promise.reject(new TerminalError('no')), outcome: 'terminal', delayed: 0, failures: 0 },
  };
  for (const [sentence, { end, outcome, delayed, failures }] of Object.entries(cases)) {
    it(sentence, async () => {
      const loop = aLoop(end);
      loop.backOff.nextMs('a');
      loop.queue.add('a');
      await settle();
      assert.deepEqual([loop.outcomes, loop.queue.delayed, loop.backOff.failures('a')], [[outcome], delayed, failures]);
      await stopped(loop);
    });
  }

  it('reports what was thrown, once', async () => {
    const failure = new Error('no');
    const loop = aLoop(async () => await Promise.reject(failure));
    loop.queue.add('a');
    await settle();
    assert.deepEqual(loop.errors, [failure]);
    await stopped(loop);
  });

  it('survives a reconcile that throws before it returns a promise', async () => {
    const loop = aLoop(() => {
      throw new Error('at once');
    });
    loop.queue.add('a');
    await settle();
    assert.deepEqual(loop.outcomes, ['retry']);
    await stopped(loop);
  });

  it('runs as many keys at once as it has workers', async () => {
    const running = new Set<string>();
    const loop = aLoop(async (key) => {
      running.add(key);
      return await new Promise(() => undefined);
    });
    for (const key of ['a', 'b', 'c']) loop.queue.add(key);
    await settle();
    assert.deepEqual([...running], ['a', 'b']);
    loop.stop.abort();
    await loop.clock.advance(4000);
    await loop.running;
  });

  it('lets runs in flight finish after the stop and begins no other', async () => {
    const finish = Promise.withResolvers<object>();
    const seen: string[] = [];
    const loop = aLoop(async (key, signal) => {
      const answer = await finish.promise;
      assert.equal(signal.aborted, false);
      seen.push(key);
      return answer;
    }, { workers: 1 });
    loop.queue.add('a');
    loop.queue.add('b');
    await settle();
    loop.stop.abort();
    await loop.clock.advance(3999);
    finish.resolve({});
    await loop.running;
    assert.deepEqual([seen, loop.outcomes], [['a'], ['success']]);
  });

  it('aborts a run that does not finish in time and does not wait for it', async () => {
    let cut: AbortSignal | undefined;
    const loop = aLoop(async (_key, signal) => {
      cut = signal;
      return await new Promise(() => undefined);
    });
    loop.queue.add('a');
    await settle();
    loop.stop.abort();
    await loop.clock.advance(4000);
    await loop.running;
    assert.equal(cut?.aborted, true);
  });

  it('ends at once when it is stopped before it was started', async () => {
    const queue = new WorkQueue();
    const backOff = new BackOff({ baseMs: 1, maxMs: 1, random: () => 0 });
    const loop = new ControlLoop({ reconcile: async () => ({}), queue, backOff, workers: 1, drainMs: 1000 });
    await loop.run(AbortSignal.abort());
    assert.equal(queue.isIdle, true);
  });
});
