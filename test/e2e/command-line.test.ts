// `kubectl tenant-mtls` against a real cluster, run as kubectl runs it: through a link named kubectl-tenant_mtls.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { TenantCertificate } from '../../src/api/tenant-certificate.ts';
import type { Tenant } from '../../src/api/tenant.ts';
import type { KubeObject } from '../../src/kube/object.ts';
import { resources } from '../../src/kube/resources.ts';
import { eventually, kubeConfigPath } from '../support/cluster.ts';
import { cannotRunPods } from '../support/e2e.ts';
import { e2eNamespace, isReady } from '../support/e2e-namespace.ts';
import type { E2eNamespace } from '../support/e2e-namespace.ts';
import { aDeployment, aPod, hello } from '../support/pods.ts';

const MAIN = new URL('../../src/main.ts', import.meta.url).pathname;
const OPT_IN = { 'tenant-mtls.dev/certificate': 'hello' };

interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

describe('kubectl tenant-mtls', { skip: cannotRunPods() }, () => {
  let shop: E2eNamespace;
  let folder: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tenant-mtls-plugin-'));
    await symlink(MAIN, join(folder, 'kubectl-tenant_mtls'));
    shop = await e2eNamespace('command-line');
    await shop.create(resources.Deployment, aDeployment({ name: 'hello', containers: [hello()] }, { annotations: OPT_IN }));
  });
  after(async () => {
    await rm(folder, { recursive: true, force: true });
    await shop?.cluster.close();
  });

  const run = async (...args: string[]): Promise<Result> => await new Promise((resolve) => {
    const env = { ...process.env, KUBECONFIG: kubeConfigPath() };
    execFile(process.execPath, [join(folder, 'kubectl-tenant_mtls'), ...args], { env }, (error, stdout, stderr) => resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr }));
  });
  const inShop = async (...args: string[]) => await run(...args, '-n', shop.name);
  const serial = async () => (await shop.read<TenantCertificate>(resources.TenantCertificate, 'hello')).status?.serialNumber;

  it('tells that the installation is in order', async () => {
    const { code, stdout } = await run('doctor', '-o', 'json');
    assert.deepEqual((JSON.parse(stdout) as { check: string; outcome: string }[]).map(({ check, outcome }) => `${check}: ${outcome}`), [
      'Kubernetes: ok', 'custom resources: ok', 'operator: ok', 'webhook registration: ok', 'webhook call: ok',
    ]);
    assert.equal(code, 0);
  });

  it('tells what is wrong and what to do where the operator is not', async () => {
    const { code, stdout } = await run('doctor', '--operator-namespace', shop.name);
    assert.equal(code, 1);
    assert.match(stdout, /^problem operator: namespace \S+ has no Deployment tenant-mtls\n +-> install the operator/m);
  });

  it('shows the certificates of a namespace', async () => {
    const { code, stdout } = await inShop('status');
    assert.equal(code, 0);
    assert.match(stdout, /^NAMESPACE +NAME +READY +REASON +SECRET +ISSUER +EXPIRES +RENEWS +PODS +AGE\n/);
    assert.match(stdout, new RegExp(`^${shop.name} +hello +True +Issued +hello-tls +Secret/shop-ca +\\S+Z +\\S+Z`, 'm'));
  });

  it('shows what each pod has loaded', async () => {
    await eventually(async () => assert.ok((await shop.pods('app=hello')).some(isReady)), { timeoutMs: 60_000, intervalMs: 300 });
    await eventually(async () => {
      const { code, stdout } = await inShop('status', 'hello', '-o', 'json');
      const { pods, pods: [pod] } = JSON.parse(stdout) as { pods: { pod: string; sidecar: string; files: string; serialNumber: string }[] };
      assert.deepEqual([pods.length, pod?.sidecar, pod?.files, pod?.serialNumber, code], [1, 'Ready', 'current', await serial(), 0]);
    }, { timeoutMs: 30_000, intervalMs: 500 });
  });

  it('explains a workload, and why another is refused', async () => {
    const good = await inShop('explain', 'deployment/hello');
    assert.equal(good.code, 0);
    assert.match(good.stdout, /deployment\/hello +None +inject +TenantCertificate hello, engine nginx/);
    const file = join(folder, 'pod.json');
    await writeFile(file, JSON.stringify(aPod({ name: 'bad', annotations: { 'tenant-mtls.dev/certificate': 'nowhere' }, containers: [hello()] })));
    const bad = await inShop('explain', '-f', file);
    assert.equal(bad.code, 1);
    assert.match(bad.stdout, /pod\/bad +Missing +refuse +CertificateNotFound +namespace \S+ has no TenantCertificate nowhere; create/);
  });

  it('explains in the words in which the webhook refuses', async () => {
    const pod = aPod({ name: 'bad', annotations: { ...OPT_IN, 'tenant-mtls.dev/engine': 'envoy' }, containers: [hello()] });
    const file = join(folder, 'engine.json');
    await writeFile(file, JSON.stringify(pod));
    const { stdout } = await inShop('explain', '-f', file, '-o', 'json');
    const [report] = JSON.parse(stdout) as { reasons: { message: string; remedy: string }[] }[];
    const [reason] = report?.reasons ?? [];
    await assert.rejects(shop.create(resources.Pod, pod), (error: Error) => error.message.includes(`no TLS sidecar can be injected: ${reason?.message} (${reason?.remedy})`));
  });

  it('injects offline what the webhook injects', async () => {
    const pod = aPod({ name: 'same', annotations: OPT_IN, containers: [hello()] });
    const file = join(folder, 'same.json');
    await writeFile(file, JSON.stringify(pod));
    const { code, stdout } = await inShop('inject', '-f', file);
    assert.equal(code, 0);
    const injected = JSON.parse(stdout) as typeof pod & { spec: unknown };
    const { admin } = shop.cluster;
    const dryRun = async (object: typeof pod) => {
      const { metadata, ...rest } = await admin.create(resources.Pod, { ...object, metadata: { ...object.metadata, namespace: shop.name } }, { query: { dryRun: 'All' } });
      return { ...rest, labels: metadata?.labels, annotations: metadata?.annotations };
    };
    assert.deepEqual(await dryRun(injected), await dryRun(pod));
  });

  it('creates an authority, once', async () => {
    const created = await inShop('ca', 'create', 'second-ca');
    assert.deepEqual([created.code, created.stdout], [0, 'tenantcertificate/second-ca created; issuer: {kind: Secret, name: second-ca}\n']);
    await eventually(async () => assert.match((await inShop('status')).stdout, /second-ca +True +Issued +second-ca +SelfSigned/), { timeoutMs: 20_000, intervalMs: 500 });
    assert.deepEqual([(await inShop('ca', 'create', 'second-ca')).code], [1]);
  });

  it('has a certificate renewed', async () => {
    const old = await serial();
    assert.deepEqual((await inShop('renew', 'hello')).stdout, 'tenantcertificate/hello renewal requested\n');
    await eventually(async () => assert.notEqual(await serial(), old));
  });

  it('has a certificate revoked', async () => {
    const { stdout } = await inShop('revoke', 'hello', '--reason', 'keyCompromise');
    assert.equal(stdout, 'tenantcertificate/hello revoked (keyCompromise)\n');
    await eventually(async () => {
      const { code, stdout: shown } = await inShop('status', 'hello');
      assert.match(shown, /hello +False +Revoked/);
      assert.equal(code, 1);
    }, { intervalMs: 500 });
  });

  it('revokes one serial number of a Tenant, once', async () => {
    const { admin } = shop.cluster;
    const name = `${shop.name}-tenant`;
    const spec = { issuer: { kind: 'Secret', name: 'none' }, namespaces: { names: [shop.name] }, allow: { commonNames: ['*.shop.example'] } };
    await admin.create(resources.Tenant, { apiVersion: 'tenant-mtls.dev/v1alpha1', kind: 'Tenant', metadata: { name }, spec } as KubeObject);
    try {
      const revoke = async (serialNumber: string) => (await run('revoke', '--serial', serialNumber, '--tenant', name, '--reason', 'superseded')).stdout;
      assert.equal(await revoke('0xab:12'), `serial number AB12 of Tenant ${name} revoked (superseded)\n`);
      assert.equal(await revoke('AB12'), `serial number AB12 of Tenant ${name} is revoked already\n`);
      await revoke('CD34');
      const { spec: { revoked } } = await admin.get<Tenant>(resources.Tenant, { name });
      assert.deepEqual(revoked?.map(({ serialNumber, reason }) => `${serialNumber} ${reason}`), ['AB12 superseded', 'CD34 superseded']);
    } finally {
      await admin.delete(resources.Tenant, { name });
    }
  });

  it('says what was attempted when the object does not exist', async () => {
    const { code, stderr } = await inShop('renew', 'nobody');
    assert.equal(code, 1);
    assert.match(stderr, /^tenant-mtls: patch TenantCertificate \S+\/nobody: 404 NotFound/);
  });

  it('says so when the context does not exist', async () => {
    const { code, stderr } = await run('status', '--context', 'nowhere');
    assert.deepEqual([code, stderr], [2, '--context nowhere: the kubeconfig has no such context\n']);
  });
});
