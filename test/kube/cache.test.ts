import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { Cache, type CacheOptions } from '../../src/kube/cache.ts';
import { silentLogger } from './scripted-server.ts';

type Thing = { metadata: { namespace: string; name: string; uid: string; resourceVersion: string }; data: string };

/** A thing named after the part of its uid in front of the dash: `a-1` is the first `a`. */
function aThing(uid: string, resourceVersion: number, data = ''): Thing {
  const name = uid.split('-')[0] ?? '';
  return { metadata: { namespace: 'shop', name, uid, resourceVersion: String(resourceVersion) }, data };
}

function aCache(options: Partial<CacheOptions<Thing>> = {}): Cache<Thing> {
  return new Cache<Thing>({ logger: silentLogger, ...options });
}

function changesOf(cache: Cache<Thing>): string[] {
  const changes: string[] = [];
  const version = (thing: Thing | undefined): string => thing?.metadata.resourceVersion ?? '-';
  cache.onChange((key, before, after, origin) => changes.push(`${key} ${version(before)}>${version(after)} ${origin}`));
  return changes;
}

const versionOf = (cache: Cache<Thing>, name: string): string | undefined => cache.get(`shop/${name}`)?.metadata.resourceVersion;

describe('Cache', () => {
  it('has synced once a list has come, even an empty one', () => {
    const cache = aCache();
    cache.observe(aThing('a-1', 5));
    assert.equal(cache.hasSynced, false);
    cache.replace([], '10');
    assert.equal(cache.hasSynced, true);
  });

  it('tells a late subscriber what is there already', () => {
    const cache = aCache();
    cache.replace([aThing('a-1', 1), aThing('b-1', 2)], '2');
    assert.deepEqual(changesOf(cache), ['shop/a ->1 list', 'shop/b ->2 list']);
  });

  it('tells what appeared, changed and vanished between two lists, and nothing of what stayed', () => {
    const cache = aCache();
    cache.replace([aThing('a-1', 1), aThing('b-1', 2), aThing('c-1', 3)], '3');
    const changes = changesOf(cache);
    changes.length = 0;
    cache.replace([aThing('a-1', 1), aThing('b-1', 5), aThing('d-1', 6)], '7');
    assert.deepEqual(changes, ['shop/b 2>5 list', 'shop/d ->6 list', 'shop/c 3>- list']);
  });

  it('goes on when a handler throws', () => {
    const cache = aCache();
    cache.onChange(() => {
      throw new Error('no');
    });
    const changes = changesOf(cache);
    cache.upsert(aThing('a-1', 1));
    assert.deepEqual(changes, ['shop/a ->1 watch']);
  });

  it('calls nobody after the unsubscription', () => {
    const cache = aCache();
    let calls = 0;
    const unsubscribe = cache.onChange(() => (calls += 1));
    unsubscribe();
    cache.upsert(aThing('a-1', 1));
    assert.equal(calls, 0);
  });

  it('finds objects by an index, also after they have changed or vanished', () => {
    const cache = aCache({ indexes: { data: ({ data }) => [data] } });
    cache.replace([aThing('a-1', 1, 'x'), aThing('b-1', 2, 'x')], '2');
    assert.deepEqual(cache.keysBy('data', 'x'), ['shop/a', 'shop/b']);
    cache.upsert(aThing('a-1', 3, 'y'));
    cache.remove(aThing('b-1', 4, 'x'));
    assert.deepEqual([cache.keysBy('data', 'x'), cache.by('data', 'y').length], [[], 1]);
  });
});

describe('Cache: our own writes', () => {
  it('are seen at once', () => {
    const cache = aCache();
    cache.replace([aThing('a-1', 1)], '1');
    cache.observe(aThing('a-1', 9));
    assert.equal(versionOf(cache, 'a'), '9');
  });

  it('are not taken back by an older event, nor by an older list', () => {
    const cache = aCache();
    cache.replace([aThing('a-1', 1)], '1');
    cache.observe(aThing('a-1', 99));
    cache.upsert(aThing('a-1', 50));
    cache.replace([aThing('a-1', 50)], '60');
    assert.equal(versionOf(cache, 'a'), '99');
  });

  it('are compared as numbers of any length', () => {
    const cache = aCache();
    cache.observe(aThing('a-1', 100));
    cache.upsert(aThing('a-1', 99));
    assert.equal(versionOf(cache, 'a'), '100');
  });

  it('cause no second change when their own event arrives', () => {
    const cache = aCache();
    const changes = changesOf(cache);
    cache.observe(aThing('a-1', 9));
    cache.upsert(aThing('a-1', 9));
    assert.deepEqual(changes, ['shop/a ->9 write']);
  });

  it('survive a list that was taken before them', () => {
    const cache = aCache();
    cache.observe(aThing('a-1', 9));
    cache.replace([], '8');
    assert.equal(versionOf(cache, 'a'), '9');
    cache.replace([], '10');
    assert.equal(versionOf(cache, 'a'), undefined);
  });

  it('that deleted an object are not undone by its late events', () => {
    const cache = aCache();
    cache.replace([aThing('a-1', 1)], '1');
    cache.observeDeleted(aThing('a-1', 1));
    cache.upsert(aThing('a-1', 5));
    assert.equal(versionOf(cache, 'a'), undefined);
  });

  it('do not bring back an object whose deletion the watch has told already', () => {
    const cache = aCache();
    cache.replace([aThing('a-1', 1)], '1');
    cache.remove(aThing('a-1', 7));
    cache.observe(aThing('a-1', 6));
    assert.equal(versionOf(cache, 'a'), undefined);
  });

  it('bring back an object that had left the selection when somebody took its label away, and go on following it', () => {
    const cache = aCache();
    cache.replace([aThing('a-1', 1)], '1');
    cache.remove(aThing('a-1', 7));
    cache.upsert(aThing('a-1', 6));
    assert.equal(versionOf(cache, 'a'), undefined);
    cache.observe(aThing('a-1', 8));
    const changes = changesOf(cache);
    cache.upsert(aThing('a-1', 9));
    cache.remove(aThing('a-1', 10));
    cache.replace([aThing('a-1', 11)], '12');
    assert.deepEqual(changes.slice(1), ['shop/a 8>9 watch', 'shop/a 9>- watch', 'shop/a ->11 list']);
  });

  it('that created a successor are not undone by the deletion of the predecessor', () => {
    const cache = aCache();
    cache.replace([aThing('a-1', 1)], '1');
    cache.observe(aThing('a-2', 9));
    cache.remove(aThing('a-1', 8));
    assert.equal(cache.get('shop/a')?.metadata.uid, 'a-2');
  });

  it('are pruned like what the watch brings', () => {
    const cache = aCache({ prune: (thing) => ({ ...thing, data: '' }) });
    const written = aThing('a-1', 1, 'long');
    cache.observe(written);
    assert.deepEqual([cache.get('shop/a')?.data, written.data], ['', 'long']);
  });

  it('never let the cache go back, in whatever order writes and events arrive', () => {
    const step = fc.record({ by: fc.constantFrom('observe' as const, 'upsert' as const), version: fc.integer({ min: 1, max: 200 }) });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1 }), (steps) => {
        const cache = aCache();
        for (const { by, version } of steps) cache[by](aThing('a-1', version));
        assert.equal(versionOf(cache, 'a'), String(Math.max(...steps.map(({ version }) => version))));
      }),
    );
  });
});

describe('Cache: an API server restored from a backup', () => {
  it('is believed although its resourceVersions are lower, and what was deleted may be back', () => {
    const cache = aCache();
    cache.replace([aThing('a-1', 100, 'new'), aThing('b-1', 100)], '100');
    cache.remove(aThing('b-1', 120));
    cache.upsert(aThing('c-1', 130));
    cache.replace([aThing('a-1', 40, 'old'), aThing('b-1', 41)], '50');
    assert.deepEqual([cache.get('shop/a')?.data, versionOf(cache, 'b'), versionOf(cache, 'c')], ['old', '41', undefined]);
  });
});
