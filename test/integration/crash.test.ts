// Operators that die, at the worst moments: whoever comes next finishes the work and issues nothing twice.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { resources } from '../../src/kube/resources.ts';
import { newAuthority } from '../support/authority.ts';
import { connect, eventually, freshNamespace, missingCluster } from '../support/cluster.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { becomesLeader, installPrerequisites, startOperator } from '../support/operator.ts';
import type { OperatorProcess } from '../support/operator.ts';
import { SerialWatch } from '../support/serial-watch.ts';
import { TenantCertificates } from '../support/tenant-certificates.ts';

const ALONE = { args: ['--webhook', 'off', '--metrics-port', '0', '--leader-election', 'off'] };

describe('an operator that dies', { skip: missingCluster() }, () => {
  const cluster = connect();
  let certificates: TenantCertificates;
  let serials: SerialWatch;
  const running = new Set<OperatorProcess>();

  before(async () => {
    await installPrerequisites(cluster);
    certificates = new TenantCertificates(cluster, await freshNamespace(cluster, 'crash'));
    serials = await SerialWatch.start(cluster, certificates.namespace);
    const ca = await newAuthority('shop-ca');
    await certificates.putSecret('shop-ca', { 'tls.crt': ca.certificatePem, 'tls.key': ca.keyPem });
  });
  after(async () => {
    serials.stop();
    for (const operator of running) await operator.stop('SIGKILL');
  });

  const start = async (...options: [Parameters<typeof startOperator>[1]]): Promise<OperatorProcess> => {
    const operator = await startOperator(cluster, ...options);
    running.add(operator);
    return operator;
  };
  const end = async (operator: OperatorProcess, signal: NodeJS.Signals): Promise<number | string> => {
    running.delete(operator);
    return await operator.stop(signal);
  };
  const names = (prefix: string, count: number) => Array.from({ length: count }, (_, index) => `${prefix}-${index}`);
  const apply = async (which: readonly string[]) => {
    for (const name of which) await certificates.apply(name, { issuer: { kind: 'Secret', name: 'shop-ca' }, commonName: `${name}.example` });
  };
  const allIssuedOnce = async (which: readonly string[]) => {
    await Promise.all(which.map(async (name) => {
      const { status } = await certificates.ready(name, { timeoutMs: 30_000 });
      const serialNumber = (await certificates.leaf(`${name}-tls`)).serialNumber;
      assert.deepEqual([status?.serialNumber, status?.revision, status?.issued?.length], [serialNumber, 1, 1], name);
      assert.ok((await certificates.configMap(`${name}-proxy`)).data?.['manifest']?.includes(serialNumber), name);
    }));
    assert.deepEqual(serials.issuedTwice, []);
  };
  const ready = async () => {
    const { items } = await cluster.admin.list<{ status?: { conditions?: unknown[] } }>(resources.TenantCertificate, { namespace: certificates.namespace });
    return items.filter(({ status }) => status?.conditions !== undefined).length;
  };

  it('killed at random moments while it issues, is followed by one that issues each certificate once', async () => {
    const which = names('killed', 150);
    await apply(which);
    for (let round = 0; round < 5; round += 1) {
      const operator = await start(ALONE);
      const atOnce = 1 + Math.floor(Math.random() * 12);
      await eventually(() => assert.ok(operator.log.filter(({ msg }) => msg === 'certificate issued').length >= atOnce), { timeoutMs: 20_000, intervalMs: 1 });
      await end(operator, 'SIGKILL');
    }
    assert.ok((await ready()) < which.length, 'none of them has done it all');
    const last = await start(ALONE);
    await allIssuedOnce(which);
    await end(last, 'SIGTERM');
  });

  for (const [moment, path] of [['the Secret and the ConfigMap', '/configmaps'], ['the ConfigMap and the status', '/status']] as const) {
    it(`killed between ${moment}, is followed by one that issues nothing`, async () => {
      const proxy = await FaultProxy.start(cluster);
      // What comes after never arrives.
      proxy.fault = ({ method, path: asked }) => (method !== 'GET' && (asked.endsWith(path) || asked.endsWith('/status')) ? 'cut' : undefined);
      const which = names(path === '/status' ? 'before-status' : 'before-config', 5);
      const first = await start({ ...ALONE, server: proxy.url });
      await apply(which);
      for (const name of which) await eventually(async () => await certificates.secret(`${name}-tls`));
      await eventually(() => assert.ok(proxy.requests.some((request) => request.method !== 'GET' && request.path.endsWith(path))));
      await end(first, 'SIGKILL');
      await proxy.close();
      const second = await start(ALONE);
      await allIssuedOnce(which);
      assert.equal(second.log.filter(({ msg }) => msg === 'certificate issued').length, 0);
      await end(second, 'SIGTERM');
    });
  }

  it('or is cut off, gives up leading before another one leads, and takes over again later', async () => {
    const proxy = await FaultProxy.start(cluster);
    const first = await start({ identity: 'cut-off', server: proxy.url });
    await becomesLeader(first);
    const second = await start({ identity: 'reachable' });
    proxy.fault = () => 'cut';
    proxy.cutConnections();
    await becomesLeader(second, 25_000);
    const changes = first.log.filter(({ msg }) => msg === 'leadership changed').map(({ isLeader, time }) => ({ isLeader, time: Number(new Date(time as string | number)) }));
    assert.deepEqual(changes.map(({ isLeader }) => isLeader), [true, false]);
    const led = second.log.find(({ msg }) => msg === 'leadership changed');
    assert.ok((changes[1]?.time ?? Number.NaN) < Number(new Date(led?.['time'] as string | number)), 'one stopped before the other began');
    proxy.fault = () => undefined;
    const which = names('while-cut-off', 10);
    await apply(which);
    await allIssuedOnce(which);
    await end(second, 'SIGTERM');
    await eventually(() => assert.equal(first.log.findLast(({ msg }) => msg === 'leadership changed')?.['isLeader'], true), { timeoutMs: 5000 });
    await end(first, 'SIGTERM');
    await proxy.close();
  });

  it('or is stopped in good order, lets another lead at once; killed, within 20 seconds', async () => {
    const first = await start({ identity: 'first' });
    await becomesLeader(first);
    const [second, third] = [await start({ identity: 'second' }), await start({ identity: 'third' })];
    for (const { log } of [second, third]) await eventually(() => assert.ok(log.some(({ msg }) => msg === 'operator started')));
    const busy = names('handed-over', 40);
    const applying = apply(busy);
    await eventually(async () => await certificates.secret('handed-over-0-tls'));
    const stoppedAt = Date.now();
    assert.equal(await end(first, 'SIGTERM'), 0);
    const leader = await Promise.any([second, third].map(async (operator) => await becomesLeader(operator, 10_000).then(() => operator)));
    assert.ok(Date.now() - stoppedAt < 5000, `leading after ${Date.now() - stoppedAt} ms`);
    await applying;
    await allIssuedOnce(busy);

    const more = names('taken-over', 40);
    const applyingMore = apply(more);
    await eventually(async () => await certificates.secret('taken-over-0-tls'));
    const killedAt = Date.now();
    assert.equal(await end(leader, 'SIGKILL'), 'SIGKILL');
    const heir = leader === second ? third : second;
    await becomesLeader(heir, 25_000);
    assert.ok(Date.now() - killedAt < 20_000, `leading after ${Date.now() - killedAt} ms`);
    await applyingMore;
    await allIssuedOnce(more);
    assert.equal(await end(heir, 'SIGINT'), 0);
  });
});
