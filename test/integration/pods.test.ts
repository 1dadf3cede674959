// The operator follows the pods of a certificate: the API server is real, the sidecars are played by this process on addresses of the
// loopback network, because no node is needed to see what is asked, written and nudged.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { LABEL, OWN_ANNOTATION, SIDECAR } from '../../src/api/names.ts';
import type { TenantCertificate } from '../../src/api/tenant-certificate.ts';
import type { KubeObject } from '../../src/kube/object.ts';
import { resources } from '../../src/kube/resources.ts';
import { newAuthority } from '../support/authority.ts';
import { connect, eventually, freshNamespace, missingCluster } from '../support/cluster.ts';
import type { Cluster } from '../support/cluster.ts';
import { becomesLeader, installPrerequisites, startOperator } from '../support/operator.ts';
import type { OperatorProcess } from '../support/operator.ts';

/** A sidecar whose answer can be changed at any time. */
class PlayedSidecar {
  manifestSHA256 = '0'.repeat(64);
  plaintextReachable: number[] = [];
  message = '';
  readonly #server: Server;

  constructor(address: string) {
    this.#server = createServer((_, response) => {
      const { manifestSHA256, plaintextReachable, message } = this;
      response.end(JSON.stringify({ engine: 'nginx', state: message === '' ? 'current' : 'pending', message, manifestSHA256, plaintextReachable }));
    }).listen(SIDECAR.statusPort, address);
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

describe('following the pods of a certificate', { skip: missingCluster() }, () => {
  let cluster: Cluster;
  let operator: OperatorProcess;
  let namespace: string;
  const sidecars = new Map<string, PlayedSidecar>();

  before(async () => {
    cluster = connect();
    await installPrerequisites(cluster);
    namespace = await freshNamespace(cluster, 'pods');
    const ca = await newAuthority('shop-ca');
    await cluster.admin.create(resources.Secret, ca.secret(namespace, 'shop-ca'));
    await apply({});
    operator = await startOperator(cluster);
    await becomesLeader(operator);
  });
  after(async () => {
    for (const sidecar of sidecars.values()) sidecar.close();
    await operator.stop();
    await cluster.close();
  });

  const apply = async (spec: object) =>
    await cluster.admin.applyServerSide(resources.TenantCertificate, {
      apiVersion: 'tenant-mtls.dev/v1alpha1', kind: 'TenantCertificate', metadata: { name: 'hello', namespace },
      spec: { issuer: { kind: 'Secret', name: 'shop-ca' }, commonName: 'hello.shop.example', ...spec },
    } as KubeObject);
  const status = async () => (await cluster.admin.get<TenantCertificate>(resources.TenantCertificate, { namespace, name: 'hello' })).status ?? {};
  const condition = async (wanted: string) => (await status()).conditions?.find(({ type }) => type === wanted);
  const manifest = async () => await eventually(async () => {
    const { metadata } = await cluster.admin.get(resources.ConfigMap, { namespace, name: 'hello-proxy' });
    return metadata?.annotations?.[OWN_ANNOTATION.manifestHash] ?? assert.fail('there is no manifest yet');
  });
  const becomes = async (summary: string) => await eventually(async () => assert.equal((await status()).pods?.summary, summary), { timeoutMs: 15_000 });

  /** A pod that no scheduler takes, with the address of a sidecar that this process plays. */
  async function addPod(name: string, address: string): Promise<PlayedSidecar> {
    const sidecar = new PlayedSidecar(address);
    sidecars.set(name, sidecar);
    const container = {
      name: SIDECAR.container, image: 'none', restartPolicy: 'Always', env: [{ name: 'TENANT_MTLS_APP_PORT', value: '8080' }],
      volumeMounts: [{ name: SIDECAR.volume, mountPath: SIDECAR.directory }],
    };
    const spec = { schedulerName: 'nobody', containers: [{ name: 'app', image: 'none' }], initContainers: [container], volumes: [{ name: SIDECAR.volume, emptyDir: {} }] };
    await cluster.admin.create(resources.Pod, { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace, labels: { [LABEL.certificate]: 'hello' } }, spec } as KubeObject);
    await cluster.admin.patchStatus(resources.Pod, { namespace, name }, { phase: 'Running', podIP: address, podIPs: [{ ip: address }] });
    return sidecar;
  }

  it('counts a pod as current once its sidecar says that it has loaded what was written', async () => {
    const expected = await manifest();
    const sidecar = await addPod('web-1', '127.0.0.71');
    await becomes('0/1');
    assert.match((await condition('Converged'))?.message ?? '', /^the current files are not loaded yet by 1 of 1 sidecars: web-1 \(since .*: it still has earlier files\)$/);
    sidecar.manifestSHA256 = expected;
    await becomes('1/1');
    assert.deepEqual([(await condition('Converged'))?.reason, (await status()).pods?.oldestPendingSince], ['AllPodsCurrent', undefined]);
  });

  it('nudges the kubelets when new files are written, and says in whose words they are behind', async () => {
    const sidecar = await addPod('web-2', '127.0.0.72');
    sidecar.manifestSHA256 = await manifest();
    await becomes('2/2');
    const before = await manifest();
    await apply({ dnsNames: ['hello.shop.svc'] });
    await eventually(async () => assert.notEqual(await manifest(), before));
    const expected = await manifest();
    await becomes('0/2');
    const touched = async () => (await cluster.admin.get(resources.Pod, { namespace, name: 'web-2' })).metadata?.annotations?.[OWN_ANNOTATION.refresh];
    await eventually(async () => assert.equal(await touched(), `${expected.slice(0, 16)}.2`), { timeoutMs: 15_000 });
    sidecar.message = 'nginx: [emerg] no "ssl_certificate"\n';
    await eventually(async () => assert.match((await condition('Converged'))?.message ?? '', /web-2 \(since .*: the sidecar says "nginx: \[emerg\] no \?ssl_certificate\?\?"\)/), { timeoutMs: 15_000 });
    for (const each of sidecars.values()) Object.assign(each, { manifestSHA256: expected, message: '' });
    await becomes('2/2');
  });

  it('tells of an open port on the pod and in the status, until a NetworkPolicy closes it', async () => {
    const [first] = sidecars.values();
    Object.assign(first ?? assert.fail(), { plaintextReachable: [8080] });
    await eventually(async () => assert.equal((await condition('PlaintextReachable'))?.status, 'True'), { timeoutMs: 65_000 });
    const { items } = await cluster.admin.list<KubeObject & { involvedObject: { name: string } }>(resources.Event, { namespace, fieldSelector: 'reason=PlaintextReachable' });
    assert.deepEqual(items.map(({ involvedObject }) => involvedObject.name), ['web-1']);
    await apply({ dnsNames: ['hello.shop.svc'], networkPolicy: 'Managed' });
    await eventually(async () => assert.deepEqual([(await condition('PlaintextReachable'))?.status, (await condition('NetworkPolicyReady'))?.status], ['False', 'True']));
    const policies = async () => (await cluster.admin.list(resources.NetworkPolicy, { namespace })).items.map(({ metadata }) => metadata?.name);
    assert.deepEqual(await policies(), ['hello-upstream-ports']);
    await apply({ dnsNames: ['hello.shop.svc'], networkPolicy: 'Unmanaged' });
    await eventually(async () => assert.deepEqual([await policies(), await condition('NetworkPolicyReady')], [[], undefined]));
  });

  it('counts a pod no longer that is gone', async () => {
    for (const name of sidecars.keys()) await cluster.admin.delete(resources.Pod, { namespace, name }, { query: { gracePeriodSeconds: '0' } });
    await becomes('0/0');
    assert.equal((await condition('Converged'))?.reason, 'NoPods');
  });
});
