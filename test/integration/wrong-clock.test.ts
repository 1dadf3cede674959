// An operator whose clock is far ahead of the API server's: no revocation is forgotten, and no CRL is signed for the future.
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { KubeObject } from '../../src/kube/object.ts';
import { resources } from '../../src/kube/resources.ts';
import { readCrl, revokedSerials } from '../../src/pki/read-crl.ts';
import { newAuthority } from '../support/authority.ts';
import { connect, eventually, freshNamespace, missingCluster } from '../support/cluster.ts';
import { IssuanceWorld } from '../support/issuance-world.ts';
import { becomesLeader, installPrerequisites, startOperator } from '../support/operator.ts';

const SLOW = { timeoutMs: 20_000 };

/** What makes the process believe that it is later than it is. */
function clockAhead(ms: number): Readonly<Record<string, string>> {
  const code = `const Real = Date; globalThis.Date = class extends Real { constructor(...args) { args.length === 0 ? super(Real.now() + ${ms}) : super(...args); } static now() { return Real.now() + ${ms}; } };`;
  return { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(code)}` };
}

describe('revocation while the clock of the operator is 40 days ahead', { skip: missingCluster() }, () => {
  const DAY = 86_400_000;
  const cluster = connect();
  const { admin } = cluster;
  const world = new IssuanceWorld(cluster);
  let namespace: string;

  before(async () => {
    await installPrerequisites(cluster);
    namespace = await freshNamespace(cluster, 'ahead');
    const secret = (await newAuthority('ahead-ca')).secret(namespace, 'ahead-ca');
    await admin.create(resources.Secret, { ...secret, metadata: { ...secret.metadata, annotations: { 'tenant-mtls.dev/crl': 'true' } } } as KubeObject);
  });

  // It would renew everything that others have left.
  const lead = async (env: Readonly<Record<string, string>> = {}) => {
    const operator = await startOperator(cluster, { env, args: ['--webhook', 'off', '--metrics-port', '0', '--watch-namespaces', namespace] });
    await becomesLeader(operator);
    return operator;
  };
  const apply = async (name: string, spec: object = {}) => await world.certificate(namespace, name, { issuer: { kind: 'Secret', name: 'ahead-ca' }, commonName: name, duration: '2400h', ...spec });
  const issue = async (name: string, spec: object = {}) => {
    await apply(name, spec);
    return (await world.pair(namespace, name)).status.serialNumber ?? '';
  };
  /** The CRL as soon as all of these are on it. */
  const listing = async (...serials: string[]) => await eventually(async () => {
    const crl = readCrl((await world.secret(namespace, 'ahead-ca-crl'))['ca.crl'] ?? '') ?? assert.fail();
    const listed = revokedSerials(crl);
    assert.deepEqual(serials.filter((serial) => !listed.has(serial)), []);
    return crl;
  }, SLOW);
  const skewed = async () => (await world.getCertificate(namespace, 'kept')).status?.conditions?.find(({ type }) => type === 'ClockSkewed');

  it('takes nothing off the CRL, signs none for the future, says so, and is silent when the clock is right again', async () => {
    const short = { duration: '24h' };
    const serials: string[] = [];
    {
      await using _ = await lead();
      await issue('kept');
      serials.push(await issue('ended', short));
      for (const name of ['first', 'second']) serials.push(await issue(name));
      serials.push(await issue('deleted', short));
      await apply('ended', { ...short, revoked: { reason: 'keyCompromise' } });
      await listing(serials[0] ?? '');
      assert.equal(await skewed(), undefined);
    }
    // Long expired, as the next operator sees it: there would be nothing to revoke.
    await admin.delete(resources.TenantCertificate, { namespace, name: 'deleted' });
    {
      await using _ = await lead(clockAhead(40 * DAY));
      for (const [index, name] of ['first', 'second'].entries()) {
        await apply(name, { revoked: { reason: 'keyCompromise' } });
        const { thisUpdate, nextUpdate = assert.fail() } = await listing(...serials.slice(0, index + 2));
        assert.ok(thisUpdate.getTime() < Date.now(), `begins ${thisUpdate.toISOString()}`);
        assert.ok(nextUpdate.getTime() < Date.now() + 8 * DAY, `ends ${nextUpdate.toISOString()}`);
      }
      await listing(...serials);
      await eventually(async () => assert.match((await skewed())?.message ?? '', /more than a day ahead of the API server's/u), SLOW);
    }
    await using _ = await lead();
    await eventually(async () => assert.equal(await skewed(), undefined), SLOW);
    await listing(...serials);
  });
});
