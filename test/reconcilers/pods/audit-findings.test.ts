import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TenantCertificate } from '../../../src/api/tenant-certificate.ts';
import { carryAnnotations } from '../../../src/injection/carry-annotations.ts';
import { decideInjection } from '../../../src/injection/decide-injection.ts';
import { injectSidecar } from '../../../src/injection/inject-sidecar.ts';
import type { Pod } from '../../../src/injection/pod.ts';
import type { KubeObject } from '../../../src/kube/object.ts';
import { asksForSidecar, judgeBarePod, judgeSidecar, judgeWorkload, missedCondition } from '../../../src/reconcilers/pods/audit-findings.ts';
import type { Missed } from '../../../src/reconcilers/pods/audit-findings.ts';

const certificate = { apiVersion: 'tenant-mtls.dev/v1alpha1', kind: 'TenantCertificate', metadata: { name: 'hello', namespace: 'shop' }, spec: {} } as unknown as TenantCertificate;
const context = { namespace: { name: 'shop' }, certificate, images: { nginx: 'nginx:1', node: 'node:1' }, kubernetesVersion: undefined, newProbeToken: () => '0'.repeat(32) };
const annotations = { 'tenant-mtls.dev/certificate': 'hello' };

type LivePod = Pod & KubeObject & { status: { phase: string } };

function aPod(fields: { phase?: string; annotations?: Record<string, string> } = {}): LivePod {
  const { phase = 'Running' } = fields;
  const metadata = { name: 'web-1', namespace: 'shop', uid: 'u', annotations: fields.annotations ?? annotations };
  return { metadata, spec: { containers: [{ name: 'app', ports: [{ containerPort: 8080 }] }] }, status: { phase } };
}

function injected(images = context.images): LivePod {
  const pod = aPod();
  const injection = decideInjection(pod, { ...context, images });
  assert.equal(injection.outcome, 'inject');
  return injection.outcome === 'inject' ? { ...pod, ...(injectSidecar(pod, injection.sidecar) as LivePod) } : pod;
}

describe('asksForSidecar', () => {
  const table: Record<string, [KubeObject, Record<string, string>, boolean]> = {
    'has the annotation': [{ metadata: { annotations } }, {}, true],
    'has no annotation': [{ metadata: { annotations: { other: 'x' } } }, {}, false],
    'has no metadata at all': [{}, {}, false],
    'has opted out': [{ metadata: { annotations: { ...annotations, 'tenant-mtls.dev/inject': 'false' } } }, {}, false],
    'is in a namespace that has opted out': [{ metadata: { annotations } }, { 'tenant-mtls.dev/inject': 'false' }, false],
    'is going': [{ metadata: { annotations, deletionTimestamp: '2026-11-22T10:00:00Z' } }, {}, false],
  };
  for (const [sentence, [object, labels, expected]] of Object.entries(table)) it(`says ${expected} of what ${sentence}`, () => assert.equal(asksForSidecar(object, labels), expected));
});

describe('judgeBarePod', () => {
  it('finds a running pod without a sidecar', () => {
    assert.deepEqual(judgeBarePod(aPod()), { kind: 'Pod', reason: 'NotInjected', certificate: 'hello', object: { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web-1', namespace: 'shop', uid: 'u' } } });
  });
  it('is content with one that has the sidecar', () => assert.equal(judgeBarePod(injected()), undefined));
  it('is content with one that has ended', () => assert.equal(judgeBarePod(aPod({ phase: 'Succeeded' })), undefined));
  it('is not fooled by an annotation that says it was injected', () => {
    assert.equal(judgeBarePod(aPod({ annotations: { ...annotations, 'tenant-mtls.dev/template-sha256': 'a'.repeat(64) } }))?.reason, 'NotInjected');
  });
});

describe('judgeSidecar', () => {
  it('is content with what would be injected now', () => assert.equal(judgeSidecar(injected(), decideInjection(injected(), context)), undefined));
  it('finds a sidecar with the image of yesterday', () => {
    const pod = injected({ nginx: 'nginx:0', node: 'node:1' });
    assert.equal(judgeSidecar(pod, decideInjection(pod, context))?.reason, 'SidecarOutdated');
  });
  it('leaves to others a pod that could not be injected any more', () => {
    const pod = injected();
    assert.equal(judgeSidecar(pod, decideInjection(pod, { ...context, certificate: undefined })), undefined);
  });
});

describe('judgeWorkload', () => {
  const template = { metadata: { labels: { app: 'web' } }, spec: { containers: [] } };
  const deployment = { metadata: { name: 'web', namespace: 'shop', uid: 'd', annotations }, spec: { template } };
  const cronJob = { metadata: { name: 'web', namespace: 'shop', uid: 'c', annotations }, spec: { jobTemplate: { spec: { template } } } };

  it('finds annotations that are not in the template', () => {
    assert.deepEqual([judgeWorkload('Deployment', deployment)?.object.apiVersion, judgeWorkload('CronJob', cronJob)?.object.apiVersion], ['apps/v1', 'batch/v1']);
  });
  it('is content once they are carried', () => {
    assert.equal(judgeWorkload('Deployment', carryAnnotations({ ...deployment, kind: 'Deployment' })), undefined);
    assert.equal(judgeWorkload('CronJob', carryAnnotations({ ...cronJob, kind: 'CronJob' })), undefined);
  });
});

describe('missedCondition', () => {
  const found = (kind: Missed['kind'], name: string, reason: Missed['reason']): Missed => ({ kind, reason, certificate: 'hello', object: { kind, metadata: { name } } });

  it('is absent when nothing was missed', () => assert.equal(missedCondition([]), undefined));
  it('tells the gravest first and names three of each', () => {
    const pods = ['e', 'd', 'c', 'b', 'a'].map((name) => found('Pod', name, 'SidecarOutdated'));
    assert.deepEqual(missedCondition([...pods, found('Deployment', 'web', 'NotCarried'), found('Pod', 'x', 'NotInjected')]), {
      type: 'PodsMissed', status: 'True', reason: 'NotInjected',
      message: 'Pod x without the TLS sidecar that was asked for, because the webhook was not there: to be restarted. '
        + 'Deployment web with annotations of tenant-mtls.dev that are not in the pod template, because the webhook was not there: to be applied again. '
        + 'Pod a, Pod b, Pod c and 2 more not with the sidecar that would be injected now: to be restarted when convenient',
    });
  });
});
