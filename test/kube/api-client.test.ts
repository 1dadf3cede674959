import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { ApiClient } from '../../src/kube/api-client.ts';
import { ApiError, isAlreadyExists, isConflict, isGone, isNotFound } from '../../src/kube/api-error.ts';
import { resources } from '../../src/kube/resources.ts';
import { drop, hang, json, kubeConfigFor, play, status, type Answer } from './scripted-server.ts';

const { ConfigMap, Secret, Namespace, Lease } = resources;
const ref = { namespace: 'shop', name: 'hello' };
const secret = { apiVersion: 'v1', kind: 'Secret', metadata: ref, data: { 'tls.key': 'dG9wLXNlY3JldA==' } };
const now = { 'retry-after': '0' };

describe('ApiClient', () => {
  it('says who it is and who is logged in', async () => {
    const { client, requests } = await play(json({}));
    await client.get(Secret, ref);
    const { authorization, 'user-agent': userAgent } = requests[0]?.headers ?? {};
    assert.deepEqual([authorization, userAgent], ['Bearer a-token', 'tenant-mtls/1.2.3']);
  });

  it('keeps fields that nobody knows', async () => {
    const { client } = await play(json({ metadata: ref, futureField: { x: 1 } }));
    assert.deepEqual(await client.get(ConfigMap, ref), { metadata: ref, futureField: { x: 1 } });
  });

  it('uses its connections again', async () => {
    const { client, connections } = await play(json({}));
    for (let call = 0; call < 50; call += 1) await client.get(Secret, ref);
    assert.ok(connections() <= 2, `${connections()} connections`);
  });

  it('has at most 32 calls in flight', async () => {
    let inFlight = 0;
    let most = 0;
    const slow: Answer = (response) => {
      most = Math.max(most, (inFlight += 1));
      setTimeout(() => {
        inFlight -= 1;
        response.end('{}');
      }, 20);
    };
    const { client } = await play(slow);
    await Promise.all(Array.from({ length: 200 }, async () => await client.get(Secret, ref)));
    assert.equal(most, 32);
  });

  it('finds a server behind a path', async () => {
    const { url, requests } = await play(json({}));
    const client = new ApiClient(kubeConfigFor(`${url}/k8s/clusters/c1/`));
    await client.get(Namespace, { name: 'shop' });
    await client.close();
    assert.equal(requests[0]?.path, '/k8s/clusters/c1/api/v1/namespaces/shop');
  });

  it('refuses to address a namespaced object without its namespace', async () => {
    const { client } = await play(json({}));
    await assert.rejects(client.get(Secret, { name: 'hello' }), /without a namespace/);
  });
});

describe('ApiClient: what each verb sends', () => {
  type Sent = { method: string; path: string; query: string; type: string | undefined; body: unknown };
  const manager = 'fieldManager=tenant-mtls';
  const path = '/api/v1/namespaces/shop/secrets';
  const cases: Record<string, { call: (client: ApiClient) => Promise<unknown>; sent: Sent }> = {
    create: {
      call: async (client) => await client.create(Secret, secret),
      sent: { method: 'POST', path, query: manager, type: 'application/json', body: secret },
    },
    replace: {
      call: async (client) => await client.replace(Secret, secret),
      sent: { method: 'PUT', path: `${path}/hello`, query: manager, type: 'application/json', body: secret },
    },
    'server-side apply': {
      call: async (client) => await client.applyServerSide(Secret, secret),
      sent: { method: 'PATCH', path: `${path}/hello`, query: `${manager}&force=true`, type: 'application/apply-patch+yaml', body: secret },
    },
    'merge patch': {
      call: async (client) => await client.mergePatch(Secret, ref, { data: null }),
      sent: { method: 'PATCH', path: `${path}/hello`, query: manager, type: 'application/merge-patch+json', body: { data: null } },
    },
    'JSON patch': {
      call: async (client) => await client.jsonPatch(Secret, ref, [{ op: 'remove', path: '/data' }]),
      sent: { method: 'PATCH', path: `${path}/hello`, query: manager, type: 'application/json-patch+json', body: [{ op: 'remove', path: '/data' }] },
    },
    'status patch': {
      call: async (client) => await client.patchStatus(resources.TenantCertificate, { ...ref, resourceVersion: '7' }, { revision: 1 }),
      sent: {
        method: 'PATCH',
        path: '/apis/tenant-mtls.dev/v1alpha1/namespaces/shop/tenantcertificates/hello/status',
        query: manager,
        type: 'application/merge-patch+json',
        body: { metadata: { resourceVersion: '7' }, status: { revision: 1 } },
      },
    },
    delete: {
      call: async (client) => await client.delete(Secret, ref, { preconditions: { uid: 'u' } }),
      sent: { method: 'DELETE', path: `${path}/hello`, query: '', type: 'application/json', body: { apiVersion: 'v1', kind: 'DeleteOptions', preconditions: { uid: 'u' } } },
    },
    'dry run of a create': {
      call: async (client) => await client.create(Lease, { metadata: ref }, { query: { dryRun: 'All' } }),
      sent: { method: 'POST', path: '/apis/coordination.k8s.io/v1/namespaces/shop/leases', query: `${manager}&dryRun=All`, type: 'application/json', body: { metadata: ref } },
    },
  };
  for (const [verb, { call, sent }] of Object.entries(cases)) {
    it(verb, async () => {
      const { client, requests } = await play(json({}));
      await call(client);
      const { method, path, query, headers, body } = requests[0] ?? assert.fail('nothing was sent');
      assert.deepEqual({ method, path, query: query.toString(), type: headers['content-type'], body: JSON.parse(body) as unknown }, sent);
    });
  }
});

describe('ApiClient.list', () => {
  it('goes on from page to page and gives the snapshot its resourceVersion', async () => {
    const first = json({ metadata: { resourceVersion: '9', continue: 'more' }, items: [{ metadata: { name: 'a' } }] });
    const { client, requests } = await play(first, json({ metadata: { resourceVersion: '9' }, items: [{ metadata: { name: 'b' } }] }));
    const { items, resourceVersion } = await client.list(Secret, { labelSelector: 'x=y' });
    assert.deepEqual([items.length, resourceVersion], [2, '9']);
    assert.deepEqual(requests.map(({ query }) => query.toString()), ['labelSelector=x%3Dy&limit=500', 'labelSelector=x%3Dy&limit=500&continue=more']);
  });

  it('asks for metadata only', async () => {
    const { client, requests } = await play(json({ items: null }));
    await client.list(Secret, { metadataOnly: true });
    assert.match(requests[0]?.headers.accept ?? '', /as=PartialObjectMetadataList/);
  });
});

describe('ApiClient: when the server says no', () => {
  const cases: Record<string, { answer: Answer; is: (error: unknown) => boolean }> = {
    'an object that is not there is not found': { answer: status(404, 'NotFound'), is: isNotFound },
    'an object that is there already exists': { answer: status(409, 'AlreadyExists'), is: isAlreadyExists },
    'a stale resourceVersion is a conflict': { answer: status(409, 'Conflict'), is: isConflict },
    'an old continue token is gone': { answer: status(410, 'Expired'), is: isGone },
  };
  for (const [sentence, { answer, is }] of Object.entries(cases)) {
    it(sentence, async () => {
      const { client } = await play(answer);
      const error: unknown = await client.get(Secret, ref).catch((error: unknown) => error);
      assert.deepEqual([isNotFound, isAlreadyExists, isConflict, isGone].filter((predicate) => predicate(error)), [is]);
    });
  }

  it('the error names verb, kind and object, the code and the reason', async () => {
    const { client } = await play(status(403, 'Forbidden'));
    await assert.rejects(client.create(Secret, secret), { name: 'ApiError', code: 403, reason: 'Forbidden', message: 'create Secret shop/hello: 403 Forbidden: because of Forbidden' });
  });

  it('an answer that is no Status is an error all the same', async () => {
    const { client } = await play((response) => void response.writeHead(502).end('<html>bad gateway</html>'));
    await assert.rejects(client.get(Secret, ref), { code: 502, message: 'get Secret shop/hello: 502 Unknown' });
  });

  it('an answer that is no JSON is an error that quotes nothing of it', async () => {
    const { client } = await play((response) => void response.end('{"data":"dG9wLXNlY3JldA=='));
    const error: unknown = await client.get(Secret, ref).catch((error: unknown) => error);
    assert.ok(error instanceof Error && !(error instanceof ApiError));
    assert.doesNotMatch(`${error.stack} ${String(error.cause)}`, /dG9wLXNlY3JldA/);
  });
});

describe('ApiClient: trying again', () => {
  it('waits as long as a 429 asks, also for a create', async () => {
    const { client, requests } = await play(status(429, 'TooManyRequests', { 'retry-after': '1' }), json({}));
    const startedAt = performance.now();
    await client.create(Secret, secret);
    assert.equal(requests.length, 2);
    assert.ok(performance.now() - startedAt >= 950);
  });

  it('gives up after five attempts', async () => {
    const { client, requests } = await play(status(429, 'TooManyRequests', now));
    await assert.rejects(client.get(Secret, ref), { code: 429 });
    assert.equal(requests.length, 5);
  });

  it('repeats a read and an apply after a lost connection', async () => {
    const { client, requests } = await play(drop, json({}), drop, json({}));
    await client.get(Secret, ref);
    await client.applyServerSide(Secret, secret);
    assert.equal(requests.length, 4);
  });

  it('does not repeat a create after a lost connection: the server may have acted', async () => {
    const { client, requests } = await play(drop, json({}));
    await assert.rejects(client.create(Secret, secret), /create Secret shop\/hello/);
    assert.equal(requests.length, 1);
  });

  it('logs in anew when the server no longer knows the token', async () => {
    const credential = (token: string): string => JSON.stringify({ status: { token, expirationTimestamp: '2020-01-01T00:00:00Z' } });
    const directory = mkdtempSync(join(tmpdir(), 'api-client-'));
    const file = join(directory, 'credential');
    writeFileSync(file, credential('old'));
    const { url } = await play((response, { headers }) => void response.writeHead(headers.authorization === 'Bearer new' ? 200 : 401).end('{}'));
    const client = new ApiClient(kubeConfigFor(url, { exec: { command: 'cat', args: [file] } }));
    await assert.rejects(client.get(Secret, ref), { code: 401 });
    writeFileSync(file, credential('new'));
    await client.get(Secret, ref);
    await client.close();
    rmSync(directory, { recursive: true });
  });

  it('does so once for a call', async () => {
    const { client, requests } = await play(status(401, 'Unauthorized'));
    await assert.rejects(client.get(Secret, ref), { code: 401 });
    assert.equal(requests.length, 2);
  });
});

describe('ApiClient: deadlines', () => {
  it('gives a call up after its timeout', async () => {
    const { client } = await play(hang);
    await assert.rejects(client.create(Secret, secret, { timeoutMs: 50 }), { message: 'create Secret shop/hello: no answer within 50 ms' });
  });

  it('gives up at once when its signal is aborted, with the signal\'s reason', async () => {
    const { client } = await play(hang);
    const stop = new AbortController();
    const call = client.get(Secret, ref, { signal: stop.signal });
    const reason = new Error('stopped');
    setTimeout(() => stop.abort(reason), 20);
    await assert.rejects(call, reason);
  });

  it('does not begin when its signal is aborted already', async () => {
    const { client, requests } = await play(json({}));
    await assert.rejects(client.get(Secret, ref, { signal: AbortSignal.abort(new Error('stopped')) }), /stopped/);
    assert.equal(requests.length, 0);
  });
});
