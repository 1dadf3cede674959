// Two replicas of the webhook keep their certificates on a real API server, which judges each of them by creating pods all the while.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import { buildAdmissionApp } from '../../src/admission/admission-app.ts';
import { renewServingCertificate } from '../../src/admission/admission-server.ts';
import type { ServingCertificate } from '../../src/admission/admission-server.ts';
import { readBundles } from '../../src/admission/ca-bundle.ts';
import type { Registration } from '../../src/admission/ca-bundle.ts';
import { createMutate } from '../../src/admission/mutate.ts';
import { AUTHORITY_SECRET, ServingAuthority } from '../../src/admission/serving-authority.ts';
import { makeAuthority, readAuthorities, servingNames, writeAuthorities } from '../../src/admission/webhook-authority.ts';
import { buildRegistration } from '../../src/admission/webhook-configuration.ts';
import type { WebhookRegistration } from '../../src/admission/webhook-configuration.ts';
import { ANNOTATION } from '../../src/api/names.ts';
import type { Secret } from '../../src/api/object-meta.ts';
import type { TenantCertificate } from '../../src/api/tenant-certificate.ts';
import type { Clock } from '../../src/controller/clock.ts';
import type { KubeObject } from '../../src/kube/object.ts';
import { resources } from '../../src/kube/resources.ts';
import { aRecorder } from '../admission/fixtures.ts';
import { createWhile } from '../support/admission-load.ts';
import { connect, eventually, freshNamespace, missingCluster } from '../support/cluster.ts';
import type { Cluster } from '../support/cluster.ts';

const DAY = 86_400_000;

/** The spans of the monotonic clock, half a minute and more, pass twenty times as fast; wall time is the world's. */
const HASTY: Clock = { now: Date.now, monotonic: () => performance.now() * 20, sleep: async (ms, signal) => await sleep(ms / 20, undefined, signal === undefined ? {} : { signal }).catch(() => {}) };

interface Replica {
  readonly app: FastifyInstance;
  readonly port: number;
  readonly renewals: string[];
  readonly lines: ReturnType<typeof aRecorder>['lines'];
}

const certificate = { metadata: { name: 'hello' }, spec: { issuer: { kind: 'Secret', name: 'ca' }, commonName: 'hello' } } as TenantCertificate;

const skip = missingCluster();

describe('the serving certificates of two replicas', { skip }, () => {
  const cluster = skip === false ? connect() : ({} as Cluster);
  const stop = new AbortController();
  const registration = `a-tenant-mtls-authority-${randomBytes(3).toString('hex')}`;
  const replicas: Replica[] = [];
  let namespace = '';

  async function startReplica(isLeader: () => boolean): Promise<Replica> {
    const { log, lines, metrics } = aRecorder();
    const renewals: string[] = [];
    const first = Promise.withResolvers<ServingCertificate>();
    let renew: (serving: ServingCertificate) => void = first.resolve;
    const onServing = (serving: ServingCertificate): void => {
      renewals.push(serving.certificate);
      renew(serving);
    };
    const authority = new ServingAuthority({ client: cluster.admin, clock: HASTY, log, namespace, names: servingNames('webhook', namespace), registration, isLeader, onServing });
    void authority.run(stop.signal);
    const serving = await first.promise;
    const mutate = createMutate({
      images: { nginx: 'nginx:test', node: 'node:test' }, kubernetesVersion: () => 'v1.35.0', newProbeToken: () => '0'.repeat(32), certificate: () => certificate,
      namespace: (name) => ({ metadata: { name } }), excludedNamespaces: [], recordEvent: () => {}, rememberOwner: () => {},
    });
    const app = buildAdmissionApp({ mutate, log, metrics, notReadyBecause: () => [], tls: { serving } });
    await app.listen({ host: '127.0.0.1', port: 0 });
    renew = (next) => renewServingCertificate(app.server as unknown as Server, next);
    return { app, port: (app.server.address() as AddressInfo).port, renewals, lines };
  }

  /** One webhook for each replica, so that the API server asks both about every pod. */
  function registrationOf(ports: readonly number[]): WebhookRegistration {
    const desired = buildRegistration({ name: registration, service: 'webhook', namespace: 'elsewhere' });
    const here = { matchExpressions: [{ key: 'kubernetes.io/metadata.name', operator: 'In', values: [namespace] }] } as const;
    const [pods = assert.fail()] = desired.webhooks;
    return { ...desired, webhooks: ports.map((port, index) => ({ ...pods, name: `replica-${index}.tenant-mtls.dev`, namespaceSelector: here, clientConfig: { url: `https://127.0.0.1:${port}/mutate`, caBundle: '' } })) };
  }

  const aPod = (): KubeObject => ({
    apiVersion: 'v1', kind: 'Pod', metadata: { namespace, generateName: 'hello-', annotations: { [ANNOTATION.certificate]: 'hello' } },
    spec: { containers: [{ name: 'app', image: 'none', ports: [{ containerPort: 8080 }] }] },
  }) as KubeObject;

  const stored = async (): Promise<string[]> => readAuthorities(await cluster.admin.get<Secret>(resources.Secret, { namespace, name: AUTHORITY_SECRET })).map(({ sha256 }) => sha256);
  const published = async (): Promise<string[][]> => readBundles(await cluster.admin.get<Registration>(resources.MutatingWebhookConfiguration, { name: registration })).map((bundle) => bundle.map(({ sha256 }) => sha256));

  before(async () => {
    namespace = await freshNamespace(cluster, 'webhook-authority', { [ANNOTATION.inject]: 'false' });
    replicas.push(...await Promise.all([startReplica(() => true), startReplica(() => false)]));
    await cluster.admin.create(resources.MutatingWebhookConfiguration, registrationOf(replicas.map(({ port }) => port)) as unknown as KubeObject);
    await eventually(async () => await cluster.admin.create(resources.Pod, aPod(), { query: { dryRun: 'All' } }));
  });
  after(async () => {
    stop.abort();
    await cluster.admin.delete(resources.MutatingWebhookConfiguration, { name: registration });
    for (const { app } of replicas) {
      app.server.closeAllConnections();
      await app.close();
    }
  });

  it('agree on one authority, whoever was first, and publish it to every webhook', async () => {
    const [authority = assert.fail(), ...others] = await stored();
    assert.deepEqual(others, []);
    assert.deepEqual(await published(), [[authority], [authority]]);
  });

  it('replace the authority while pods are created, and no creation fails', async () => {
    const aged = await makeAuthority(new Date(Date.now() - 245 * DAY));
    const secret = await cluster.admin.get<Secret>(resources.Secret, { namespace, name: AUTHORITY_SECRET });
    const [current = assert.fail()] = readAuthorities(secret);
    const before = replicas.map(({ renewals }) => renewals.length);
    const { created, failures } = await createWhile(cluster, aPod(), { perSecond: 40 }, async () => {
      // As if the authority that signs had reached two thirds of its life: it was distributed long ago.
      await cluster.admin.replace(resources.Secret, { ...secret, data: writeAuthorities([aged, current]) });
      await eventually(async () => {
        const [newest, previous] = await stored();
        assert.ok(newest !== undefined && newest !== aged.sha256 && previous === aged.sha256);
        assert.ok((await published()).every((bundle) => bundle.includes(newest)));
      });
      // Both sign anew once the new one has been in the bundles for a while: aged first or not, each ends with the newest.
      await eventually(() => assert.ok(replicas.every(({ renewals }, index) => renewals.length > (before[index] ?? 0))), { timeoutMs: 20_000 });
      await eventually(async () => {
        const bundles = await published();
        const [newest, previous] = await stored();
        assert.deepEqual(bundles.map((bundle) => bundle.toSorted()), [[newest, previous].toSorted(), [newest, previous].toSorted()]);
      }, { timeoutMs: 20_000 });
    });
    assert.deepEqual(failures, []);
    assert.ok(created > 40, `${created} pods`);
  });

  it('survive that their Secret is deleted while pods are created, and no creation fails', async () => {
    const [before] = await stored();
    const { created, failures } = await createWhile(cluster, aPod(), { perSecond: 40 }, async () => {
      await cluster.admin.delete(resources.Secret, { namespace, name: AUTHORITY_SECRET });
      await eventually(async () => {
        const [newest, ...others] = await stored();
        assert.ok(newest !== undefined && newest !== before && others.length === 0);
        assert.deepEqual(await published(), [[newest], [newest]]);
      }, { timeoutMs: 30_000 });
    });
    assert.deepEqual(failures, []);
    assert.ok(created > 40, `${created} pods`);
  });

  it('put back a bundle that somebody has emptied', async () => {
    await cluster.admin.jsonPatch(resources.MutatingWebhookConfiguration, { name: registration }, [{ op: 'remove', path: '/webhooks/0/clientConfig/caBundle' }]);
    const [newest] = await stored();
    await eventually(async () => assert.deepEqual(await published(), [[newest], [newest]]));
    await eventually(async () => await cluster.admin.create(resources.Pod, aPod(), { query: { dryRun: 'All' } }));
  });

  it('write no key into their logs', () => {
    const lines = replicas.flatMap(({ lines }) => lines);
    assert.ok(lines.length > 0);
    assert.doesNotMatch(JSON.stringify(lines), /PRIVATE KEY/);
  });
});
