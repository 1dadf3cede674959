import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { ANNOTATION, LABEL, OWN_ANNOTATION } from '../../../src/api/names.ts';
import type { TenantCertificate } from '../../../src/api/tenant-certificate.ts';
import { ApiError } from '../../../src/kube/api-error.ts';
import { Cache } from '../../../src/kube/cache.ts';
import type { EventNote } from '../../../src/kube/event-series.ts';
import type { KubeObject } from '../../../src/kube/object.ts';
import type { Answer } from '../../../src/reconcilers/pods/ask-sidecar.ts';
import { certificateKeyOf, pruneInjectedPod } from '../../../src/reconcilers/pods/injected-pod.ts';
import type { InjectedPod } from '../../../src/reconcilers/pods/injected-pod.ts';
import type { OwnedConfigMap } from '../../../src/reconcilers/owned-config-map.ts';
import { PodObserver } from '../../../src/reconcilers/pods/pod-observer.ts';
import { INDEX } from '../../../src/reconcilers/reconciler-context.ts';

const OLD = 'a'.repeat(64);
const NEW = 'b'.repeat(64);
const KEY = 'shop/hello';
const never = new AbortController().signal;
const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const report = (manifestSHA256: string, plaintextReachable: number[] = []): Answer => ({ kind: 'report', report: { manifestSHA256, plaintextReachable } });

/** A pod as the API server gives it. */
function livePod(name: string, fields: { ip?: string; phase?: string; deleted?: boolean; sidecar?: boolean } = {}) {
  const { ip = `10.0.0.${name.length}`, phase = 'Running', deleted = false, sidecar = true } = fields;
  const container = { name: 'tls-sidecar', restartPolicy: 'Always', volumeMounts: [{ name: 'tenant-mtls', mountPath: '/opt/tenant-mtls' }], env: [{ name: 'TENANT_MTLS_APP_PORT', value: '8080' }] };
  return {
    metadata: {
      name, namespace: 'shop', uid: `uid-${name}`, resourceVersion: '10', labels: { [LABEL.certificate]: 'hello', app: 'web' }, annotations: { [ANNOTATION.certificate]: 'hello', other: 'x' },
      ...(deleted ? { deletionTimestamp: '2026-11-22T10:00:00Z' } : {}),
    },
    spec: { containers: [{ name: 'app' }], initContainers: sidecar ? [container] : [] },
    status: { podIP: ip, phase },
  };
}

describe('PodObserver', () => {
  let now: number;
  let answers: Map<string, Answer>;
  let asked: string[];
  let touched: string[];
  let events: { name: string | undefined; note: EventNote }[];
  let conflicts: number;
  let caches: { certificates: Cache<TenantCertificate>; configMaps: Cache<OwnedConfigMap>; pods: Cache<InjectedPod> };
  let version: number;
  let observer: PodObserver;

  const status = () => caches.certificates.get(KEY)?.status;
  const condition = (wanted: string) => status()?.conditions?.find(({ type }) => type === wanted);
  const addPod = (pod: ReturnType<typeof livePod>) => caches.pods.upsert(pruneInjectedPod(pod));
  const writeManifest = (hash: string, owner = 'hello') => {
    version += 1;
    caches.configMaps.upsert({
      metadata: { name: 'hello-proxy', namespace: 'shop', uid: 'cm', resourceVersion: String(version), annotations: { [OWN_ANNOTATION.certificateName]: owner, [OWN_ANNOTATION.manifestHash]: hash } }, dataHash: '', trusts: [],
    });
  };
  const newObserver = () =>
    new PodObserver({
      caches, log: quiet, now: () => new Date(now), random: () => 0,
      alsoSay: async () => [],
      recordEvent: ({ metadata }, note) => void events.push({ name: metadata?.name, note }),
      ask: async (podIP) => (asked.push(podIP), answers.get(podIP) ?? { kind: 'silent', because: 'no answer' }),
      client: {
        mergePatch: async <T>(_: unknown, { name }: { name: string }, patch: object) => {
          version += 1;
          const { metadata } = patch as { metadata: { annotations: Record<string, string> } };
          touched.push(`${name} ${metadata.annotations[OWN_ANNOTATION.refresh]}`);
          const pod = livePod(name);
          return { ...pod, metadata: { ...pod.metadata, ...metadata, resourceVersion: String(version) } } as T;
        },
        patchStatus: async <T>(resource: { kind: string }, ref: { resourceVersion?: string }, patch: object) => {
          const current = caches.certificates.get(KEY);
          if (conflicts > 0) {
            conflicts -= 1;
            throw new ApiError('patch', { code: 409, reason: 'Conflict' });
          }
          assert.equal(ref.resourceVersion, current?.metadata.resourceVersion);
          version += 1;
          const merged = JSON.parse(JSON.stringify({ ...current?.status, ...patch }, (_, value: unknown) => (value === null ? undefined : value))) as object;
          return { ...current, kind: resource.kind, metadata: { ...current?.metadata, resourceVersion: String(version) }, status: merged } as T;
        },
      },
    });

  beforeEach(() => {
    now = Date.UTC(2026, 10, 22, 10);
    version = 100;
    [answers, asked, touched, events, conflicts] = [new Map(), [], [], [], 0];
    caches = {
      certificates: new Cache<TenantCertificate>({ logger: quiet }),
      configMaps: new Cache<OwnedConfigMap>({ logger: quiet }),
      pods: new Cache<InjectedPod>({ logger: quiet, prune: pruneInjectedPod, indexes: { [INDEX.certificate]: (pod: InjectedPod) => [certificateKeyOf(pod) ?? []].flat() } }),
    };
    caches.certificates.upsert({ apiVersion: 'v', kind: 'TenantCertificate', metadata: { name: 'hello', namespace: 'shop', uid: 'c', resourceVersion: '1', generation: 1 }, spec: {} } as TenantCertificate);
    writeManifest(OLD);
    observer = newObserver();
  });

  it('says that all pods are current, and looks again soon: the app may open its port yet', async () => {
    addPod(livePod('a'));
    answers.set('10.0.0.1', report(OLD));
    assert.deepEqual(await observer.observe(KEY, never), { requeueAfterMs: 5000 });
    assert.deepEqual([status()?.pods, condition('Converged')?.reason, touched], [{ total: 1, current: 1, summary: '1/1' }, 'AllPodsCurrent', []]);
    assert.equal(observer.convergedManifest('shop', 'hello'), OLD);
  });

  it('nudges the kubelet of a pod that is behind, and again after two seconds', async () => {
    addPod(livePod('a'));
    answers.set('10.0.0.1', report(OLD));
    await observer.observe(KEY, never);
    writeManifest(NEW);
    now += 5000;
    assert.deepEqual(await observer.observe(KEY, never), { requeueAfterMs: 1000 });
    assert.deepEqual([status()?.pods, condition('Converged')?.status, observer.convergedManifest('shop', 'hello')], [{ total: 1, current: 0, summary: '0/1', oldestPendingSince: '2026-11-22T10:00:05Z' }, 'False', undefined]);
    now += 1000;
    await observer.observe(KEY, never);
    assert.deepEqual(touched, [`a ${'b'.repeat(16)}.1`]);
    now += 1000;
    await observer.observe(KEY, never);
    assert.deepEqual(touched, [`a ${'b'.repeat(16)}.1`, `a ${'b'.repeat(16)}.2`]);
    answers.set('10.0.0.1', report(NEW));
    now += 1000;
    assert.deepEqual(await observer.observe(KEY, never), { requeueAfterMs: 8000 });
    assert.deepEqual([status()?.pods, observer.convergedManifest('shop', 'hello')], [{ total: 1, current: 1, summary: '1/1' }, NEW]);
  });

  it('counts no pod that has ended, is going, has no address or no sidecar', async () => {
    addPod(livePod('a'));
    addPod(livePod('bb', { phase: 'Succeeded' }));
    addPod(livePod('ccc', { phase: 'Failed' }));
    addPod(livePod('dddd', { deleted: true }));
    addPod(livePod('eeeee', { sidecar: false }));
    const { metadata, spec } = livePod('ffffff');
    caches.pods.upsert(pruneInjectedPod({ metadata, spec, status: { phase: 'Pending' } }));
    answers.set('10.0.0.1', report(OLD));
    await observer.observe(KEY, never);
    assert.deepEqual([status()?.pods?.summary, asked], ['1/1', ['10.0.0.1']]);
  });

  it('touches twenty pods at once and no more', async () => {
    for (let index = 0; index < 50; index += 1) {
      addPod(livePod(`pod-${index}`, { ip: `10.0.1.${index}` }));
      answers.set(`10.0.1.${index}`, report(NEW));
    }
    await observer.observe(KEY, never);
    assert.deepEqual([asked.length, touched.length], [50, 20]);
    now += 1000;
    await observer.observe(KEY, never);
    assert.equal(touched.length, 40);
  });

  it('asks sixty-four in one run, so that others get their turn', async () => {
    for (let index = 0; index < 100; index += 1) addPod(livePod(`pod-${index}`, { ip: `10.0.1.${index}` }));
    assert.deepEqual(await observer.observe(KEY, never), { requeueAfterMs: 50 });
    assert.equal(asked.length, 64);
    await observer.observe(KEY, never);
    assert.equal(new Set(asked).size, 100);
  });

  it('warns once of an open port, on the pod and in the status', async () => {
    addPod(livePod('a'));
    answers.set('10.0.0.1', report(OLD, [8080]));
    await observer.observe(KEY, never);
    now += 60_000;
    await observer.observe(KEY, never);
    assert.deepEqual(events.map(({ name, note }) => [name, note.type, note.reason]), [['a', 'Warning', 'PlaintextReachable']]);
    assert.equal(condition('PlaintextReachable')?.status, 'True');
    answers.set('10.0.0.1', report(OLD));
    now += 60_000;
    await observer.observe(KEY, never);
    assert.equal(condition('PlaintextReachable'), undefined);
  });

  it('comes back soon when somebody else has written the status', async () => {
    addPod(livePod('a'));
    answers.set('10.0.0.1', report(OLD));
    conflicts = 1;
    assert.deepEqual(await observer.observe(KEY, never), { requeueAfterMs: 200 });
    await observer.observe(KEY, never);
    assert.equal(status()?.pods?.summary, '1/1');
  });

  it('takes over from another leader: since when a pod has been behind', async () => {
    addPod(livePod('a'));
    await observer.observe(KEY, never);
    now += 60_000;
    observer = newObserver();
    await observer.observe(KEY, never);
    assert.equal(status()?.pods?.oldestPendingSince, '2026-11-22T10:00:00Z');
  });

  it('does not believe a ConfigMap that belongs to somebody else', async () => {
    addPod(livePod('a'));
    writeManifest(OLD, 'another');
    answers.set('10.0.0.1', report(OLD));
    assert.deepEqual(await observer.observe(KEY, never), {});
    assert.deepEqual([status()?.pods?.summary, asked], ['0/1', []]);
  });

  it('says nothing of a certificate without pods, and forgets one that is gone', async () => {
    assert.deepEqual(await observer.observe(KEY, never), {});
    assert.deepEqual([status(), observer.convergedManifest('shop', 'hello')], [undefined, OLD]);
    caches.certificates.remove(caches.certificates.get(KEY) as TenantCertificate & KubeObject);
    assert.deepEqual([await observer.observe(KEY, never), observer.convergedManifest('shop', 'hello')], [{}, undefined]);
  });
});

describe('pruneInjectedPod', () => {
  it('keeps what is needed, and stays the same when done twice', () => {
    const pruned = pruneInjectedPod(livePod('a'));
    assert.deepEqual(pruned, {
      apiVersion: 'v1', kind: 'Pod',
      metadata: { name: 'a', namespace: 'shop', uid: 'uid-a', resourceVersion: '10', labels: { [LABEL.certificate]: 'hello' }, annotations: { [ANNOTATION.certificate]: 'hello' } },
      status: { podIP: '10.0.0.1', phase: 'Running' },
      sidecar: { appPort: 8080 },
    });
    assert.deepEqual(pruneInjectedPod(pruned), pruned);
  });
});
