import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PodOwner } from '../../src/admission/mutate-pod.ts';
import { nudgeOwners, NUDGED_ANNOTATION } from '../../src/admission/nudge-owners.ts';
import { PendingOwners } from '../../src/admission/pending-owners.ts';
import { WorkloadEvents } from '../../src/admission/workload-events.ts';
import type { WorkloadEventsOptions } from '../../src/admission/workload-events.ts';
import { ApiError } from '../../src/kube/api-error.ts';
import { aRecorder } from './fixtures.ts';

function anOwner(uid: string, reference: Partial<PodOwner['reference']> = {}): PodOwner {
  return { namespace: 'shop', reference: { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: `rs-${uid}`, uid, ...reference } };
}

const uids = (owners: readonly PodOwner[]): string[] => owners.map(({ reference }) => reference.uid);

describe(PendingOwners.name, () => {
  it('gives each owner once, to the certificate it waits for', () => {
    const pending = new PendingOwners();
    const certificate = { namespace: 'shop', name: 'hello' };
    for (const uid of ['a', 'b', 'a']) pending.add(certificate, anOwner(uid));
    pending.add({ namespace: 'bank', name: 'hello' }, anOwner('c'));
    assert.deepEqual(uids(pending.take(certificate)), ['b', 'a']);
    assert.deepEqual(pending.take(certificate), []);
    assert.deepEqual(uids(pending.take({ namespace: 'bank', name: 'hello' })), ['c']);
    assert.equal(pending.size, 0);
  });

  it('keeps the newest when there are too many', () => {
    const pending = new PendingOwners();
    for (let index = 0; index < 5000; index += 1) pending.add({ namespace: 'shop', name: `c${index}` }, anOwner(`${index}`));
    for (let index = 0; index < 100; index += 1) pending.add({ namespace: 'shop', name: 'c4999' }, anOwner(`more-${index}`));
    assert.equal(pending.size, 4096);
    assert.deepEqual(pending.take({ namespace: 'shop', name: 'c0' }), []);
    const owners = uids(pending.take({ namespace: 'shop', name: 'c4999' }));
    assert.deepEqual([owners.length, owners.at(-1)], [64, 'more-99']);
  });
});

describe(nudgeOwners.name, () => {
  it('changes an annotation of each owner it may nudge, by uid, and never rejects', async () => {
    const patches: unknown[] = [];
    const client = {
      mergePatch: async <T>(resource: { kind: string }, ref: { name: string }, patch: object, options: object = {}): Promise<T> => {
        if (ref.name === 'rs-gone') throw new ApiError('patch', { code: 404 });
        if (ref.name === 'rs-bad') throw new ApiError('patch', { code: 403 });
        patches.push({ kind: resource.kind, name: ref.name, patch, options });
        return await Promise.resolve({} as T);
      },
    };
    const { log, lines } = aRecorder();
    const foreign = anOwner('x', { apiVersion: 'example.com/v1', kind: 'ReplicaSet' });
    await nudgeOwners({ client, log, now: () => 0 }, [anOwner('gone'), anOwner('bad'), foreign, anOwner('a'), anOwner('j', { apiVersion: 'batch/v1', kind: 'Job', name: 'import' })]);
    const patch = (uid: string) => ({ metadata: { uid, annotations: { [NUDGED_ANNOTATION]: '1970-01-01T00:00:00.000Z' } } });
    assert.deepEqual(patches, [
      { kind: 'ReplicaSet', name: 'rs-a', patch: patch('a'), options: { subresource: 'status' } },
      { kind: 'Job', name: 'import', patch: patch('j'), options: { subresource: 'status' } },
    ]);
    assert.deepEqual(lines.filter(({ level }) => level === 'warn').map(({ fields }) => fields['name']), ['rs-bad']);
  });
});

describe(WorkloadEvents.name, () => {
  const deployment = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'hello', uid: 'd-1', controller: true };
  const note = { type: 'Warning', reason: 'HostNetwork', message: 'no' } as const;

  function setUp(get: () => Promise<unknown>) {
    const recorded: unknown[] = [];
    const enough = Promise.withResolvers<void>();
    let gets = 0;
    const client = { get: async () => { gets += 1; return await get(); } } as unknown as WorkloadEventsOptions['client'];
    const events = new WorkloadEvents({ client, record: (object) => { recorded.push([object.kind, object.metadata?.name, object.metadata?.uid]); if (recorded.length === 2) enough.resolve(); } });
    return { events, recorded, enough: enough.promise, gets: () => gets };
  }

  it('tells the Deployment above the ReplicaSet, and asks once', async () => {
    const { events, recorded, enough, gets } = setUp(async () => await Promise.resolve({ metadata: { ownerReferences: [deployment] } }));
    events.record(anOwner('a'), note);
    events.record(anOwner('a'), note);
    await enough;
    assert.deepEqual([recorded, gets()], [[['Deployment', 'hello', 'd-1'], ['Deployment', 'hello', 'd-1']], 1]);
  });

  it('tells the owner itself when there is nobody above, or nobody answers', async () => {
    const { events, recorded, enough } = setUp(async () => await Promise.reject(new ApiError('get', { code: 403 })));
    events.record(anOwner('a'), note);
    events.record(anOwner('s', { kind: 'StatefulSet', name: 'db' }), note);
    await enough;
    assert.deepEqual(recorded.toSorted(), [['ReplicaSet', 'rs-a', 'a'], ['StatefulSet', 'db', 's']]);
  });
});
