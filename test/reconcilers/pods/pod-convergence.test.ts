import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Answer } from '../../../src/reconcilers/pods/ask-sidecar.ts';
import { isCurrent, judgePod, nextAskAt, planTouch, summarisePods } from '../../../src/reconcilers/pods/pod-convergence.ts';
import type { PodRecord } from '../../../src/reconcilers/pods/pod-convergence.ts';

const NEW = 'b'.repeat(64);
const OLD = 'a'.repeat(64);
const T = Date.UTC(2026, 10, 22, 10);
const loaded = (manifestSHA256: string): Answer => ({ kind: 'report', report: { manifestSHA256, plaintextReachable: [] } });
const silent: Answer = { kind: 'silent', because: 'no answer within 2000 ms' };
const aRecord = (fields: Partial<PodRecord> = {}): PodRecord => ({ name: 'web-1', firstSeenAt: T - 60_000, jitter: 0.5, ...fields });

describe('judgePod', () => {
  it('calls a pod current that has loaded what was written last', () => {
    const judged = judgePod(aRecord({ answer: loaded(NEW), pendingSince: T - 5 }), NEW, T);
    assert.deepEqual([isCurrent(judged, NEW), 'pendingSince' in judged], [true, false]);
  });

  it('remembers since when a pod has been behind', () => {
    const first = judgePod(aRecord({ answer: loaded(OLD) }), NEW, T);
    assert.equal(first.pendingSince, T);
    assert.equal(judgePod(first, 'c'.repeat(64), T + 9000).pendingSince, T);
  });

  it('counts a pod that says nothing as behind', () => {
    assert.equal(judgePod(aRecord({ answer: silent }), NEW, T).pendingSince, T);
  });
});

describe('nextAskAt', () => {
  const table: Record<string, { record: PodRecord; after: number }> = {
    'a pod that was never asked: now': { record: aRecord(), after: 0 },
    'a current pod: in 30 to 60 s': { record: aRecord({ askedAt: T }), after: 45_000 },
    'a current pod that has just come: in 5 s': { record: aRecord({ askedAt: T, firstSeenAt: T }), after: 5000 },
    'a current pod of 20 s: in 20 s': { record: aRecord({ askedAt: T, firstSeenAt: T - 20_000 }), after: 20_000 },
    'a pod behind since now: in a second': { record: aRecord({ askedAt: T, pendingSince: T }), after: 1000 },
    'a pod behind for a minute: in 6 s': { record: aRecord({ askedAt: T, pendingSince: T - 60_000 }), after: 6000 },
    'a pod behind for a day: in 30 s': { record: aRecord({ askedAt: T, pendingSince: T - 86_400_000 }), after: 30_000 },
  };
  for (const [sentence, { record, after }] of Object.entries(table)) it(`asks ${sentence}`, () => assert.equal(nextAskAt(record, T), T + after));

  it('asks at once a pod that was current until new files were written', () => {
    assert.ok(nextAskAt(judgePod(aRecord({ askedAt: T - 20_000, answer: loaded(OLD) }), NEW, T), T) <= T);
  });
});

describe('planTouch', () => {
  const first = `${'b'.repeat(16)}.1`;
  const behind = aRecord({ answer: loaded(OLD), pendingSince: T });
  const table: Record<string, { record: PodRecord; refresh?: string; value: string | undefined }> = {
    'touches a pod that has old files': { record: behind, value: first },
    'touches it for these files though it was touched for others': { record: behind, refresh: `${'a'.repeat(16)}.5`, value: first },
    'leaves a current pod alone': { record: aRecord({ answer: loaded(NEW) }), value: undefined },
    'leaves a pod alone that was not asked': { record: aRecord({ pendingSince: T }), value: undefined },
    'waits two seconds before the second touch': { record: { ...behind, touchedAt: T - 1999 }, refresh: first, value: undefined },
    'touches again after two seconds': { record: { ...behind, touchedAt: T - 2000 }, refresh: first, value: `${'b'.repeat(16)}.2` },
    'waits twice as long before the third': { record: { ...behind, touchedAt: T - 3999 }, refresh: `${'b'.repeat(16)}.2`, value: undefined },
    'goes on counting where another leader stopped': { record: behind, refresh: `${'b'.repeat(16)}.3`, value: `${'b'.repeat(16)}.4` },
    'gives up after six': { record: behind, refresh: `${'b'.repeat(16)}.6`, value: undefined },
    'begins anew when somebody has edited the annotation': { record: behind, refresh: `${'b'.repeat(16)}.x`, value: first },
    'gives a pod time to start': { record: aRecord({ answer: silent, pendingSince: T, firstSeenAt: T - 4999 }), value: undefined },
    'touches a pod that still says nothing': { record: aRecord({ answer: silent, pendingSince: T, firstSeenAt: T - 5000 }), value: first },
  };
  for (const [sentence, { record, refresh, value }] of Object.entries(table)) {
    it(sentence, () => assert.equal(planTouch(record, { expected: NEW, refresh }, T), value));
  }
});

describe('summarisePods', () => {
  it('puts the slowest first, and by name what is equally slow', () => {
    const records = [aRecord({ name: 'c', pendingSince: T }), aRecord({ name: 'd' }), aRecord({ name: 'b', pendingSince: T }), aRecord({ name: 'a', pendingSince: T - 1 })];
    const { total, current, pending } = summarisePods(records);
    assert.deepEqual([total, current, pending.map(({ name }) => name)], [4, 1, ['a', 'b', 'c']]);
  });
});
