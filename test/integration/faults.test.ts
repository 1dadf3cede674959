// A network and an API server that fail: the operator goes on by itself, loses nothing and issues nothing twice.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { after, afterEach, before, describe, it } from 'node:test';
import { resources } from '../../src/kube/resources.ts';
import { newAuthority } from '../support/authority.ts';
import { connect, eventually, freshNamespace, kubeConfigPath, missingCluster } from '../support/cluster.ts';
import { FaultProxy, GONE, TOO_MANY_REQUESTS } from '../support/fault-proxy.ts';
import type { SeenRequest } from '../support/fault-proxy.ts';
import { becomesLeader, installPrerequisites, startOperator } from '../support/operator.ts';
import type { OperatorProcess } from '../support/operator.ts';
import { SerialWatch } from '../support/serial-watch.ts';
import { TenantCertificates } from '../support/tenant-certificates.ts';

const IDLE_MS = 20_000;
const STEADY_MS = 3000;

describe('the operator behind a network that fails', { skip: missingCluster() }, () => {
  const cluster = connect();
  let proxy: FaultProxy;
  let operator: OperatorProcess;
  let certificates: TenantCertificates;
  let serials: SerialWatch;

  before(async () => {
    await installPrerequisites(cluster);
    certificates = new TenantCertificates(cluster, await freshNamespace(cluster, 'faults'));
    serials = await SerialWatch.start(cluster, certificates.namespace);
    const ca = await newAuthority('shop-ca');
    await certificates.putSecret('shop-ca', { 'tls.crt': ca.certificatePem, 'tls.key': ca.keyPem });
    proxy = await FaultProxy.start(cluster);
    operator = await startOperator(cluster, { server: proxy.url });
    await becomesLeader(operator);
  });
  afterEach(() => {
    proxy.fault = () => undefined;
  });
  after(async () => {
    serials.stop();
    await operator.stop();
    await proxy.close();
  });

  const apply = async (name: string) => await certificates.apply(name, { issuer: { kind: 'Secret', name: 'shop-ca' }, commonName: `${name}.example` });
  const names = (prefix: string, count: number) => Array.from({ length: count }, (_, index) => `${prefix}-${index}`);
  const allReady = async (which: readonly string[], timeoutMs = 30_000) => await Promise.all(which.map(async (name) => await certificates.ready(name, { timeoutMs })));
  /** All of them ready, each with its first certificate. */
  const allIssuedOnce = async (which: readonly string[]) => {
    for (const { status } of await allReady(which)) assert.equal(status?.revision, 1);
    assert.deepEqual(serials.issuedTwice, []);
  };
  const isOurs = ({ path }: SeenRequest) => path.includes(`/namespaces/${certificates.namespace}/`);

  it('makes four writes for a certificate, and reads nothing', async () => {
    await apply('first');
    await certificates.ready('first');
    await certificates.hasEvent('first', 'Issued');
    const from = proxy.requests.length;
    const which = names('budget', 20);
    for (const name of which) await apply(name);
    await allReady(which);
    for (const name of which) await certificates.hasEvent(name, 'Issued');
    const seen = new Map<string, number>();
    for (const request of proxy.requests.slice(from).filter(isOurs)) {
      const what = `${request.method} ${request.path.split('/').slice(-1)[0] === 'status' ? 'status' : request.path.split('/').at(-1)}`;
      seen.set(what, (seen.get(what) ?? 0) + 1);
    }
    assert.deepEqual(Object.fromEntries([...seen].sort()), { 'PATCH status': 20, 'POST configmaps': 20, 'POST events': 20, 'POST secrets': 20 });
  });

  it('writes nothing when nothing happens', async () => {
    await sleep(STEADY_MS);
    const from = proxy.requests.length;
    await sleep(IDLE_MS);
    assert.deepEqual(proxy.writes(from), []);
    const lists = proxy.requests.slice(from).filter(({ method, isWatch, path }) => method === 'GET' && !isWatch && !path.includes('/leases'));
    assert.deepEqual(lists, []);
  });

  it('restores nothing in a namespace that is being deleted', async () => {
    const going = new TenantCertificates(cluster, `${certificates.namespace}-going`);
    await cluster.admin.create(resources.Namespace, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: going.namespace } });
    const ca = await newAuthority('going-ca');
    await going.putSecret('shop-ca', { 'tls.crt': ca.certificatePem, 'tls.key': ca.keyPem });
    const which = names('going', 20);
    for (const name of which) await going.apply(name, { issuer: { kind: 'Secret', name: 'shop-ca' }, commonName: `${name}.example` });
    for (const name of which) await going.ready(name);
    const from = proxy.requests.length;
    await cluster.admin.delete(resources.Namespace, { name: going.namespace });
    await eventually(async () => await assert.rejects(cluster.admin.get(resources.Namespace, { name: going.namespace }), /404/), { timeoutMs: 30_000 });
    const created = proxy.writes(from).filter(({ method, path }) => method === 'POST' && path.includes(`/${going.namespace}/`) && !path.endsWith('/events'));
    assert.ok(created.length < 5, `${created.length} objects were to be created`);
  });

  it('survives that all connections are cut, again and again, while it issues', async () => {
    const which = names('cut', 30);
    const cutting = setInterval(() => proxy.cutConnections(), 150);
    for (const name of which) await apply(name);
    await sleep(1500);
    clearInterval(cutting);
    await allIssuedOnce(which);
  });

  it('survives that answers get lost after the API server has acted', async () => {
    let count = 0;
    proxy.fault = ({ method, path }) => (method !== 'GET' && !path.includes('/leases') && (count += 1) % 3 === 0 ? 'swallow' : undefined);
    const which = names('lost', 20);
    for (const name of which) await apply(name);
    await allIssuedOnce(which);
  });

  it('waits as long as it is told when there are too many requests', async () => {
    let refused = 0;
    proxy.fault = ({ method, path }) => (method !== 'GET' && !path.includes('/leases') && Math.random() < 0.4 && (refused += 1) > 0 ? TOO_MANY_REQUESTS : undefined);
    const which = names('busy', 20);
    for (const name of which) await apply(name);
    await eventually(() => assert.ok(refused > 10));
    proxy.fault = () => undefined;
    await allIssuedOnce(which);
  });

  it('survives an API server that answers with errors of its own', async () => {
    const until = Date.now() + 1500;
    proxy.fault = ({ isWatch }) => (!isWatch && Date.now() < until ? { status: 500, body: { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'InternalError', code: 500, message: 'etcdserver: leader changed' } } : undefined);
    const which = names('errors', 10);
    for (const name of which) await apply(name);
    await allIssuedOnce(which);
  });

  it('lists again when its watches are too far behind', async () => {
    // As the API server does: the version that is too old stays too old.
    const tooOld = new Map<string, string>();
    proxy.fault = ({ isWatch, path, query }) => {
      if (!isWatch) return undefined;
      const which = `${path} ${query.get('fieldSelector')}`;
      const version = query.get('resourceVersion') ?? '';
      if (!tooOld.has(which)) tooOld.set(which, version);
      return tooOld.get(which) === version ? GONE : undefined;
    };
    proxy.cutConnections();
    const which = names('gone', 10);
    for (const name of which) await apply(name);
    await allIssuedOnce(which);
    assert.ok([...tooOld.keys()].some((path) => path.includes('/tenantcertificates')));
  });

  it('sees what happened while it was cut off', async () => {
    await certificates.ready('first');
    proxy.fault = () => 'cut';
    proxy.cutConnections();
    await cluster.admin.delete(resources.Secret, { namespace: certificates.namespace, name: 'first-tls' });
    const which = names('away', 5);
    for (const name of which) await apply(name);
    await sleep(1000);
    proxy.fault = () => undefined;
    for (const { status } of await allReady(which)) assert.equal(status?.revision, 1);
    await eventually(async () => assert.equal((await certificates.get('first')).status?.revision, 2), { timeoutMs: 30_000 });
    serials.serials.delete('first-tls');
  });

  it('survives a restart of the API server', { skip: embeddedCluster() === undefined ? 'SKIPPED: this cluster is not the embedded one, so its API server is not ours to restart' : false }, async () => {
    const component = (action: 'start' | 'stop') => embeddedCluster()?.(action, 'kube-apiserver');
    const before = names('before', 10);
    for (const name of before) await apply(name);
    component('stop');
    component('start');
    const afterwards = names('after', 10);
    await eventually(async () => await apply('after-0'), { timeoutMs: 30_000 });
    for (const name of afterwards) await apply(name);
    await allIssuedOnce([...before, ...afterwards]);
  });

  it('has never been restarted meanwhile', () => {
    assert.equal(operator.log.filter(({ msg }) => msg === 'operator started').length, 1);
    assert.doesNotMatch(operator.output(), /unexpected error/);
  });

  it('writes nothing after a restart, with all certificates valid', async () => {
    assert.equal(await operator.stop(), 0);
    const from = proxy.requests.length;
    operator = await startOperator(cluster, { server: proxy.url });
    await becomesLeader(operator);
    await sleep(STEADY_MS);
    assert.deepEqual(proxy.writes(from), []);
    assert.doesNotMatch(operator.output(), /PRIVATE KEY|\[private key\]/);
  });
});

/** Starts and stops components of the embedded cluster that KUBECONFIG belongs to (see CLUSTER in hack/cluster). */
function embeddedCluster(): ((action: 'start' | 'stop', component: string) => void) | undefined {
  const [, checkout, name] = /^(.*)\/\.cluster(?:-(\w+))?\/kubeconfig$/.exec(kubeConfigPath()) ?? [];
  if (checkout === undefined || !existsSync(`${checkout}/hack/cluster/stop`)) return undefined;
  return (action, component) => void execFileSync(`${checkout}/hack/cluster/${action}`, [component], { stdio: 'ignore', env: { ...process.env, CLUSTER: name ?? '' } });
}
