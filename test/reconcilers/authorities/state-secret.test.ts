import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { ReconcilerContext } from '../../../src/reconcilers/reconciler-context.ts';
import { RefusedError } from '../../../src/reconcilers/authorities/refused-error.ts';
import { findState, readState, writeState } from '../../../src/reconcilers/authorities/state-secret.ts';
import { StateStore } from './state-store.ts';

const REFERENCE = { namespace: 'shop', name: 'shop-ca-crl', authority: 'Secret/shop/shop-ca' };
const KEY = 'shop/shop-ca-crl';

describe('writeState', () => {
  let store: StateStore;
  let context: ReconcilerContext;
  beforeEach(() => {
    store = new StateStore();
    context = { client: store.client, caches: { secrets: store.cache } } as unknown as ReconcilerContext;
  });

  it('creates, replaces, and reads what it wrote without waiting for the watch', async () => {
    assert.equal(readState(context, REFERENCE), undefined);
    await writeState(context, REFERENCE, { a: '1', b: '2' });
    assert.deepEqual(readState(context, REFERENCE), { a: '1', b: '2' });
    await writeState(context, REFERENCE, { a: '3' });
    assert.deepEqual(readState(context, REFERENCE), { a: '3' });
    assert.deepEqual([store.writes, store.secrets.get(KEY)?.metadata.labels], [2, { 'app.kubernetes.io/managed-by': 'tenant-mtls' }]);
  });

  it('overwrites nothing that it has not read: it fails, and the next run reads it', async () => {
    await writeState(context, REFERENCE, { a: '1' });
    const current = store.secrets.get(KEY) ?? assert.fail();
    store.put({ ...current, data: { a: Buffer.from('theirs').toString('base64') } });
    await assert.rejects(writeState(context, REFERENCE, { a: '2' }), /409/);
    assert.deepEqual(readState(context, REFERENCE), { a: 'theirs' });
    await writeState(context, REFERENCE, { a: '2' });
    assert.deepEqual(readState(context, REFERENCE), { a: '2' });
  });

  it('finds one of ours that has lost its label, instead of beginning anew', async () => {
    await writeState(context, REFERENCE, { a: '1' });
    const { metadata, ...rest } = store.secrets.get(KEY) ?? assert.fail();
    store.put({ ...rest, metadata: { ...metadata, labels: {} } });
    store.cache.remove({ ...rest, metadata: { ...metadata, uid: 'the watch says it is gone' } } as never);
    const fresh = { ...context, caches: { ...context.caches, secrets: (store.cache.replace([], '999'), store.cache) } };
    assert.equal(readState(fresh, REFERENCE), undefined);
    await assert.rejects(writeState(fresh, REFERENCE, { a: '2' }), /read first/);
    assert.deepEqual(readState(fresh, REFERENCE), { a: '1' });
  });

  it('is not deterred by what somebody else has put in its place, and looks only where the cache knows nothing', async () => {
    await findState(context, REFERENCE);
    store.put({ metadata: { namespace: 'shop', name: 'shop-ca-crl' }, data: { mine: 'eA==' } });
    await findState(context, REFERENCE);
    assert.deepEqual([readState(context, REFERENCE), store.secrets.get(KEY)?.metadata.labels], [undefined, undefined]);
  });

  for (const [whose, annotations] of Object.entries({ nobody: undefined, 'another authority': { 'tenant-mtls.dev/authority': 'Tenant/x' } })) {
    it(`leaves a Secret of ${whose} alone`, async () => {
      store.put({ metadata: { namespace: 'shop', name: 'shop-ca-crl', labels: { 'app.kubernetes.io/managed-by': 'tenant-mtls' }, ...(annotations && { annotations }) }, data: { mine: 'eA==' } });
      store.tell(KEY);
      assert.equal(readState(context, REFERENCE), undefined);
      await assert.rejects(writeState(context, REFERENCE, { a: '1' }), (error) => error instanceof RefusedError && error.refusal.reason === 'SecretNotOwned');
      assert.deepEqual(store.secrets.get(KEY)?.data, { mine: 'eA==' });
    });
  }
});
