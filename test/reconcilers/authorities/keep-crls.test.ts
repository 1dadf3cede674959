import assert from 'node:assert/strict';
import { before, beforeEach, describe, it } from 'node:test';
import type { TenantCertificate } from '../../../src/api/tenant-certificate.ts';
import { Cache } from '../../../src/kube/cache.ts';
import type { Issuer } from '../../../src/pki/issuer.ts';
import { readCrl, revokedSerials, verifyCrl } from '../../../src/pki/read-crl.ts';
import { describeAnchor } from '../../../src/reconcilers/authorities/anchor-store.ts';
import { Authorities } from '../../../src/reconcilers/authorities/authority.ts';
import type { AuthorityState } from '../../../src/reconcilers/authorities/authority.ts';
import { keepCrls } from '../../../src/reconcilers/authorities/keep-crls.ts';
import { INDEX } from '../../../src/reconcilers/reconciler-context.ts';
import type { ReconcilerContext } from '../../../src/reconcilers/reconciler-context.ts';
import { RefusedError } from '../../../src/reconcilers/authorities/refused-error.ts';
import type { Rotation } from '../../../src/reconcilers/authorities/rotate-authority.ts';
import { aTenantCertificate } from '../../issuance/builders.ts';
import { anIntermediate, aRoot, mutedRoot, NOW } from '../../pki/authorities.ts';
import type { Authority } from '../../pki/authorities.ts';
import { quiet, StateStore } from './state-store.ts';

const DAY = 86_400_000;
const KEY = 'system/ca-crl';

describe('keepCrls', () => {
  let first: Authority;
  let second: Authority;
  let store: StateStore;
  let authorities: Authorities;
  let certificates: Cache<TenantCertificate>;
  let now: Date;

  before(async () => {
    first = await aRoot({ subject: { commonName: 'ca' } });
    second = await aRoot({ subject: { commonName: 'ca' } });
  });
  beforeEach(() => {
    store = newStore();
    authorities = new Authorities(() => {}, () => {});
    certificates = new Cache<TenantCertificate>({ logger: quiet, indexes: { [INDEX.authority]: () => ['Tenant/shop'], [INDEX.signedBy]: () => [] } });
    now = NOW;
  });

  /** Its clock agrees with ours. */
  const newStore = () => Object.assign(new StateStore(), { serverTime: () => now });
  const context = () => ({ client: store.client, authorities, caches: { secrets: store.cache, certificates }, now: () => now, log: quiet }) as unknown as ReconcilerContext;
  const source = (observed: Issuer, { wanted = true, earlier = [] as readonly Issuer[], lifeMs = 7 * DAY } = {}) => (
    { key: 'Tenant/shop', name: 'Tenant shop', ca: { namespace: 'system', name: 'ca' }, observed, earlier, crl: { wanted, lifeMs, revoked: [] } }
  );
  const publishing = (...authorities: Authority[]) => ({ published: authorities.map(({ issuer, anchorPem }) => ({ sha256: issuer.sha256, anchor: describeAnchor(anchorPem) })) }) as unknown as Rotation;
  const keep = async (by = source(first.issuer), rotation = publishing(first)) => await keepCrls(context(), by, rotation);
  const issue = (name: string, serials: readonly string[], { revoked = false, issuer = first.issuer } = {}) => {
    const certificate = aTenantCertificate(revoked ? { revoked: { reason: 'keyCompromise' } } : {});
    const issued = serials.map((serialNumber) => ({ serialNumber, issuerSHA256: issuer.sha256, notAfter: new Date(NOW.getTime() + 30 * DAY).toISOString() }));
    certificates.upsert({ ...certificate, metadata: { ...certificate.metadata, name, uid: name, resourceVersion: String(certificates.size + 1) }, status: { issued } });
  };
  const stored = (key: string) => Buffer.from(store.secrets.get(KEY)?.data?.[key] ?? '', 'base64').toString();
  const serialsOf = (pem: string | undefined) => [...revokedSerials(readCrl(pem ?? '') ?? assert.fail())];

  it('keeps none where nobody asks for one, and one as soon as something is revoked', async () => {
    issue('hello', ['0A']);
    assert.deepEqual(await keep(source(first.issuer, { wanted: false })), { crls: [], notices: [] });
    assert.equal(store.writes, 0);
    issue('bad', ['0B'], { revoked: true });
    const { crls } = await keep(source(first.issuer, { wanted: false }));
    assert.deepEqual(serialsOf(crls[0]?.pem), ['0B']);
    assert.equal(verifyCrl(readCrl(crls[0]?.pem ?? '') ?? assert.fail(), first.issuer.certificate), 'Valid');
  });

  it('signs when something was revoked and at half of its life, with the next number, and at no other time', async () => {
    const numbers: bigint[] = [];
    const step = async () => numbers.push(BigInt((await keep()).crls[0]?.number ?? '0'));
    await step();
    await step();
    issue('bad', ['0B'], { revoked: true });
    await step();
    now = new Date(NOW.getTime() + 3.4 * DAY);
    await step();
    now = new Date(NOW.getTime() + 3.6 * DAY);
    await step();
    const [start = 0n] = numbers;
    assert.deepEqual(numbers.map((number) => number - start), [0n, 0n, 1n, 1n, 2n]);
    assert.equal(store.writesOf(KEY), 3);
  });

  it('warns of nothing when a longer life is wanted, and signs in time', async () => {
    await keep();
    const longer = () => keep(source(first.issuer, { lifeMs: 30 * DAY }));
    assert.deepEqual((await longer()).notices, []);
    assert.equal(store.writesOf(KEY), 1);
    now = new Date(NOW.getTime() + 3.6 * DAY);
    assert.deepEqual((await longer()).crls[0]?.nextUpdate, new Date(now.getTime() + 30 * DAY));
  });

  it('signs one for each key while an authority is replaced, each with its own, and all together for whoever wants a file', async () => {
    issue('old', ['0A'], { revoked: true });
    issue('new', ['0B'], { revoked: true, issuer: second.issuer });
    const { crls, revocations } = await keep(source(second.issuer, { earlier: [first.issuer] }), publishing(second, first));
    assert.deepEqual(crls.map(({ pem, issuerSHA256 }) => [issuerSHA256, serialsOf(pem)]), [[second.issuer.sha256, ['0B']], [first.issuer.sha256, ['0A']]]);
    assert.equal(stored('ca.crl'), crls.map(({ pem }) => pem).join(''));
    assert.deepEqual([revocations?.has(first.issuer.sha256, '0A'), revocations?.has(second.issuer.sha256, '0A'), [...(revocations?.issuers ?? [])]], [true, false, [second.issuer.sha256, first.issuer.sha256]]);
  });

  it('remembers what a retired authority has revoked, for it may come back', async () => {
    issue('old', ['0A'], { revoked: true });
    await keep();
    const { crls } = await keep(source(second.issuer), publishing(second));
    assert.deepEqual(serialsOf(crls[0]?.pem), []);
    certificates.replace([], '99');
    assert.deepEqual(serialsOf((await keep()).crls[0]?.pem), ['0A']);
  });

  it('keeps the last one in force where the key is gone, and warns when it has less than half of its life', async () => {
    await keep();
    const lost = () => keep(source(second.issuer), publishing(second, first));
    assert.deepEqual((await lost()).notices, []);
    now = new Date(NOW.getTime() + 4 * DAY);
    const { crls, notices } = await lost();
    assert.equal(crls.length, 2);
    assert.deepEqual(notices.map(({ type, reason }) => `${type} ${reason}`), ['CRLExpiring CRLExpiring']);
  });

  it('begins none in the middle of a replacement that has lost a key', async () => {
    const { crls, notices } = await keep(source(second.issuer), publishing(second, first));
    assert.deepEqual([crls, notices[0]?.reason, store.writes], [[], 'CRLPostponed', 0]);
  });

  const publishingRoot = (...issuers: Issuer[]) => ({ published: issuers.map(({ sha256, x509 }) => ({ sha256, anchor: describeAnchor(x509.toString()) })) }) as unknown as Rotation;

  it('signs nothing for a root that may not sign CRLs, and says so', async () => {
    const mute = mutedRoot();
    issue('bad', ['0B'], { revoked: true, issuer: mute });
    const { crls, revocations, notices } = await keep(source(mute, { wanted: false }), publishingRoot(mute));
    assert.deepEqual([crls, revocations, notices.map(({ type, reason }) => `${type} ${reason}`), store.writes], [[], undefined, ['CRLExpiring CRLNotAllowed'], 0]);
    assert.match(notices[0]?.message ?? '', /Tenant shop may not sign CRLs \(keyUsage without cRLSign\)/);
  });

  it('lets nobody who is revoked in again when such a root takes over', async () => {
    await keep();
    const mute = mutedRoot();
    await assert.rejects(keep(source(mute), publishingRoot(mute, first.issuer)), (error) => error instanceof RefusedError && error.refusal.reason === 'IssuerNotCA');
  });

  it('signs for an intermediate whose twin may', async () => {
    const { issuer, anchorPem } = await anIntermediate(first);
    const { crls } = await keep(source(issuer), { published: [{ sha256: issuer.sha256, anchor: describeAnchor(anchorPem) }] } as unknown as Rotation);
    assert.equal(crls.length, 1);
  });

  it('refuses the authority rather than publish CRLs of some of its keys', async () => {
    await keep(source(second.issuer), publishing(second));
    await assert.rejects(keep(source(second.issuer), publishing(second, first)), (error) => error instanceof RefusedError && error.refusal.reason === 'CRLExpired');
  });

  it('says when the list is large, and cuts nothing', async () => {
    for (let index = 0; index < 10; index += 1) issue(`bad-${index}`, serials(index, 450), { revoked: true });
    const { crls, notices } = await keep();
    assert.equal(serialsOf(crls[0]?.pem).length, 4500);
    assert.deepEqual(notices.map(({ type, reason }) => `${type} ${reason}`), ['CRLTooLarge CRLTooLarge']);
  });

  it('keeps the last one in force when the next one does not fit into a Secret', async () => {
    issue('bad', ['0B'], { revoked: true });
    await keep();
    for (let index = 0; index < 40; index += 1) issue(`bad-${index}`, serials(index, 500), { revoked: true });
    const { crls, notices } = await keep();
    assert.deepEqual(serialsOf(crls[0]?.pem), ['0B']);
    assert.deepEqual(notices.map(({ type, reason }) => `${type} ${reason}`), ['CRLTooLarge CRLNotStored']);
    assert.equal(store.writesOf(KEY), 1);
  });

  it('counts what retired authorities have left in the Secret, too', async () => {
    for (let index = 0; index < 8; index += 1) issue(`new-${index}`, serials(index, 500), { revoked: true, issuer: second.issuer });
    assert.equal((await keep(source(second.issuer), publishing(second))).crls.length, 1);
    store = newStore();
    for (let index = 0; index < 6; index += 1) issue(`old-${index}`, serials(index, 500), { revoked: true });
    await keep();
    await assert.rejects(keep(source(second.issuer), publishing(second)), /does not fit into a Secret/);
    assert.equal(Object.keys(store.secrets.get(KEY)?.data ?? {}).length, 3);
  });

  it('forgets a retired authority when all that it has revoked has long expired', async () => {
    issue('old', ['0A'], { revoked: true });
    await keep();
    certificates.replace([], '99');
    const keysAfter = async (days: number) => {
      now = new Date(NOW.getTime() + days * DAY);
      await keep(source(second.issuer), publishing(second));
      return Object.keys(store.secrets.get(KEY)?.data ?? {}).length;
    };
    // Two for each of both, and the bundle.
    assert.deepEqual([await keysAfter(31), await keysAfter(60), await keysAfter(66)], [5, 5, 3]);
  });

  describe('under a clock that is 40 days ahead of the API server', () => {
    const AHEAD = 40 * DAY;
    /** Both clocks go on; ours is ahead. */
    const set = (days: number, ahead = AHEAD) => {
      const server = new Date(NOW.getTime() + days * DAY);
      store.serverTime = () => server;
      now = new Date(server.getTime() + ahead);
    };
    beforeEach(async () => {
      issue('bad', ['0B'], { revoked: true });
      await keep();
      certificates.replace([], '99');
    });

    it('takes nothing off the list, however often it signs, and lists what is revoked now', async () => {
      for (const days of [4, 8, 12, 16]) {
        set(days);
        assert.deepEqual(serialsOf((await keep()).crls[0]?.pem), ['0B']);
      }
      issue('late', ['0C'], { revoked: true });
      set(17);
      assert.deepEqual(serialsOf((await keep()).crls[0]?.pem), ['0B', '0C']);
    });
    it('signs no CRL that begins or ends in the future of the API server', async () => {
      set(4);
      const { thisUpdate, nextUpdate } = readCrl((await keep()).crls[0]?.pem ?? '') ?? assert.fail();
      assert.deepEqual([thisUpdate, nextUpdate], [new Date(NOW.getTime() + 4 * DAY - 300_000), new Date(NOW.getTime() + 11 * DAY)]);
    });
    it('signs no more often than else', async () => {
      set(4);
      await keep();
      const writes = store.writesOf(KEY);
      await keep();
      assert.equal(store.writesOf(KEY), writes);
    });
    it('says so until the clocks agree again, and looks soon', async () => {
      set(1);
      const { notices, recheckAt } = await keep();
      assert.deepEqual(notices.map(({ type, reason }) => `${type} ${reason}`), ['ClockSkewed ClocksDisagree']);
      assert.match(notices[0]?.message ?? '', /more than a day ahead of the API server's.*nothing is taken off the CRL of Tenant shop/u);
      assert.deepEqual(recheckAt, new Date(NOW.getTime() + DAY + 300_000));
      set(1, 0);
      assert.deepEqual((await keep()).notices, []);
    });
    it('forgets nothing of a retired authority', async () => {
      const keys = async () => {
        await keep(source(second.issuer), publishing(second));
        return Object.keys(store.secrets.get(KEY)?.data ?? {}).length;
      };
      set(66);
      assert.equal(await keys(), 5);
      set(70, 0);
      assert.equal(await keys(), 3);
    });
  });

  it('never gives a number twice when two are at work', async () => {
    const { crls } = await keep();
    issue('bad', ['0B'], { revoked: true });
    // Somebody else signs, and our cache does not know yet.
    store.put(store.secrets.get(KEY) ?? assert.fail());
    await assert.rejects(keep(), /409/);
    const next = await keep();
    assert.equal(BigInt(next.crls[0]?.number ?? '0'), BigInt(crls[0]?.number ?? '0') + 1n);
  });

  describe('when its Secret vanishes', () => {
    const plain = () => keep(source(first.issuer, { wanted: false }));
    const isRevoked = { revoked: true };
    beforeEach(async () => {
      issue('bad', ['0B'], isRevoked);
      await plain();
      // What was revoked is no longer said by any object.
      certificates.replace([], '99');
    });

    it('finds one that has lost its label, and puts it back', async () => {
      store.cache.replace([...store.cache.values()].filter(({ metadata }) => metadata.name !== 'ca-crl'), '999');
      assert.equal(store.cache.get(KEY), undefined);
      const { crls, notices } = await plain();
      assert.deepEqual([serialsOf(crls[0]?.pem), notices], [['0B'], []]);
    });

    const vanish = () => {
      store.secrets.delete(KEY);
      store.cache.replace([...store.cache.values()].filter(({ metadata }) => metadata.name !== 'ca-crl'), '999');
    };
    it('makes it anew with what it published last, as long as it remembers', async () => {
      const { revocations } = await plain();
      authorities.publish('Tenant/shop', { kind: 'ready', authority: { issuer: first.issuer, anchors: [], crls: [], revocations } } as unknown as AuthorityState);
      vanish();
      const { crls, notices } = await plain();
      assert.deepEqual([serialsOf(crls[0]?.pem), notices], [['0B'], []]);
    });
    it('says that something may be missing when it does not, until the CA is replaced', async () => {
      vanish();
      const [lost, later, replaced] = [await plain(), await plain(), await keep(source(second.issuer), publishing(second))];
      assert.deepEqual([lost, later, replaced].map(({ crls, notices }) => [crls.length, notices.map(({ type }) => type)]), [[1, ['CRLIncomplete']], [1, ['CRLIncomplete']], [1, []]]);
    });
    it('is refused where the key that signed it is gone, too: nobody revoked is let in', async () => {
      vanish();
      await assert.rejects(keep(source(second.issuer), publishing(second, first)), RefusedError);
    });
  });

  it('signs nothing in place of a state that it cannot read, and keeps the CRL', async () => {
    const { crls } = await keep();
    const secret = store.secrets.get(KEY) ?? assert.fail();
    const data = Object.fromEntries(Object.entries(secret.data ?? {}).map(([key, value]) => [key, key.endsWith('.json') ? 'eA==' : value]));
    store.put({ ...secret, data });
    store.tell(KEY);
    issue('bad', ['0B'], { revoked: true });
    const after = await keep();
    assert.deepEqual([after.crls.map(({ pem }) => pem), after.notices[0]?.reason], [crls.map(({ pem }) => pem), 'CRLStateMalformed']);
    assert.equal(after.revocations?.published, undefined);
  });
});

function serials(index: number, count: number): string[] {
  return Array.from({ length: count }, (_, each) => `7F${(index * 1000 + each).toString(16).toUpperCase().padStart(30, '0')}`);
}
