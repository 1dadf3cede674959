import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { answerReview, parseReview } from '../../src/admission/review.ts';
import { aRequest, aReview } from './fixtures.ts';

describe(parseReview.name, () => {
  it('reads what the API server sends', () => {
    const parsed = parseReview(aReview({ dryRun: true }));
    assert.equal(parsed.outcome, 'parsed');
    const { uid, kind, operation, namespace, dryRun, username, object, oldObject } = parsed.request;
    assert.equal(uid, aRequest()['uid']);
    assert.deepEqual(kind, { group: '', version: 'v1', kind: 'Pod' });
    assert.deepEqual([operation, namespace, dryRun, username], ['CREATE', 'shop', true, 'system:serviceaccount:kube-system:replicaset-controller']);
    assert.equal(object?.metadata?.generateName, 'hello-');
    assert.equal(oldObject, undefined);
  });

  const malformed: Record<string, { body: unknown; message: RegExp }> = {
    'no body': { body: undefined, message: /no JSON object/ },
    'a list': { body: [], message: /no JSON object/ },
    'another kind': { body: { ...aReview(), kind: 'Pod' }, message: /kind must be AdmissionReview/ },
    'v1beta1, whose registration must be changed': { body: { ...aReview(), apiVersion: 'admission.k8s.io/v1beta1' }, message: /admissionReviewVersions: \[v1\]/ },
    'no request': { body: { ...aReview(), request: null }, message: /request is missing/ },
    'no uid': { body: aReview({ uid: '' }), message: /uid/ },
    'a uid that is no string': { body: aReview({ uid: 7 }), message: /uid/ },
    'a uid of 10 kB': { body: aReview({ uid: 'u'.repeat(10_000) }), message: /uid/ },
    'an unknown operation': { body: aReview({ operation: 'PATCH' }), message: /operation/ },
    'an object that is a string': { body: aReview({ object: 'pod' }), message: /request.object/ },
    'an object whose metadata is a list': { body: aReview({ object: { metadata: [] } }), message: /request.object/ },
  };
  for (const [name, { body, message }] of Object.entries(malformed)) {
    it(`refuses ${name}`, () => {
      const parsed = parseReview(body);
      assert.equal(parsed.outcome, 'malformed');
      assert.match(parsed.message, message);
    });
  }
});

describe(answerReview.name, () => {
  it('encodes the patch and leaves an empty one out', () => {
    const patch = [{ op: 'add', path: '/metadata/labels', value: { a: 'ü' } }] as const;
    const answer = answerReview('u', { outcome: 'mutated', reasons: [], allowed: true, patch });
    assert.equal(answer.response.patchType, 'JSONPatch');
    assert.deepEqual(JSON.parse(Buffer.from(answer.response.patch ?? '', 'base64').toString()), patch);
    assert.deepEqual(answerReview('u', { outcome: 'unchanged', reasons: [], allowed: true, patch: [] }).response, { uid: 'u', allowed: true });
  });

  it('says why an object is refused', () => {
    const { response } = answerReview('u', { outcome: 'refused', reasons: ['HostNetwork'], allowed: false, code: 403, message: 'no' });
    assert.deepEqual(response, { uid: 'u', allowed: false, status: { code: 403, reason: 'Forbidden', message: 'no' } });
  });

  it('makes warnings fit into an HTTP header', () => {
    const warnings = ['line one\r\nline two\u0007\u200b', 'w'.repeat(1000)];
    const { response } = answerReview('u', { outcome: 'unchanged', reasons: [], allowed: true, warnings });
    assert.equal(response.warnings?.[0], 'line one line two');
    assert.equal(response.warnings?.[1]?.length, 256);
  });
});
