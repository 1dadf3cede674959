// What runs to its end with a sidecar beside it: Jobs, CronJobs, init containers.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { KubeObject } from '../../src/kube/object.ts';
import { resources } from '../../src/kube/resources.ts';
import { eventually } from '../support/cluster.ts';
import { applyYaml, cannotRunPods, certificateReady } from '../support/e2e.ts';
import { e2eNamespace, hasSidecar } from '../support/e2e-namespace.ts';
import type { E2eNamespace, ObservedPod } from '../support/e2e-namespace.ts';
import { aDeployment, aJobSpec, hello, shell } from '../support/pods.ts';

const OPT_IN = { 'tenant-mtls.dev/certificate': 'hello' };
/** Plain in, TLS out, for clients that know no TLS. */
const OUTBOUND = { 'tenant-mtls.dev/certificate': 'outbound' };

/** A Service hello in front of the app, and a certificate whose listener on loopback encrypts what goes there. */
const outbound = (namespace: string) => `
apiVersion: v1
kind: Service
metadata: {name: hello}
spec: {selector: {app: hello}, ports: [{port: 443, targetPort: https}]}
---
apiVersion: tenant-mtls.dev/v1alpha1
kind: TenantCertificate
metadata: {name: outbound}
spec:
  issuer: {kind: Secret, name: shop-ca}
  commonName: outbound
  usages: [client auth]
  proxy:
    listeners: [{name: out, port: 9000, protocol: HTTP, routes: [{upstream: hello}]}]
    upstreams: [{name: hello, addresses: ['hello.${namespace}.svc:443'], tls: {serverName: hello.${namespace}.svc}}]
`;

describe('what ends by itself', { skip: cannotRunPods() }, () => {
  let shop: E2eNamespace;

  before(async () => {
    shop = await e2eNamespace('jobs');
    await shop.create(resources.Deployment, aDeployment({ name: 'hello', containers: [hello()] }, { annotations: OPT_IN }));
    await applyYaml(shop.cluster, shop.name, outbound(shop.name));
    await shop.create(resources.CronJob, {
      apiVersion: 'batch/v1', kind: 'CronJob', metadata: { name: 'nightly', annotations: OPT_IN },
      spec: { schedule: '0 0 1 1 *', jobTemplate: { spec: aJobSpec({ name: 'nightly', containers: [shell('exit 0')], annotations: { 'tenant-mtls.dev/app-port': '8080' } }) } },
    } as KubeObject);
    await shop.create(resources.Job, {
      apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'once', annotations: { ...OPT_IN, 'tenant-mtls.dev/app-port': '8080' } },
      spec: aJobSpec({ name: 'once', containers: [shell('exit 0')] }),
    } as KubeObject);
    await shop.kubectl('create', 'job', '--from=cronjob/nightly', 'tonight');
  });
  after(async () => await shop?.cluster.close());

  const completed = async (name: string): Promise<ObservedPod> => await eventually(async () => {
    const [pod] = await shop.pods(`batch.kubernetes.io/job-name=${name}`);
    const job = await shop.read<KubeObject & { status?: { succeeded?: number } }>(resources.Job, name);
    assert.ok(pod !== undefined && job.status?.succeeded === 1, JSON.stringify([job.status, pod?.status]));
    return pod;
  }, { timeoutMs: 60_000, intervalMs: 200 });

  it('completes a Job that was annotated when it was created, with its sidecar ended', async () => {
    const pod = await completed('once');
    assert.ok(hasSidecar(pod));
    assert.equal(pod.status.phase, 'Succeeded');
    assert.equal(pod.status.initContainerStatuses?.[0]?.state.terminated?.exitCode, 0);
  });

  it('completes a Job of an annotated CronJob', async () => {
    assert.ok(hasSidecar(await completed('tonight')));
  });

  it('gives init containers the sidecar\'s encrypting listener on loopback', async () => {
    await certificateReady(shop.cluster, shop.name, 'outbound');
    await shop.kubectl('rollout', 'status', 'deployment/hello', '--timeout=60s');
    // The listener must be there at once; the app at the other end may still be starting.
    const fetchDate = 'curl -sS -o /dev/null http://127.0.0.1:9000/ && curl -sS --fail --retry 10 --retry-all-errors --retry-delay 1 http://127.0.0.1:9000/date';
    await shop.create(resources.Job, {
      apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'outbound', annotations: OUTBOUND },
      spec: aJobSpec({ name: 'outbound', containers: [shell(fetchDate)], spec: { initContainers: [shell(fetchDate, { name: 'init' })] } }),
    } as KubeObject);
    const pod = await completed('outbound');
    assert.deepEqual(pod.spec.initContainers?.map(({ name }) => name), ['tls-sidecar', 'init']);
    assert.match(await shop.kubectl('logs', pod.metadata?.name ?? '', '-c', 'init'), /^time now: /);
  });
});
