import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PodOwner } from '../../src/admission/mutate-pod.ts';
import { nudgeOwners, NUDGED_ANNOTATION } from '../../src/admission/nudge-owners.ts';
import { PendingOwners } from '../../src/admission/pending-owners.ts';
import { wakeOwnersInTime } from '../../src/admission/wake-owners.ts';
import { WorkloadEvents } from '../../src/admission/workload-events.ts';
import type { WorkloadEventsOptions } from '../../src/admission/workload-events.ts';
import type { TenantCertificate } from '../../src/api/tenant-certificate.ts';
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

describe(wakeOwnersInTime.name, () => {
  const ref = { namespace: 'shop', name: 'hello' };
  const certificate = { metadata: ref } as unknown as TenantCertificate;

  function setUp() {
    const known = new Map<string, TenantCertificate>();
    let changed: (key: string, before?: TenantCertificate, after?: TenantCertificate) => void = () => assert.fail('nobody listens');
    const woken: string[][] = [];
    const certificates = { get: (key: string) => known.get(key), onChange: (handler: typeof changed) => (changed = handler) };
    const remember = wakeOwnersInTime({ certificates, pending: new PendingOwners(), wake: (owners) => void woken.push(uids(owners)) });
    const create = (): void => {
      known.set('shop/hello', certificate);
      changed('shop/hello', undefined, certificate);
    };
    return { remember, woken, create, change: () => changed('shop/hello', certificate, certificate) };
  }

  it('wakes who waits when the certificate appears, once', () => {
    const { remember, woken, create, change } = setUp();
    remember(ref, anOwner('a'));
    remember(ref, anOwner('b'));
    assert.deepEqual(woken, []);
    create();
    change();
    assert.deepEqual(woken, [['a', 'b']]);
  });

  it('wakes at once whose certificate appeared while its pod was being refused', () => {
    const { remember, woken, create } = setUp();
    create();
    remember(ref, anOwner('late'));
    assert.deepEqual(woken, [['late']]);
  });
});

describe(WorkloadEvents.name, () => {
  const deployment = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'hello', uid: 'd-1', controller: true };
  const note = { type: 'Warning', reason: 'HostNetwork', message: 'no' } as const;
  const real = anOwner('a');

  /** Answers with the object of that name, if there is one; `settled` resolves when everything that was asked has been answered. */
  function setUp(objects: Record<string, object> = {}, monotonic = () => 0) {
    const recorded: unknown[] = [];
    const asked: string[] = [];
    const get = async (_resource: unknown, { namespace, name }: { namespace: string; name: string }): Promise<unknown> => {
      asked.push(`${namespace}/${name}`);
      return await (objects[`${namespace}/${name}`] === undefined ? Promise.reject(new ApiError('get', { code: 404 })) : Promise.resolve(objects[`${namespace}/${name}`]));
    };
    const client = { get } as unknown as WorkloadEventsOptions['client'];
    const events = new WorkloadEvents({ client, monotonic, record: (object) => void recorded.push([object.kind, object.metadata?.name, object.metadata?.uid]) });
    return { events, recorded, asked, settled: async () => await new Promise((resolve) => setImmediate(resolve)) };
  }

  it('tells the Deployment above the ReplicaSet, and asks once', async () => {
    const { events, recorded, asked, settled } = setUp({ 'shop/rs-a': { metadata: { uid: 'a', ownerReferences: [deployment] } } });
    events.record(real, note);
    events.record(real, note);
    await settled();
    assert.deepEqual([recorded, asked], [[['Deployment', 'hello', 'd-1'], ['Deployment', 'hello', 'd-1']], ['shop/rs-a']]);
  });

  it('tells the owner itself when there is nobody above', async () => {
    const { events, recorded, settled } = setUp({ 'shop/db': { metadata: { uid: 's' } } });
    events.record(anOwner('s', { kind: 'StatefulSet', name: 'db' }), note);
    await settled();
    assert.deepEqual(recorded, [['StatefulSet', 'db', 's']]);
  });

  const forged: Record<string, PodOwner> = {
    'an owner that does not exist': anOwner('gone'),
    'an owner of another uid': anOwner('other', { name: 'rs-a' }),
    'an owner of another namespace': { ...real, namespace: 'kube-system' },
    'an owner of a kind that cannot be looked up': anOwner('a', { apiVersion: 'v1', kind: 'Secret', name: 'rs-a' }),
    'an owner of the same kind in another group': anOwner('a', { apiVersion: 'example.com/v1' }),
  };
  for (const [name, owner] of Object.entries(forged)) {
    it(`writes nothing about ${name}, even after the true one was told`, async () => {
      const { events, recorded, settled } = setUp({ 'shop/rs-a': { metadata: { uid: 'a' } } });
      events.record(real, note);
      await settled();
      events.record(owner, note);
      await settled();
      assert.equal(recorded.length, 1);
    });
  }

  it('writes only so many, whatever is sent, and more when time has passed', async () => {
    let now = 0;
    const { events, recorded, asked, settled } = setUp({ 'shop/rs-a': { metadata: { uid: 'a' } } }, () => now);
    for (let index = 0; index < 1000; index += 1) events.record(anOwner(`forged-${index}`), note);
    await settled();
    assert.deepEqual([recorded.length, asked.length], [0, 200]);
    events.record(real, note);
    await settled();
    assert.deepEqual(recorded, []);
    now += 1000;
    for (let index = 0; index < 100; index += 1) events.record(real, note);
    await settled();
    assert.equal(recorded.length, 10);
  });
});
