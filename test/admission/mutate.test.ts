import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { applyPatch } from 'rfc6902';
import type { Operation } from 'rfc6902';
import { createMutate } from '../../src/admission/mutate.ts';
import { mutatePod, REFUSED } from '../../src/admission/mutate-pod.ts';
import type { PodMutation, PodOwner } from '../../src/admission/mutate-pod.ts';
import { mutateWorkload } from '../../src/admission/mutate-workload.ts';
import { parseReview } from '../../src/admission/review.ts';
import type { AdmissionRequest, Verdict } from '../../src/admission/review.ts';
import { ANNOTATION, OWN_ANNOTATION, SIDECAR } from '../../src/api/names.ts';
import type { TenantCertificate } from '../../src/api/tenant-certificate.ts';
import type { EventNote } from '../../src/kube/event-series.ts';
import { aReview } from './fixtures.ts';

const CERTIFICATE = {
  apiVersion: 'tenant-mtls.dev/v1alpha1',
  kind: 'TenantCertificate',
  metadata: { namespace: 'shop', name: 'hello' },
  spec: { issuer: { kind: 'Secret', name: 'shop-ca' }, commonName: 'hello.shop.example' },
} as TenantCertificate;

const OWNER = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'hello-5d', uid: 'u-1' };

function aPod(annotations: Record<string, string>, spec: object = {}): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { generateName: 'hello-5d-', annotations, ownerReferences: [{ ...OWNER, controller: true }] },
    spec: { containers: [{ name: 'app', image: 'hello', ports: [{ containerPort: 8080 }] }], ...spec },
  };
}

interface Recording {
  readonly mutation: PodMutation;
  readonly events: { owner: PodOwner; note: EventNote }[];
  readonly remembered: { certificate: string; owner: PodOwner }[];
  readonly asked: string[];
}

function aMutation(overrides: Partial<PodMutation> = {}): Recording {
  const events: Recording['events'] = [];
  const remembered: Recording['remembered'] = [];
  const asked: string[] = [];
  const mutation: PodMutation = {
    images: { nginx: 'nginx:test', node: 'node:test' },
    kubernetesVersion: () => 'v1.35.4', newProbeToken: () => '0'.repeat(32),
    certificate: (namespace, name) => {
      asked.push(`${namespace}/${name}`);
      return name === 'hello' ? CERTIFICATE : undefined;
    },
    namespace: (name) => ({ metadata: { name } }),
    excludedNamespaces: ['kube-system'],
    recordEvent: (owner, note) => void events.push({ owner, note }),
    rememberOwner: ({ namespace, name }, owner) => void remembered.push({ certificate: `${namespace}/${name}`, owner }),
    ...overrides,
  };
  return { mutation, events, remembered, asked };
}

function aParsed(request: object): AdmissionRequest {
  const parsed = parseReview(aReview(request));
  assert.equal(parsed.outcome, 'parsed');
  return parsed.request;
}

function refusal(verdict: Verdict): string {
  assert.ok(!verdict.allowed);
  return verdict.message;
}

function patched<T extends object>(object: T, verdict: Verdict): T {
  assert.ok(verdict.allowed);
  const copy = structuredClone(object);
  assert.deepEqual(applyPatch(copy, (verdict.patch ?? []) as Operation[]).filter((error) => error !== null), []);
  return copy;
}

describe(mutatePod.name, () => {
  const optedIn = { [ANNOTATION.certificate]: 'hello' };

  it('injects the sidecar into a pod that asks for it', async () => {
    const { mutation, events, asked } = aMutation();
    const pod = aPod(optedIn) as { spec: { initContainers?: { name: string; image: string }[] } };
    const verdict = await mutatePod(mutation, aParsed({ object: pod }));
    assert.deepEqual([verdict.outcome, verdict.reasons, events], ['mutated', [], []]);
    assert.deepEqual(patched(pod, verdict).spec.initContainers?.map(({ name, image }) => [name, image]), [[SIDECAR.container, 'nginx:test']]);
    assert.deepEqual(asked, ['shop/hello']);
  });

  it('leaves a pod alone that does not ask, without asking anybody', async () => {
    const fail = (): never => assert.fail('nothing needs to be looked up');
    const { mutation } = aMutation({ certificate: fail, namespace: fail });
    const { report, ...verdict } = await mutatePod(mutation, aParsed({ object: aPod({}) }));
    assert.deepEqual(verdict, { outcome: 'unchanged', reasons: ['NotOptedIn'], allowed: true, warnings: [] });
    assert.equal(report?.decision, 'skipped');
  });

  it('refuses a pod in a namespace that the operator does not serve, and asks for nothing there', async () => {
    const { mutation, asked } = aMutation({ isServed: (namespace) => namespace !== 'shop' });
    const verdict = await mutatePod(mutation, aParsed({ object: aPod(optedIn) }));
    assert.deepEqual([verdict.outcome, verdict.reasons, asked], ['refused', ['NamespaceNotServed'], []]);
  });

  it('lets a pod pass in a namespace that has opted out, with a warning', async () => {
    const { mutation } = aMutation({ namespace: (name) => ({ metadata: { name, labels: { [ANNOTATION.inject]: 'false' } } }) });
    const verdict = await mutatePod(mutation, aParsed({ object: aPod(optedIn) }));
    assert.deepEqual([verdict.outcome, verdict.reasons, verdict.warnings?.length], ['unchanged', ['NamespaceOptedOut'], 1]);
  });

  it('refuses with every reason and its remedy, and tells the owner', async () => {
    const { mutation, events, remembered } = aMutation();
    const verdict = await mutatePod(mutation, aParsed({ object: aPod(optedIn, { hostNetwork: true, nodeSelector: { 'kubernetes.io/os': 'windows' } }) }));
    assert.deepEqual([verdict.outcome, verdict.reasons], ['refused', ['Windows', 'HostNetwork']]);
    const message = refusal(verdict);
    assert.match(message, new RegExp(`^${REFUSED}: the pod runs on Windows \\(run the pod on Linux.*\\)\\. the pod uses the network of its node \\(remove spec.hostNetwork`));
    assert.deepEqual(events, [{ owner: { namespace: 'shop', reference: OWNER }, note: { type: 'Warning', reason: 'Windows', message } }]);
    assert.deepEqual(remembered, []);
  });

  it('remembers who waits for a certificate that does not exist yet', async () => {
    const { mutation, events, remembered } = aMutation();
    const verdict = await mutatePod(mutation, aParsed({ object: aPod({ [ANNOTATION.certificate]: 'later' }) }));
    assert.deepEqual(verdict.reasons, ['CertificateNotFound']);
    assert.match(refusal(verdict), /namespace shop has no TenantCertificate later/);
    assert.deepEqual(remembered, [{ certificate: 'shop/later', owner: { namespace: 'shop', reference: OWNER } }]);
    assert.equal(events.length, 1);
  });

  it('leaves nothing behind in a dry run', async () => {
    const { mutation, events, remembered } = aMutation();
    const verdict = await mutatePod(mutation, aParsed({ dryRun: true, object: aPod({ [ANNOTATION.certificate]: 'later' }) }));
    assert.deepEqual([verdict.outcome, events, remembered], ['refused', [], []]);
  });

  it('tells nobody and remembers nobody where the API server never asks: such a review is forged', async () => {
    const { mutation, events, remembered } = aMutation();
    const verdict = await mutatePod(mutation, aParsed({ namespace: 'kube-system', object: aPod({ [ANNOTATION.certificate]: 'later' }) }));
    assert.deepEqual([verdict.outcome, events, remembered], ['refused', [], []]);
  });

  const hostile = { 'newlines': 'a\nb', 'a path': '../secrets/x', 'quotes': `"'`, 'a variable': '$(VAR)', '10 kB': 'a'.repeat(10_000), 'nothing': '' };
  for (const [name, value] of Object.entries(hostile)) {
    it(`refuses ${name} as the name of a certificate, and looks nothing up by it`, async () => {
      const { mutation, asked } = aMutation();
      const verdict = await mutatePod(mutation, aParsed({ object: aPod({ [ANNOTATION.certificate]: value }) }));
      assert.deepEqual([verdict.reasons, asked], [['InvalidAnnotation'], []]);
      assert.ok(refusal(verdict).length < 400);
      assert.doesNotMatch(refusal(verdict), /\n/);
    });
  }

  it('fails, rather than lets a pod start without, when the cluster does not answer', async () => {
    const { mutation } = aMutation({ certificate: async () => await Promise.reject(new Error('time-out')) });
    await assert.rejects(async () => await mutatePod(mutation, aParsed({ object: aPod(optedIn) })), /time-out/);
  });
});

const WORKLOADS = {
  Deployment: { group: 'apps', wrap: (template: object) => ({ template }) },
  StatefulSet: { group: 'apps', wrap: (template: object) => ({ template }) },
  DaemonSet: { group: 'apps', wrap: (template: object) => ({ template }) },
  Job: { group: 'batch', wrap: (template: object) => ({ template }) },
  CronJob: { group: 'batch', wrap: (template: object) => ({ jobTemplate: { spec: { template } } }) },
};

function aWorkload(kind: keyof typeof WORKLOADS, metadata: object, template: object = aPod({})): object {
  const { group, wrap } = WORKLOADS[kind];
  return { apiVersion: `${group}/v1`, kind, metadata: { name: 'hello', namespace: 'shop', ...metadata }, spec: wrap(template) };
}

describe(mutateWorkload.name, () => {
  for (const kind of Object.keys(WORKLOADS) as (keyof typeof WORKLOADS)[]) {
    it(`carries the annotations of a ${kind} into its template`, async () => {
      const { mutation } = aMutation();
      const workload = aWorkload(kind, { annotations: { [ANNOTATION.certificate]: 'hello', other: 'stays' } });
      const verdict = await mutateWorkload(mutation, aParsed({ object: workload }));
      assert.deepEqual([verdict.outcome, verdict.warnings], ['mutated', []]);
      const expected = aWorkload(kind, { annotations: { [ANNOTATION.certificate]: 'hello', other: 'stays' } }, aPod({ [ANNOTATION.certificate]: 'hello', [OWN_ANNOTATION.carried]: ANNOTATION.certificate }));
      assert.deepEqual(patched(workload, verdict), expected);
    });
  }

  it('warns whoever applies a workload whose pods would be refused, and does not refuse it', async () => {
    const { mutation, events, remembered } = aMutation();
    const workload = aWorkload('Deployment', { annotations: { [ANNOTATION.certificate]: 'later' } });
    const verdict = await mutateWorkload(mutation, aParsed({ object: workload }));
    assert.deepEqual([verdict.outcome, verdict.reasons, events, remembered], ['mutated', ['CertificateNotFound'], [], []]);
    assert.match(verdict.warnings?.[0] ?? '', /its pods will get no sidecar: namespace shop has no TenantCertificate later/);
  });

  it('carries even when the cluster does not answer', async () => {
    const { mutation } = aMutation({ namespace: () => { throw new Error('time-out'); } });
    const verdict = await mutateWorkload(mutation, aParsed({ object: aWorkload('Deployment', { annotations: { [ANNOTATION.certificate]: 'hello' } }) }));
    assert.deepEqual([verdict.outcome, verdict.warnings], ['mutated', []]);
  });

  const untouched: Record<string, object> = {
    'one without our annotations': { object: aWorkload('Deployment', {}) },
    'one that goes away': { operation: 'UPDATE', object: aWorkload('Deployment', { deletionTimestamp: '2026-11-24T00:00:00Z', annotations: { [ANNOTATION.certificate]: 'hello' } }) },
    'one with a controller': { object: aWorkload('Deployment', { annotations: { [ANNOTATION.certificate]: 'hello' }, ownerReferences: [{ ...OWNER, controller: true }] }) },
    'one that is deleted': { operation: 'DELETE', object: null, oldObject: aWorkload('Deployment', { annotations: { [ANNOTATION.certificate]: 'hello' } }) },
  };
  for (const [name, request] of Object.entries(untouched)) {
    it(`leaves ${name} as it is`, async () => {
      assert.deepEqual(await mutateWorkload(aMutation().mutation, aParsed(request)), { outcome: 'unchanged', reasons: [], allowed: true });
    });
  }
});

describe(createMutate.name, () => {
  it('sends each kind where it belongs, and leaves others alone', async () => {
    const mutate = createMutate(aMutation().mutation);
    const pod = { kind: { group: '', version: 'v1', kind: 'Pod' }, object: aPod({ [ANNOTATION.certificate]: 'hello' }) };
    const deployment = { kind: { group: 'apps', version: 'v1', kind: 'Deployment' }, object: aWorkload('Deployment', { annotations: { [ANNOTATION.certificate]: 'hello' } }) };
    assert.equal((await mutate(aParsed(pod))).outcome, 'mutated');
    assert.equal((await mutate(aParsed(deployment))).outcome, 'mutated');
    assert.equal((await mutate(aParsed({ ...deployment, kind: { group: 'example.com', version: 'v1', kind: 'Deployment' } }))).outcome, 'unchanged');
  });

  describe('where an annotation of ours does not exist', () => {
    const UNKNOWN = { 'tenant-mtls.dev/certficate': 'hello' };
    const WARNING = 'tenant-mtls: the annotation "tenant-mtls.dev/certficate" is not known and has no effect on a workload or pod; the nearest known one is tenant-mtls.dev/certificate';
    const mutate = createMutate(aMutation().mutation);
    const ofPod = { group: '', version: 'v1', kind: 'Pod' };
    const ofDeployment = { group: 'apps', version: 'v1', kind: 'Deployment' };
    const uncontrolled = (annotations: Record<string, string>) => ({ ...aPod(annotations), metadata: { name: 'hello', annotations } });

    const advised: Record<string, [request: object, outcome: Verdict['outcome']]> = {
      'a pod': [{ kind: ofPod, object: uncontrolled(UNKNOWN) }, 'unchanged'],
      'a pod that is injected all the same': [{ kind: ofPod, object: uncontrolled({ ...UNKNOWN, [ANNOTATION.certificate]: 'hello' }) }, 'mutated'],
      'a pod that is refused for something else': [{ kind: ofPod, object: uncontrolled({ ...UNKNOWN, [ANNOTATION.certificate]: 'none' }) }, 'refused'],
      'a workload': [{ kind: ofDeployment, object: aWorkload('Deployment', { annotations: UNKNOWN }) }, 'unchanged'],
      'a workload that opts in': [{ kind: ofDeployment, object: aWorkload('Deployment', { annotations: { ...UNKNOWN, [ANNOTATION.certificate]: 'hello' } }) }, 'mutated'],
      'a pod template': [{ kind: ofDeployment, object: { kind: 'Deployment', spec: { template: aPod(UNKNOWN) } } }, 'unchanged'],
    };
    for (const [sentence, [request, outcome]] of Object.entries(advised)) {
      it(`warns of it on ${sentence}, and decides as without it`, async () => {
        const verdict = await mutate(aParsed(request));
        assert.deepEqual([verdict.outcome, verdict.warnings?.filter((warning) => warning.includes('is not known'))], [outcome, [WARNING]]);
      });
    }

    it('says nothing to the controller of a pod', async () => {
      const verdict = await mutate(aParsed({ kind: ofPod, object: aPod({ ...UNKNOWN, [ANNOTATION.certificate]: 'hello' }) }));
      assert.deepEqual([verdict.outcome, verdict.warnings], ['mutated', undefined]);
    });
  });
});
