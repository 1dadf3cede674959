// The main job on real containers: the hello app opts in by one annotation, clients with a certificate are answered, others refused.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { ConfigMap } from '../../src/api/object-meta.ts';
import { resources } from '../../src/kube/resources.ts';
import { connect, eventually, freshNamespace } from '../support/cluster.ts';
import type { Cluster } from '../support/cluster.ts';
import { applyExample, cannotRunPods, certificateReady, credentialsOf, get, kubectl, podsOf, readyPod, sidecarStatus, wakeOperator } from '../support/e2e.ts';
import type { RunningPod } from '../support/e2e.ts';

describe('the hello app', { skip: cannotRunPods() }, () => {
  let cluster: Cluster;
  let namespace: string;
  let pod: RunningPod;
  const deployment = () => ({ namespace, name: 'hello' });
  const annotate = async (value: string | null) => await cluster.admin.mergePatch(resources.Deployment, deployment(), { metadata: { annotations: { 'tenant-mtls.dev/certificate': value } } });
  const replicaSets = async () => (await cluster.admin.list(resources.ReplicaSet, { namespace })).items.length;

  before(async () => {
    cluster = connect();
    await wakeOperator(cluster);
    namespace = await freshNamespace(cluster, 'hello', { 'pod-security.kubernetes.io/enforce': 'restricted' });
    await applyExample(cluster, namespace, 'hello/hello.yaml');
    await applyExample(cluster, namespace, 'hello/certificates.yaml');
    await readyPod(cluster, namespace, 'app=hello', 'plain');
  });
  after(async () => await cluster.close());

  const trusted = async () => ({ ...(await credentialsOf(cluster, namespace, 'hello-client-tls')), servername: `hello.${namespace}.svc` });

  it('gets a sidecar when its Deployment is annotated, with one new ReplicaSet', async () => {
    await certificateReady(cluster, namespace, 'hello');
    await annotate('hello');
    pod = await readyPod(cluster, namespace, 'app=hello');
    assert.equal(await replicaSets(), 2);
    assert.equal(pod.metadata.labels?.['tenant-mtls.dev/certificate'], 'hello');
  });

  it('answers a client with a certificate', async () => {
    await certificateReady(cluster, namespace, 'hello-client');
    const answer = await get({ host: pod.status.podIP, path: '/date', ...(await trusted()) });
    assert.equal(answer.status, 200);
    assert.match(answer.body, /^time now: \d\d:\d\d:\d\d/);
  });

  it('answers 400 to a client without one', async () => {
    const { ca, servername } = await trusted();
    const answer = await get({ host: pod.status.podIP, path: '/date', ca, servername });
    assert.equal(answer.status, 400);
    assert.match(answer.body, /No required SSL certificate was sent/);
  });

  it('tells the app who the client is, whatever the client says itself', async () => {
    const spoofed = { 'X-SSL-Client-CN': 'admin', 'x-tls-client-cert': 'mine', 'X-Forwarded-Client-Cert': 'By=evil', 'X-SSL-Client-Verify': 'NONE' };
    const answer = await get({ host: pod.status.podIP, path: '/headers', headers: spoofed, ...(await trusted()) });
    const { headers } = JSON.parse(answer.body) as { headers: Record<string, string> };
    assert.equal(headers['x-ssl-client-verify'], 'SUCCESS');
    assert.equal(headers['x-ssl-client-cn'], 'hello-client');
    assert.match(headers['x-tls-client-cert'] ?? '', /^-----BEGIN%20CERTIFICATE-----/);
    assert.equal(headers['x-forwarded-client-cert']?.includes('evil') ?? false, false);
  });

  it('has a sidecar that runs as its own user, with no token of the API server and files that nobody can write', async () => {
    const inSidecar = async (script: string) => (await kubectl('-n', namespace, 'exec', pod.metadata.name ?? '', '-c', 'tls-sidecar', '--', 'sh', '-c', script)).trim();
    assert.equal(await inSidecar('id -u'), '65533');
    assert.equal(await inSidecar('ls /var/run/secrets/kubernetes.io/serviceaccount'), '');
    assert.equal(await inSidecar('find -L /opt/tenant-mtls -type f -perm /222'), '');
    assert.equal(await inSidecar('find -L /opt/tenant-mtls/certs -type f -name tls.key | wc -l'), '1');
    assert.equal(await inSidecar('touch /opt/tenant-mtls/x /x 2>/dev/null || echo refused'), 'refused');
  });

  it('serves the new certificate after its Secret was deleted, without a restart', async () => {
    const before = await sidecarStatus(pod);
    await cluster.admin.delete(resources.Secret, { namespace, name: 'hello-tls' });
    const { servername, ...client } = await trusted();
    const serial = await eventually(async () => {
      const answer = await get({ host: pod.status.podIP, path: '/date', servername, ...client });
      assert.notEqual(answer.serverSerial, before.manifest.serialNumber);
      return answer.serverSerial;
    }, { timeoutMs: 100_000, intervalMs: 500 });
    await eventually(async () => assert.deepEqual([(await sidecarStatus(pod)).manifest.serialNumber, (await sidecarStatus(pod)).state], [serial, 'current']));
    assert.deepEqual((await podsOf(cluster, namespace, 'app=hello')).map(({ metadata }) => metadata.name), [pod.metadata.name]);
  });

  it('has the files of the ICP router in its ConfigMap', async () => {
    const { data } = await cluster.admin.get<ConfigMap>(resources.ConfigMap, { namespace, name: 'hello-proxy' });
    for (const key of ['nginx.conf', 'proxy.json', 'entrypoint.sh', 'manifest']) assert.ok(data?.[key], key);
  });

  it('loses the sidecar when the annotation is taken away, back on its first ReplicaSet', async () => {
    await annotate(null);
    await readyPod(cluster, namespace, 'app=hello', 'plain');
    assert.equal(await replicaSets(), 2);
  });
});
