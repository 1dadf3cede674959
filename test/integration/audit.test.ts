// What was made while the webhook was kept out is found by the audit, told once, and forgotten when it has been mended.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ANNOTATION, LABEL } from '../../src/api/names.ts';
import type { TenantCertificate } from '../../src/api/tenant-certificate.ts';
import { systemClock } from '../../src/controller/clock.ts';
import { carryAnnotations } from '../../src/injection/carry-annotations.ts';
import { decideInjection } from '../../src/injection/decide-injection.ts';
import { injectSidecar } from '../../src/injection/inject-sidecar.ts';
import type { KubeObject } from '../../src/kube/object.ts';
import { resources } from '../../src/kube/resources.ts';
import { auditOnce } from '../../src/reconcilers/pods/audit-pods.ts';
import type { AuditOptions } from '../../src/reconcilers/pods/audit-pods.ts';
import { createInformers } from '../../src/reconcilers/caches.ts';
import type { Informers } from '../../src/reconcilers/caches.ts';
import { connect, eventually, freshNamespace, missingCluster } from '../support/cluster.ts';
import type { Cluster } from '../support/cluster.ts';
import { installPrerequisites, SYSTEM_NAMESPACE } from '../support/operator.ts';

const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const images = { nginx: 'nginx:1', node: 'node:1' };
const annotations = { [ANNOTATION.certificate]: 'hello' };
const spec = { schedulerName: 'nobody', containers: [{ name: 'app', image: 'none', ports: [{ containerPort: 8080 }] }] };

describe('the audit of pods and workloads', { skip: missingCluster() }, () => {
  let cluster: Cluster;
  let namespace: string;
  let informers: Informers;
  let told: ReadonlySet<string> = new Set();
  const stop = new AbortController();
  const events: string[] = [];
  const counts = new Map<string, number>();

  before(async () => {
    cluster = connect();
    await installPrerequisites(cluster);
    // The label keeps the webhook out while everything is made.
    namespace = await freshNamespace(cluster, 'audit', { [ANNOTATION.inject]: 'false' });
    await cluster.admin.create(resources.TenantCertificate, certificate());
    for (const pod of [aPod('bare'), aPod('content', 'nginx:1'), aPod('old', 'nginx:0')]) await cluster.admin.create(resources.Pod, pod);
    await cluster.admin.create(resources.Deployment, aDeployment('forgotten'));
    await cluster.admin.create(resources.Deployment, carryAnnotations(aDeployment('carried')));
    await cluster.admin.mergePatch(resources.Namespace, { name: namespace }, { metadata: { labels: { [ANNOTATION.inject]: null } } });
    informers = createInformers(cluster.admin, quiet, []);
    for (const informer of Object.values(informers)) void informer.run(stop.signal);
    await Promise.all(Object.values(informers).map(async (informer) => await informer.whenSynced()));
  });
  after(async () => {
    stop.abort();
    await cluster.close();
  });

  const certificate = () => ({ apiVersion: 'tenant-mtls.dev/v1alpha1', kind: 'TenantCertificate', metadata: { name: 'hello', namespace }, spec: { issuer: { kind: 'Secret', name: 'none' }, commonName: 'hello' } });
  const aDeployment = (name: string) => ({
    apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name, namespace, annotations },
    spec: { replicas: 0, selector: { matchLabels: { app: name } }, template: { metadata: { labels: { app: name } }, spec: { containers: spec.containers } } },
  });

  /** `image`: of the sidecar that is in it already. */
  function aPod(name: string, image?: string): KubeObject {
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace, annotations }, spec };
    if (image === undefined) return pod;
    const injection = decideInjection(pod, { namespace: { name: namespace }, certificate: certificate() as unknown as TenantCertificate, images: { ...images, nginx: image }, kubernetesVersion: undefined, newProbeToken: () => '0'.repeat(32) });
    return injection.outcome === 'inject' ? ({ ...pod, ...injectSidecar(pod, injection.sidecar) } as KubeObject) : assert.fail('the pod was not injected');
  }

  /** Other namespaces of this cluster are none of this test's business. */
  async function audit(): Promise<void> {
    const { admin } = cluster;
    const { certificates, namespaces, pods } = informers;
    const options: AuditOptions = {
      images, namespace: SYSTEM_NAMESPACE, watchNamespaces: [namespace], log: quiet, clock: systemClock, random: Math.random,
      caches: { certificates: certificates.cache, namespaces: namespaces.cache, pods: pods.cache },
      metrics: { missed: (kind, reason, count) => void counts.set(`${kind} ${reason}`, count) },
      recordEvent: ({ kind, metadata }, { reason }) => void (metadata?.namespace === namespace && events.push(`${kind} ${metadata.name} ${reason}`)),
      client: admin,
    };
    told = await auditOnce(options, told, stop.signal);
  }
  const condition = async () =>
    (await cluster.admin.get<TenantCertificate>(resources.TenantCertificate, { namespace, name: 'hello' })).status?.conditions?.find(({ type }) => type === 'PodsMissed');

  it('finds pods without a sidecar, with yesterday\'s, and workloads that are not carried', async () => {
    await eventually(() => assert.equal(informers.namespaces.cache.get(namespace)?.metadata.labels?.[ANNOTATION.inject], undefined));
    await audit();
    assert.deepEqual(Object.fromEntries([...counts].filter(([, count]) => count > 0)), { 'Pod NotInjected': 1, 'Pod SidecarOutdated': 1, 'Deployment NotCarried': 1 });
    assert.deepEqual(events.sort(), ['Deployment forgotten NotCarried', 'Pod bare NotInjected']);
    const { status, reason, message } = (await condition()) ?? assert.fail('nothing is said of the certificate');
    assert.deepEqual([status, reason], ['True', 'NotInjected']);
    assert.match(message, /^Pod bare .*\. Deployment forgotten .*\. Pod old .*$/);
  });

  it('tells everything once', async () => {
    await audit();
    assert.equal(events.length, 2);
  });

  it('leaves out a namespace that has opted out, and forgets what has been mended', async () => {
    await cluster.admin.mergePatch(resources.Namespace, { name: namespace }, { metadata: { labels: { [ANNOTATION.inject]: 'false' } } });
    await eventually(() => assert.equal(informers.namespaces.cache.get(namespace)?.metadata.labels?.[ANNOTATION.inject], 'false'));
    await audit();
    assert.deepEqual([[...counts.values()].every((count) => count === 0), await condition()], [true, undefined]);
    assert.equal((await cluster.admin.list(resources.Pod, { namespace, labelSelector: LABEL.certificate })).items.length, 2);
  });
});
