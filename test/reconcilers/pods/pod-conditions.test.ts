import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TenantCertificate } from '../../../src/api/tenant-certificate.ts';
import type { Answer } from '../../../src/reconcilers/pods/ask-sidecar.ts';
import { convergedCondition, countPods, plaintextCondition, plaintextNote } from '../../../src/reconcilers/pods/pod-conditions.ts';
import type { Said } from '../../../src/reconcilers/pods/pod-conditions.ts';
import { summarisePods } from '../../../src/reconcilers/pods/pod-convergence.ts';
import type { PodRecord } from '../../../src/reconcilers/pods/pod-convergence.ts';
import { podsPatch } from '../../../src/reconcilers/pods/report-pods.ts';

const T = Date.UTC(2026, 10, 22, 10);
const HASH = 'a'.repeat(64);
const answer = (extra: object = {}): Answer => ({ kind: 'report', report: { manifestSHA256: HASH, plaintextReachable: [], ...extra } });
const aRecord = (name: string, fields: Partial<PodRecord> = {}): PodRecord => ({ name, firstSeenAt: T, jitter: 0, answer: answer(), ...fields });
const behind = (name: string, answered: Answer, since = T): PodRecord => aRecord(name, { answer: answered, pendingSince: since });

describe('convergedCondition', () => {
  const silent: Answer = { kind: 'silent', because: 'no answer within 2000 ms' };
  const table: Record<string, { records: PodRecord[]; expected?: string; says: string }> = {
    'there are no pods': { records: [], says: 'True NoPods: no pod runs a sidecar for this certificate' },
    'all are current': { records: [aRecord('a'), aRecord('b')], says: 'True AllPodsCurrent: all sidecars (2) have loaded the current files' },
    'one is slow and one says why': {
      records: [behind('b', answer({ pendingBecause: '"nginx -t failed"' }), T + 1000), behind('a', answer()), aRecord('c')],
      says: 'False PodsPending: the current files are not loaded yet by 2 of 3 sidecars: a (since 2026-11-22T10:00:00Z: it still has earlier files); b (since 2026-11-22T10:00:01Z: the sidecar says "nginx -t failed")',
    },
    'many are silent': {
      records: ['e', 'd', 'c', 'b', 'a'].map((name) => behind(name, silent)),
      says: `False PodsPending: the current files are not loaded yet by 5 of 5 sidecars: ${['a', 'b', 'c'].map((name) => `${name} (since 2026-11-22T10:00:00Z: no answer within 2000 ms)`).join('; ')}; and 2 more`,
    },
    'nothing is written yet': { records: [behind('a', silent)], expected: '', says: 'False PodsPending: nothing has been written yet for the sidecars (1) to load' },
  };
  for (const [sentence, { records, expected = HASH, says }] of Object.entries(table)) {
    it(`tells that ${sentence}`, () => {
      const { status, reason, message } = convergedCondition(summarisePods(records), expected === '' ? undefined : expected);
      assert.equal(`${status} ${reason}: ${message}`, says);
    });
  }
});

describe('plaintextCondition', () => {
  const open = [aRecord('a', { answer: answer({ plaintextReachable: [8080] }) }), aRecord('b', { answer: answer({ plaintextReachable: [9090, 8080] }) }), aRecord('c')];

  it('is absent when no port answers', () => assert.equal(plaintextCondition([aRecord('a')], []), undefined));

  it('names the ports, a pod and both remedies', () => {
    assert.deepEqual(plaintextCondition(open, []), {
      type: 'PlaintextReachable', status: 'True', reason: 'PortAnswers',
      message: "ports 8080, 9090 in 2 of 3 pods (such as a) answer on the pod's own address, so anybody can walk around the TLS. Let the app listen on 127.0.0.1 only, or set spec.networkPolicy: Managed",
    });
  });

  it('is False behind a NetworkPolicy, and True when the policy is not ours', () => {
    const policy = (status: Said['status']): Said => ({ type: 'NetworkPolicyReady', status, reason: 'x', message: '' });
    assert.deepEqual([plaintextCondition(open, [policy('True')])?.status, plaintextCondition(open, [policy('False')])?.status], ['False', 'True']);
  });

  it('warns on the pod', () => {
    const [pod = aRecord('a')] = open;
    assert.equal(plaintextNote(pod)?.message, "port 8080 can be reached without TLS on the pod's own address. Let the app listen on 127.0.0.1 only, or set spec.networkPolicy: Managed on the TenantCertificate");
    assert.equal(plaintextNote(aRecord('c')), undefined);
  });
});

describe('podsPatch', () => {
  const now = new Date(T);
  const ready = { type: 'Ready', status: 'True', reason: 'Issued', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' } as const;
  const certificate = (status?: TenantCertificate['status']): TenantCertificate =>
    ({ apiVersion: 'tenant-mtls.dev/v1alpha1', kind: 'TenantCertificate', metadata: { name: 'hello', namespace: 'shop', generation: 3 }, spec: {}, ...(status === undefined ? {} : { status }) }) as TenantCertificate;
  const findings = (records: PodRecord[]) => {
    const convergence = summarisePods(records);
    return { pods: countPods(convergence), said: [convergedCondition(convergence, HASH)] };
  };

  it('says nothing about a certificate that never had a pod', () => assert.equal(podsPatch(certificate({ conditions: [ready] }), findings([]), now), undefined));

  it('keeps the conditions of others and takes away its own that hold no longer', () => {
    const stale = { ...ready, type: 'PlaintextReachable' };
    const patch = podsPatch(certificate({ conditions: [ready, stale] }), findings([aRecord('a')]), now);
    assert.deepEqual(patch, {
      pods: { total: 1, current: 1, summary: '1/1', oldestPendingSince: null },
      conditions: [ready, { type: 'Converged', status: 'True', reason: 'AllPodsCurrent', message: 'all sidecars (1) have loaded the current files', observedGeneration: 3, lastTransitionTime: '2026-11-22T10:00:00Z' }],
    });
  });

  it('says since when the slowest is behind', () => {
    assert.deepEqual(podsPatch(certificate(), findings([behind('a', answer(), T + 400), aRecord('b')]), now)?.['pods'], { total: 2, current: 1, summary: '1/2', oldestPendingSince: '2026-11-22T10:00:00Z' });
  });

  it('writes nothing twice', () => {
    const first = podsPatch(certificate(), findings([aRecord('a')]), now) as { pods: object; conditions: [] };
    const { oldestPendingSince: _, ...pods } = first.pods as { oldestPendingSince: null; total: number; current: number; summary: string };
    assert.equal(podsPatch(certificate({ pods, conditions: first.conditions }), findings([aRecord('a')]), new Date(T + 60_000)), undefined);
  });

  it('tells that the last pod has gone', () => {
    const patch = podsPatch(certificate({ pods: { total: 1, current: 1, summary: '1/1' } }), findings([]), now);
    assert.deepEqual(patch?.['pods'], { total: 0, current: 0, summary: '0/0', oldestPendingSince: null });
  });
});
