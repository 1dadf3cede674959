// Pods that ask for a sidecar which cannot be had: refused with a reason, and made promptly once it can.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ApiError } from '../../src/kube/api-error.ts';
import type { KubeObject } from '../../src/kube/object.ts';
import { apiVersionOf, resources } from '../../src/kube/resources.ts';
import { eventually } from '../support/cluster.ts';
import { cannotRunPods, kubectlOutput } from '../support/e2e.ts';
import { e2eNamespace, hasSidecar, isReady } from '../support/e2e-namespace.ts';
import type { E2eNamespace, ObservedPod } from '../support/e2e-namespace.ts';
import { aDeployment, aPod, hello, podTemplate } from '../support/pods.ts';

const CERTIFICATE = 'tenant-mtls.dev/certificate';
const certificate = (name: string) => ({
  apiVersion: 'tenant-mtls.dev/v1alpha1', kind: 'TenantCertificate', metadata: { name }, spec: { issuer: { kind: 'Secret', name: 'shop-ca' }, commonName: name },
}) as KubeObject;

type Event = KubeObject & { readonly reason: string; readonly message?: string; readonly count?: number; readonly involvedObject: { readonly kind: string; readonly name: string } };

const WAITING = { [CERTIFICATE]: 'later' };

/** Controllers of pods besides the ReplicaSet's, and what their specs need beside the template. */
const OTHER_KINDS = { StatefulSet: { serviceName: 'none' }, DaemonSet: {}, Job: {} };

describe('refusals', { skip: cannotRunPods() }, () => {
  let shop: E2eNamespace;

  before(async () => {
    shop = await e2eNamespace('refusals');
    await shop.create(resources.Deployment, aDeployment({ name: 'waiting', containers: [hello()] }, { annotations: WAITING }));
    for (const [kind, spec] of Object.entries(OTHER_KINDS)) {
      const name = `waiting-${kind.toLowerCase()}`;
      const { metadata, spec: podSpec } = podTemplate({ name, containers: [hello()] });
      const template = { metadata, spec: { ...podSpec, restartPolicy: kind === 'Job' ? 'Never' : 'Always' } };
      const resource = resources[kind as keyof typeof OTHER_KINDS];
      const selector = kind === 'Job' ? {} : { selector: { matchLabels: { app: name } } };
      await shop.create(resource, { apiVersion: apiVersionOf(resource), kind, metadata: { name, annotations: WAITING }, spec: { ...spec, ...selector, template } } as KubeObject);
    }
  });
  after(async () => await shop?.cluster.close());

  const events = async () => (await shop.cluster.admin.list<Event>(resources.Event, { namespace: shop.name })).items;
  const appears = async (name: string, timeoutMs: number): Promise<ObservedPod> => await eventually(async () => {
    const [pod] = await shop.pods(`app=${name}`);
    assert.ok(pod !== undefined);
    return pod;
  }, { timeoutMs, intervalMs: 100 });

  const hostile: Record<string, Record<string, string>> = {
    'a certificate that would be a path': { [CERTIFICATE]: '../../etc/passwd' },
    'a certificate with a directive of nginx': { [CERTIFICATE]: 'hello;\n  load_module evil.so;' },
    'a certificate with a shell command': { [CERTIFICATE]: '$(reboot)' },
    'a certificate of 10 000 characters': { [CERTIFICATE]: 'a'.repeat(10_000) },
    'a port with a directive': { 'tenant-mtls.dev/port': '8443; return 200' },
    'an app port outside the range': { 'tenant-mtls.dev/app-port': '65536' },
    'an app port in another notation': { 'tenant-mtls.dev/app-port': '0x1f90' },
    'an unknown engine': { 'tenant-mtls.dev/engine': 'envoy' },
    'a quantity with YAML': { 'tenant-mtls.dev/memory-limit': '128Mi\nprivileged: true' },
    'an expansion of a variable': { 'tenant-mtls.dev/cpu-request': '$(TENANT_MTLS_POD_IP)' },
  };
  for (const [name, annotations] of Object.entries(hostile)) {
    it(`refuses ${name}, quoting it on one line`, async () => {
      const pod = aPod({ name: 'hostile', annotations: { [CERTIFICATE]: 'hello', ...annotations }, containers: [hello()] });
      const error = await shop.create(resources.Pod, pod).catch((thrown: unknown) => thrown);
      assert.ok(error instanceof ApiError && error.code === 403, String(error));
      assert.match(error.message, /no TLS sidecar can be injected: the annotation tenant-mtls\.dev\/[a-z-]+ is ".{1,60}/);
      assert.doesNotMatch(error.message, /[\n\r]|a{50}/);
      await assert.rejects(shop.pod('hostile'), ApiError);
    });
  }

  it('refuses a probe that could not be forwarded safely', async () => {
    const probe = { httpGet: { path: '/live"; } location / { proxy_pass http://evil', port: 8080 } };
    const annotations = { [CERTIFICATE]: 'hello', 'tenant-mtls.dev/rewrite-probes': 'true' };
    await assert.rejects(shop.create(resources.Pod, aPod({ name: 'hostile', annotations, containers: [hello({ livenessProbe: probe })] })), /livenessProbe has a path that cannot be forwarded/);
  });

  it('warns whoever annotates a workload that its pods will be refused', async () => {
    await shop.create(resources.Deployment, aDeployment({ name: 'warned', containers: [hello()] }, { replicas: 0 }));
    const { stderr } = await kubectlOutput('-n', shop.name, 'annotate', 'deployment/warned', `${CERTIFICATE}=nowhere`);
    assert.match(stderr, /Warning: tenant-mtls: its pods will get no sidecar: namespace \S+ has no TenantCertificate nowhere/);
  });

  it('tells the reason on the Deployment that waits for a certificate', async () => {
    await eventually(async () => {
      const told = (await events()).find(({ reason, involvedObject }) => reason === 'CertificateNotFound' && involvedObject.kind === 'Deployment');
      assert.deepEqual([told?.involvedObject.name, told?.message?.includes('has no TenantCertificate later')], ['waiting', true]);
    }, { timeoutMs: 20_000 });
  });

  it('runs certificate and Deployment that come together in one kubectl apply, the Deployment first', async () => {
    const file = join(tmpdir(), `tenant-mtls-together-${process.pid}.json`);
    const deployment = aDeployment({ name: 'together', containers: [hello()] }, { annotations: { [CERTIFICATE]: 'together' } });
    await writeFile(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [deployment, certificate('together')] }));
    await shop.kubectl('apply', '-f', file);
    await eventually(async () => assert.ok((await shop.pods('app=together')).some((pod) => isReady(pod) && hasSidecar(pod))), { timeoutMs: 30_000, intervalMs: 200 });
  });

  it('makes a refused pod within 10 s of its certificate, although its controller has long been waiting', async () => {
    // By then the controller waits for more than 10 s before it tries again by itself (5 ms, doubled each time).
    await eventually(async () => {
      const failed = (await events()).find(({ reason, involvedObject }) => reason === 'FailedCreate' && involvedObject.name.startsWith('waiting-'));
      assert.ok((failed?.count ?? 0) >= 12, `tried ${failed?.count} times`);
    }, { timeoutMs: 40_000, intervalMs: 300 });
    const startedAt = Date.now();
    await shop.create(resources.TenantCertificate, certificate('later'));
    for (const name of ['waiting', 'waiting-statefulset', 'waiting-daemonset', 'waiting-job']) {
      assert.ok(hasSidecar(await appears(name, 10_000 - (Date.now() - startedAt))), name);
    }
  });
});
