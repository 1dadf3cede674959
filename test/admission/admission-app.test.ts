import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { buildAdmissionApp } from '../../src/admission/admission-app.ts';
import type { Verdict } from '../../src/admission/review.ts';
import { aBigReview, anApp, aReview, UNCHANGED } from './fixtures.ts';

const JSON_HEADERS = { 'content-type': 'application/json' };

describe(buildAdmissionApp.name, () => {
  it('answers a review by a review with its uid', async () => {
    const { app, counted } = anApp();
    const response = await app.inject({ method: 'POST', url: '/mutate?timeout=5s', headers: JSON_HEADERS, payload: aReview() });
    assert.equal(response.statusCode, 200);
    assert.match(String(response.headers['content-type']), /^application\/json/);
    const { uid } = aReview()['request'] as { uid: string };
    assert.deepEqual(response.json(), { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: { uid, allowed: true } });
    assert.deepEqual(counted, [{ kind: 'Pod', outcome: 'unchanged', reasons: ['NotOptedIn'] }]);
  });

  it('answers a review by a review when deciding throws, and tells nothing of the error but to the log', async () => {
    const { app, lines, counted } = anApp({ mutate: () => { throw new Error('secret detail'); } });
    const response = await app.inject({ method: 'POST', url: '/mutate', headers: JSON_HEADERS, payload: aReview() });
    const answer = response.json<{ response: { uid: string; allowed: boolean; status: { code: number } } }>();
    assert.equal(response.statusCode, 200);
    assert.deepEqual([answer.response.uid, answer.response.allowed, answer.response.status.code], [(aReview()['request'] as { uid: string }).uid, false, 500]);
    assert.doesNotMatch(response.body, /secret detail/);
    assert.equal(lines.find(({ level }) => level === 'error')?.fields['error'], 'secret detail');
    assert.deepEqual(counted, [{ kind: 'Pod', outcome: 'failed', reasons: ['InternalError'] }]);
  });

  it('logs one line with a constant message for what it did, and none above debug for what it left alone', async () => {
    const refused: Verdict = { outcome: 'refused', reasons: ['HostNetwork'], allowed: false, code: 403, message: 'no' };
    for (const [verdict, levels] of [[refused, ['info']], [UNCHANGED, ['debug']]] as const) {
      const { app, lines } = anApp({ mutate: () => verdict });
      await app.inject({ method: 'POST', url: '/mutate', headers: JSON_HEADERS, payload: aReview() });
      assert.deepEqual(lines.map(({ level }) => level), levels);
      assert.equal(lines[0]?.message, 'admission reviewed');
      assert.equal(lines[0]?.fields['name'], 'hello-');
    }
  });

  it('counts and logs what a stranger sends without growing by it', async () => {
    const { app, counted, lines } = anApp();
    const kind = { group: 'x'.repeat(5000), version: 'v1', kind: `Kind${'x'.repeat(5000)}` };
    await app.inject({ method: 'POST', url: '/mutate', headers: JSON_HEADERS, payload: aReview({ kind, name: 'n'.repeat(100_000), namespace: 's'.repeat(100_000) }) });
    assert.deepEqual(counted, [{ kind: 'Other', outcome: 'unchanged', reasons: ['NotOptedIn'] }]);
    assert.ok(JSON.stringify(lines).length < 3000);
  });

  const rejected: Record<string, { headers?: Record<string, string>; payload: string | object; status: number }> = {
    'v1beta1': { payload: { ...aReview(), apiVersion: 'admission.k8s.io/v1beta1' }, status: 400 },
    'broken JSON': { payload: '{"kind": "AdmissionRev', status: 400 },
    'an empty body': { payload: '', status: 400 },
    'another content type': { headers: { 'content-type': 'application/yaml' }, payload: 'kind: AdmissionReview', status: 415 },
    'a body over the limit': { payload: `"${'x'.repeat(9 * 1024 * 1024)}"`, status: 413 },
  };
  for (const [name, { headers = JSON_HEADERS, payload, status }] of Object.entries(rejected)) {
    it(`answers ${name} with ${status}`, async () => {
      const { app } = anApp({ mutate: () => assert.fail('not a review') });
      const response = await app.inject({ method: 'POST', url: '/mutate', headers, payload });
      assert.equal(response.statusCode, status, response.body);
      assert.doesNotMatch(response.body, /AdmissionRev\b/);
    });
  }

  it('takes names such as __proto__ as the data they are', async () => {
    let seen: unknown;
    const { app } = anApp({ mutate: ({ object }) => { seen = object?.metadata?.annotations; return UNCHANGED; } });
    const payload = JSON.stringify(aReview()).replace('"annotations":{}', '"annotations":{"__proto__":"x","constructor":"y"}');
    const response = await app.inject({ method: 'POST', url: '/mutate', headers: JSON_HEADERS, payload });
    assert.equal(response.statusCode, 200);
    assert.deepEqual(Object.keys(seen as object), ['__proto__', 'constructor']);
  });

  it('knows no other path and no other method', async () => {
    const { app } = anApp();
    assert.equal((await app.inject({ method: 'GET', url: '/mutate' })).statusCode, 404);
    assert.equal((await app.inject({ method: 'GET', url: '/' })).statusCode, 404);
  });

  it('answers 503 above its limit of reviews in flight, and recovers', async () => {
    const held = Promise.withResolvers<Verdict>();
    const { app } = anApp({ mutate: () => held.promise, limits: { requests: 2 } });
    const send = async () => await app.inject({ method: 'POST', url: '/mutate', headers: JSON_HEADERS, payload: aReview() });
    const waiting = [send(), send()];
    await Promise.resolve();
    const over = await send();
    assert.equal(over.statusCode, 503);
    assert.equal(over.headers['retry-after'], '1');
    held.resolve(UNCHANGED);
    assert.deepEqual((await Promise.all(waiting)).map(({ statusCode }) => statusCode), [200, 200]);
    assert.equal((await send()).statusCode, 200);
  });

  it('answers 503 above its limit of bytes in flight', async () => {
    const { app } = anApp({ limits: { bytes: 1000 } });
    const response = await app.inject({ method: 'POST', url: '/mutate', headers: JSON_HEADERS, payload: aBigReview() });
    assert.equal(response.statusCode, 503);
  });

  it('is healthy from the start, and ready only while it listens and nothing is missing', async () => {
    const missing = ['the cache of TenantCertificates has not synced'];
    const { app } = anApp({ notReadyBecause: () => missing });
    assert.equal((await app.inject('/healthz')).statusCode, 200);
    assert.match((await app.inject('/readyz')).body, /listener/);
    await app.listen({ host: '127.0.0.1', port: 0 });
    const unready = await app.inject('/readyz');
    assert.equal(unready.statusCode, 503);
    assert.match(unready.body, /TenantCertificates/);
    missing.pop();
    assert.equal((await app.inject('/readyz')).statusCode, 200);
  });
});
