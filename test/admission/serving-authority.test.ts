// Replicas that share a Secret and a registration, on a clock of the test's own.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import type { ServingCertificate } from '../../src/admission/admission-server.ts';
import { readBundles } from '../../src/admission/ca-bundle.ts';
import type { Registration } from '../../src/admission/ca-bundle.ts';
import { AUTHORITY_SECRET, ServingAuthority } from '../../src/admission/serving-authority.ts';
import type { ServingAuthorityOptions } from '../../src/admission/serving-authority.ts';
import { makeAuthority, readAuthorities, servingNames, writeAuthorities } from '../../src/admission/webhook-authority.ts';
import type { Secret } from '../../src/api/object-meta.ts';
import { ApiError } from '../../src/kube/api-error.ts';
import { aRecorder } from './fixtures.ts';

const START = Date.parse('2026-11-24T06:00:00Z');
const SECOND = 1000;
const DAY = 86_400_000;
const KEY = /PRIVATE KEY/;

/** The two objects as the API server keeps them, and nothing of its rest. */
class Store {
  secret: Secret | undefined;
  registration: Registration | undefined = { webhooks: [{ name: 'pods.tenant-mtls.dev', clientConfig: {} }, { name: 'workloads.tenant-mtls.dev', clientConfig: {} }] };
  isDown = false;
  writes: string[] = [];

  get client(): ServingAuthorityOptions['client'] {
    return {
      get: async (resource: { kind: string }) => this.#answer(resource.kind === 'Secret' ? this.secret : this.registration),
      create: async (_resource: unknown, object: Secret) => {
        if (this.secret !== undefined) throw new ApiError('create', { code: 409, reason: 'AlreadyExists' });
        return this.#write('create', () => (this.secret = { ...object, metadata: { ...object.metadata, resourceVersion: '1' } }));
      },
      replace: async (_resource: unknown, object: Secret) => {
        const version = this.secret?.metadata.resourceVersion;
        if (object.metadata.resourceVersion !== version) throw new ApiError('replace', { code: 409, reason: 'Conflict' });
        return this.#write('replace', () => (this.secret = { ...object, metadata: { ...object.metadata, resourceVersion: String(Number(version) + 1) } }));
      },
      jsonPatch: async (_resource: unknown, _ref: unknown, patch: readonly { op: string; path: string; value: string }[]) => {
        const bundle = patch.find(({ op }) => op === 'add')?.value ?? '';
        return this.#write('publish', () => (this.registration = { webhooks: (this.registration?.webhooks ?? []).map(({ name }) => ({ name, clientConfig: { caBundle: bundle } })) }));
      },
    } as unknown as ServingAuthorityOptions['client'];
  }

  async #answer<T>(object: T | undefined): Promise<T> {
    if (this.isDown) throw new Error('connection refused');
    if (object === undefined) throw new ApiError('get', { code: 404 });
    return await Promise.resolve(structuredClone(object));
  }

  async #write(kind: string, write: () => unknown): Promise<unknown> {
    if (this.isDown) throw new Error('connection refused');
    this.writes.push(kind);
    return await Promise.resolve(write());
  }

  get bundle(): string[] {
    return readBundles(this.registration ?? {})[0]?.map(({ sha256 }) => sha256) ?? [];
  }

  get stored(): string[] {
    return this.secret === undefined ? [] : readAuthorities(this.secret).map(({ sha256 }) => sha256);
  }
}

class World {
  readonly store = new Store();
  wall = START;
  monotonic = 0;
  leader = 0;
  readonly recorder = aRecorder();
  readonly serving: (ServingCertificate | undefined)[] = [];
  readonly replicas: ServingAuthority[];

  constructor(replicas = 2) {
    this.replicas = Array.from({ length: replicas }, (_, index) => new ServingAuthority({
      client: this.store.client,
      clock: { now: () => this.wall, monotonic: () => this.monotonic, sleep: async () => {} },
      log: this.recorder.log,
      namespace: 'tenant-mtls-system',
      names: servingNames('tenant-mtls-webhook', 'tenant-mtls-system'),
      registration: 'tenant-mtls',
      isLeader: () => this.leader === index,
      onServing: (serving) => (this.serving[index] = serving),
    }));
  }

  /** Time passes, then every replica checks. */
  async pass(ms: number): Promise<void> {
    this.wall += ms;
    this.monotonic += ms;
    for (const replica of this.replicas) await replica.check();
  }

  async passInSteps(ms: number, step = 10 * SECOND): Promise<void> {
    for (let passed = 0; passed < ms; passed += step) {
      await this.pass(step);
      this.assertTrusted();
    }
  }

  /** What an API server would find: each leaf is valid now and signed by what the bundle holds. */
  assertTrusted(): void {
    const trusted = readBundles(this.store.registration ?? {})[0] ?? [];
    for (const [index, serving] of this.serving.entries()) {
      assert.ok(serving !== undefined, `replica ${index} serves`);
      const leaf = new X509Certificate(serving.certificate);
      assert.ok(leaf.validFromDate.getTime() <= this.wall && this.wall < leaf.validToDate.getTime(), `replica ${index} is valid at ${new Date(this.wall).toISOString()}`);
      assert.ok(trusted.some(({ certificate }) => leaf.verify(new X509Certificate(certificate).publicKey)), `replica ${index} is trusted`);
    }
  }

  leafOf(index: number): string {
    return new X509Certificate(this.serving[index]?.certificate ?? assert.fail()).serialNumber;
  }
}

describe(ServingAuthority.name, () => {
  it('starts from nothing: one Secret, one publication, a leaf on each replica', async () => {
    const world = new World(3);
    await world.pass(0);
    world.assertTrusted();
    assert.deepEqual(world.store.writes, ['create', 'publish']);
    assert.equal(world.serving.length, 3);
    const leaf = new X509Certificate(world.serving[0]?.certificate ?? '');
    assert.match(leaf.subjectAltName ?? '', /DNS:tenant-mtls-webhook\.tenant-mtls-system\.svc,/);
    await world.passInSteps(DAY, DAY / 4);
    assert.deepEqual(world.store.writes, ['create', 'publish'], 'and then it is quiet');
  });

  it('needs no leader to serve, and publishes when there is one', async () => {
    const world = new World(2);
    world.leader = 99;
    await world.pass(0);
    assert.equal(world.serving.length, 2);
    assert.deepEqual(world.store.writes, ['create']);
    world.leader = 1;
    await world.pass(10 * SECOND);
    world.assertTrusted();
  });

  it('replaces its authority with overlap: at no check is a replica not trusted', async () => {
    const world = new World(3);
    await world.pass(0);
    const [first] = world.store.stored;
    await world.passInSteps(243 * DAY, DAY);
    assert.deepEqual(world.store.stored, [first]);
    await world.pass(DAY);
    const [second, ...rest] = world.store.stored;
    assert.notEqual(second, first);
    assert.deepEqual([rest, world.store.bundle.toSorted()], [[first], [first ?? '', second ?? ''].toSorted()]);
    const before = world.leafOf(0);
    await world.passInSteps(20 * SECOND);
    assert.equal(world.leafOf(0), before, 'not before it is distributed');
    await world.passInSteps(20 * SECOND);
    assert.notEqual(world.leafOf(0), before);
    await world.passInSteps(9 * DAY, DAY / 2);
    assert.deepEqual([world.store.stored, world.store.bundle], [[second], [second]]);
  });

  it('keeps replicas that check late trusted while the Secret is deleted by hand', async () => {
    const world = new World(2);
    await world.pass(0);
    await world.pass(60 * SECOND);
    world.store.secret = undefined;
    await world.passInSteps(600 * SECOND);
    assert.equal(world.store.bundle.length, 1);
    assert.deepEqual(world.store.bundle, world.store.stored);
  });

  it('repairs a Secret that somebody has overwritten, and a bundle that somebody has emptied', async () => {
    const world = new World(2);
    await world.pass(0);
    world.store.secret = { ...world.store.secret, metadata: { name: AUTHORITY_SECRET, resourceVersion: '7' }, data: { 'ca.crt': 'bm8=', 'ca.key': 'bm8=' } };
    await world.passInSteps(300 * SECOND);
    world.store.registration = { webhooks: [{ name: 'pods.tenant-mtls.dev', clientConfig: { caBundle: 'Cg==' } }] };
    await world.passInSteps(60 * SECOND);
  });

  for (const [name, jump] of [['forward', 365 * DAY], ['back', -365 * DAY]] as const) {
    it(`survives its clock jumping a year ${name}, and coming back`, async () => {
      const world = new World(2);
      await world.pass(0);
      await world.pass(DAY);
      world.wall += jump;
      await world.passInSteps(120 * SECOND);
      world.wall -= jump;
      await world.passInSteps(120 * SECOND);
      const [newest] = readAuthorities(world.store.secret ?? assert.fail());
      assert.ok(newest !== undefined && newest.notBefore.getTime() <= world.wall && world.wall < newest.notAfter.getTime());
    });
  }

  it('renews at once after a suspension longer than the life of its leaf, even while the API server is away', async () => {
    const world = new World(2);
    await world.pass(0);
    const before = world.leafOf(1);
    world.store.isDown = true;
    await world.pass(30 * DAY);
    world.assertTrusted();
    assert.notEqual(world.leafOf(1), before);
    assert.ok(world.recorder.lines.some(({ message }) => message === 'webhook authority not observed'));
  });

  it('renews one replica\'s expired certificate without touching the others', async () => {
    const world = new World(2);
    await world.pass(0);
    const late = world.replicas.pop() ?? assert.fail();
    await world.pass(6 * DAY);
    const other = world.leafOf(0);
    await world.pass(2 * DAY);
    assert.equal(world.leafOf(0), other);
    await late.check();
    world.assertTrusted();
  });

  it('takes part in a race for the Secret', async () => {
    const world = new World(3);
    await Promise.all(world.replicas.map(async (replica) => await replica.check()));
    await world.pass(10 * SECOND);
    world.assertTrusted();
    assert.equal(world.store.writes.filter((write) => write === 'create').length, 1);
    assert.deepEqual(world.recorder.lines.filter(({ level }) => level === 'warn'), [], 'losing is no failure');
  });

  it('writes no key into its log', async () => {
    const world = new World(1);
    await world.pass(0);
    await world.pass(250 * DAY);
    assert.ok(world.recorder.lines.length > 0);
    assert.doesNotMatch(JSON.stringify(world.recorder.lines), KEY);
  });
});

describe(writeAuthorities.name, () => {
  it('is read back as it was written, newest first', async () => {
    const authorities = [await makeAuthority(new Date(START)), await makeAuthority(new Date(START))];
    const read = readAuthorities({ metadata: { name: 's' }, data: writeAuthorities(authorities) });
    assert.deepEqual(read.map(({ sha256 }) => sha256), authorities.map(({ sha256 }) => sha256));
  });

  it('leaves out what cannot be read', async () => {
    const data = writeAuthorities([await makeAuthority(new Date(START))]);
    assert.deepEqual(readAuthorities({ metadata: { name: 's' }, data: { 'ca.crt': data['ca.crt'] ?? '' } }), []);
    assert.deepEqual(readAuthorities({ metadata: { name: 's' } }), []);
  });
});
