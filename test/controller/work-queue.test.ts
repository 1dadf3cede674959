import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it, mock } from 'node:test';
import { WorkQueue } from '../../src/controller/work-queue.ts';

describe('WorkQueue', () => {
  it('gives keys in the order they were added', async () => {
    const queue = new WorkQueue();
    queue.add('a');
    queue.add('b');
    assert.deepEqual([await queue.take(), await queue.take()], ['a', 'b']);
  });

  it('holds a key only once', async () => {
    const queue = new WorkQueue();
    queue.add('a');
    queue.add('a');
    assert.equal(queue.depth, 1);
  });

  it('never gives a key to two workers at the same time', async () => {
    const queue = new WorkQueue();
    queue.add('a');
    await queue.take();
    queue.add('a');
    assert.equal(queue.depth, 0);
  });

  it('runs a key once more when it was added, however often, while being processed', async () => {
    const queue = new WorkQueue();
    queue.add('a');
    await queue.take();
    queue.add('a');
    queue.add('a');
    queue.done('a');
    assert.equal(await queue.take(), 'a');
    queue.done('a');
    assert.equal(queue.isIdle, true);
  });

  it('hands a key to a worker that waits', async () => {
    const queue = new WorkQueue();
    const [first, second] = [queue.take(), queue.take()];
    queue.add('a');
    queue.add('b');
    assert.deepEqual([await first, await second], ['a', 'b']);
  });

  it('does not hand a key that is being processed to a worker that waits', async () => {
    const queue = new WorkQueue();
    queue.add('a');
    await queue.take();
    const waiting = queue.take();
    queue.add('a');
    queue.add('b');
    assert.equal(await waiting, 'b');
  });

  it('lets waiting workers go when it is closed, and takes nothing more', async () => {
    const queue = new WorkQueue();
    const waiting = queue.take();
    queue.close();
    queue.add('a');
    queue.addAfter('b', 1);
    assert.deepEqual([await waiting, await queue.take(), queue.delayed], [undefined, undefined, 0]);
  });

  it('stays fast with 100 000 keys', async () => {
    const queue = new WorkQueue();
    const startedAt = performance.now();
    for (let key = 0; key < 100_000; key += 1) queue.add(String(key));
    while (queue.depth > 0) queue.done((await queue.take()) ?? '');
    assert.ok(performance.now() - startedAt < 5000);
  });
});

describe('WorkQueue.addAfter', () => {
  beforeEach(() => mock.timers.enable({ apis: ['setTimeout', 'Date'] }));
  afterEach(() => mock.timers.reset());

  it('adds the key when its time has come and not before', () => {
    const queue = new WorkQueue();
    queue.addAfter('a', 1000);
    mock.timers.tick(999);
    assert.equal(queue.depth, 0);
    mock.timers.tick(1);
    assert.deepEqual([queue.depth, queue.delayed], [1, 0]);
  });

  it('keeps the earlier of two times', () => {
    const queue = new WorkQueue();
    queue.addAfter('a', 1000);
    queue.addAfter('a', 5000);
    queue.addAfter('b', 5000);
    queue.addAfter('b', 1000);
    mock.timers.tick(1000);
    assert.deepEqual([queue.depth, queue.delayed], [2, 0]);
  });

  it('forgets the delay when the key is processed earlier: that run decides afresh', async () => {
    const queue = new WorkQueue();
    queue.addAfter('a', 1000);
    queue.add('a');
    await queue.take();
    assert.equal(queue.delayed, 0);
  });

  it('keeps a delay that was asked for during the run', async () => {
    const queue = new WorkQueue();
    queue.add('a');
    await queue.take();
    queue.addAfter('a', 1000);
    queue.done('a');
    mock.timers.tick(1000);
    assert.equal(queue.depth, 1);
  });

  it('waits longer than the longest timer of Node', () => {
    const queue = new WorkQueue();
    const sixtyDays = 60 * 86_400_000;
    queue.addAfter('a', sixtyDays);
    mock.timers.tick(sixtyDays - 1);
    assert.deepEqual([queue.depth, queue.delayed], [0, 1]);
    mock.timers.tick(1);
    assert.equal(queue.depth, 1);
  });
});
