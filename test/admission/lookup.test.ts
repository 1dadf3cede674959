import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createLookups } from '../../src/admission/lookup.ts';
import type { LookupOptions } from '../../src/admission/lookup.ts';
import { ApiError } from '../../src/kube/api-error.ts';

interface Asked { readonly kind: string; readonly name: string; readonly timeoutMs: number | undefined; readonly signal: AbortSignal | undefined }

function setUp(answer: () => Promise<unknown>) {
  const asked: Asked[] = [];
  const get = async (resource: { kind: string }, { name }: { name: string }, { timeoutMs, signal }: { timeoutMs?: number; signal?: AbortSignal }) => {
    asked.push({ kind: resource.kind, name, timeoutMs, signal });
    return await answer();
  };
  const cached = { metadata: { namespace: 'shop', name: 'known' } };
  const cache = (key: string) => ({ get: (each: string) => (each === key ? cached : undefined) });
  const lookups = createLookups({ client: { get } as unknown as LookupOptions['client'], certificates: cache('shop/known'), namespaces: cache('shop') } as unknown as LookupOptions);
  return { lookups, asked, cached };
}

describe(createLookups.name, () => {
  it('answers at once from the caches, and asks nobody', () => {
    const { lookups, asked, cached } = setUp(async () => await Promise.reject(new Error('asked')));
    assert.equal(lookups.certificate('shop', 'known'), cached);
    assert.equal(lookups.namespace('shop'), cached);
    assert.deepEqual(asked, []);
  });

  it('asks once, for at most a second, for what the caches do not know yet', async () => {
    const fresh = { metadata: { name: 'fresh' } };
    const { lookups, asked } = setUp(async () => await Promise.resolve(fresh));
    assert.equal(await lookups.certificate('shop', 'fresh'), fresh);
    assert.equal(await lookups.namespace('fresh'), fresh);
    assert.deepEqual(asked.map(({ kind, name, timeoutMs }) => [kind, name, timeoutMs]), [['TenantCertificate', 'fresh', 1000], ['Namespace', 'fresh', 1000]]);
    assert.ok(asked.every(({ signal }) => signal !== undefined), 'retries end too');
  });

  it('knows which namespaces are served: all, or those that were listed', () => {
    const isServed = (watchNamespaces: string[]) => createLookups({ watchNamespaces } as unknown as LookupOptions).isServed?.('shop');
    assert.deepEqual([isServed([]), isServed(['bank', 'shop']), isServed(['bank'])], [true, true, false]);
  });

  it('knows that something does not exist, and does not guess when nobody answers', async () => {
    const { lookups } = setUp(async () => await Promise.reject(new ApiError('get', { code: 404 })));
    assert.equal(await lookups.certificate('shop', 'absent'), undefined);
    const silent = setUp(async () => await Promise.reject(new Error('time-out'))).lookups;
    await assert.rejects(async () => await silent.certificate('shop', 'absent'), /time-out/);
  });
});
