// The webhook in this process, called by the real API server: when it is called, what it does, and what happens without it.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import * as fc from 'fast-check';
import { buildAdmissionApp } from '../../src/admission/admission-app.ts';
import { createMutate } from '../../src/admission/mutate.ts';
import type { PodMutation } from '../../src/admission/mutate-pod.ts';
import { nudgeOwners, NUDGED_ANNOTATION } from '../../src/admission/nudge-owners.ts';
import { PendingOwners } from '../../src/admission/pending-owners.ts';
import { SELF_TEST_POD, testWebhook } from '../../src/admission/self-test.ts';
import type { SelfTestOutcome } from '../../src/admission/self-test.ts';
import { makeAuthority, servingNames, signLeaf } from '../../src/admission/webhook-authority.ts';
import { buildRegistration } from '../../src/admission/webhook-configuration.ts';
import { ANNOTATION, OWN_ANNOTATION, SIDECAR } from '../../src/api/names.ts';
import type { TenantCertificate } from '../../src/api/tenant-certificate.ts';
import { carryAnnotations, CARRIED_KEYS } from '../../src/injection/carry-annotations.ts';
import type { KubeObject, OwnerReference } from '../../src/kube/object.ts';
import { resources } from '../../src/kube/resources.ts';
import type { Resource } from '../../src/kube/resources.ts';
import { connect, eventually, freshNamespace, missingCluster } from '../support/cluster.ts';
import type { Cluster } from '../support/cluster.ts';
import { aRecorder } from '../admission/fixtures.ts';
import { soaked } from '../support/soak.ts';

const IMAGE = 'tenant-mtls.dev/no-such-image';
const OPTED_IN = { [ANNOTATION.certificate]: 'hello' };

const OUT_OF_REACH = { [ANNOTATION.inject]: 'false' };

type Annotations = Readonly<Record<string, string>>;
type Template = { readonly metadata: { readonly labels: object; readonly annotations?: Annotations }; readonly spec: object };
type Workload = KubeObject & { readonly spec: object };

function aTemplate(annotations?: Annotations, restartPolicy = 'Always'): Template {
  const spec = { restartPolicy, terminationGracePeriodSeconds: 0, containers: [{ name: 'app', image: IMAGE, imagePullPolicy: 'Never', ports: [{ containerPort: 8080 }] }] };
  return { metadata: { labels: { app: 'hello' }, ...(annotations && { annotations }) }, spec };
}

const selector = { matchLabels: { app: 'hello' } };

/** Each kind: its resource, its spec around a template, and how a template is found again. */
const KINDS: Record<string, { resource: Resource; spec: (annotations?: Annotations) => object }> = {
  Deployment: { resource: resources.Deployment, spec: (annotations) => ({ replicas: 0, selector, template: aTemplate(annotations) }) },
  StatefulSet: { resource: resources.StatefulSet, spec: (annotations) => ({ replicas: 0, serviceName: 'hello', selector, template: aTemplate(annotations) }) },
  DaemonSet: { resource: resources.DaemonSet, spec: (annotations) => ({ selector, template: aTemplate(annotations) }) },
  Job: { resource: resources.Job, spec: (annotations) => ({ suspend: true, template: aTemplate(annotations, 'Never') }) },
  CronJob: { resource: resources.CronJob, spec: (annotations) => ({ schedule: '0 0 1 1 *', suspend: true, jobTemplate: { spec: { template: aTemplate(annotations, 'Never') } } }) },
};

interface WorkloadOptions { readonly namespace: string; readonly name?: string; readonly annotations?: Annotations; readonly template?: Annotations; readonly owner?: OwnerReference }

function aWorkload(kind: string, { namespace, name = 'hello', annotations, template, owner }: WorkloadOptions): Workload {
  const { resource, spec } = KINDS[kind] ?? assert.fail(kind);
  const metadata = { namespace, name, ...(annotations && { annotations }), ...(owner && { ownerReferences: [owner] }) };
  return { apiVersion: `${resource.group}/v1`, kind, metadata, spec: spec(template) };
}

function resourceOf(kind: string): Resource {
  return KINDS[kind]?.resource ?? assert.fail(kind);
}

function templateOf({ spec }: Workload): Template {
  const { template, jobTemplate } = spec as { template?: Template; jobTemplate?: { spec: { template: Template } } };
  return template ?? jobTemplate?.spec.template ?? assert.fail('no template');
}

function aPod(namespace: string, annotations?: Annotations): KubeObject {
  const { metadata, spec } = aTemplate(annotations);
  return { apiVersion: 'v1', kind: 'Pod', metadata: { ...metadata, namespace, generateName: 'hello-' }, spec } as KubeObject;
}

const DRY_RUN = { query: { dryRun: 'All' } };

/**
 * A registration like the one of deploy/, but for one namespace and with the webhook where this process listens. The namespaces
 * have opted out of the webhook of an operator that may be installed, and ours comes before it in the alphabet.
 */
class Webhook {
  readonly cluster: Cluster;
  readonly namespace: string;
  /** Kind and operation of every review. */
  readonly reviews: string[] = [];
  readonly certificates = new Map<string, TenantCertificate>();
  readonly pending = new PendingOwners();
  readonly events: string[] = [];
  readonly #name = `a-tenant-mtls-test-${randomBytes(3).toString('hex')}`;
  #close: () => Promise<void> = async () => {};
  #port = 0;
  #ca = '';

  constructor(cluster: Cluster, namespace: string) {
    this.cluster = cluster;
    this.namespace = namespace;
    this.addCertificate('hello');
  }

  addCertificate(name: string): void {
    this.certificates.set(name, {
      apiVersion: 'tenant-mtls.dev/v1alpha1', kind: 'TenantCertificate', metadata: { namespace: this.namespace, name }, spec: { issuer: { kind: 'Secret', name: 'ca' }, commonName: name },
    } as TenantCertificate);
  }

  async listen(): Promise<void> {
    const now = new Date();
    const authority = await makeAuthority(now);
    this.#ca = authority.certificate;
    const { serving } = await signLeaf(authority, servingNames('webhook', 'test'), now);
    const mutation: PodMutation = {
      images: { nginx: 'nginx:test', node: 'node:test' },
      kubernetesVersion: () => 'v1.35.0', newProbeToken: () => '0'.repeat(32),
      certificate: (_namespace, name) => this.certificates.get(name),
      namespace: (name) => ({ metadata: { name } }),
      excludedNamespaces: [],
      recordEvent: (_owner, { reason }) => void this.events.push(reason),
      rememberOwner: (certificate, owner) => this.pending.add(certificate, owner),
    };
    const mutate = createMutate(mutation);
    const { log, metrics } = aRecorder();
    const app = buildAdmissionApp({
      mutate: (request) => {
        this.reviews.push(`${request.operation} ${request.kind.kind}`);
        return mutate(request);
      },
      log, metrics, notReadyBecause: () => [], tls: { serving },
    });
    await app.listen({ host: '127.0.0.1', port: this.#port });
    this.#port = (app.server.address() as AddressInfo).port;
    this.#close = async () => {
      app.server.closeAllConnections();
      await app.close();
    };
  }

  async register(): Promise<void> {
    const registration = buildRegistration({ name: this.#name, service: 'webhook', namespace: 'elsewhere' });
    const clientConfig = { url: `https://127.0.0.1:${this.#port}/mutate`, caBundle: Buffer.from(this.#ca).toString('base64') };
    const onlyHere = { key: 'kubernetes.io/metadata.name', operator: 'In', values: [this.namespace] };
    const webhooks = registration.webhooks.map((webhook) => {
      const kept = webhook.namespaceSelector.matchExpressions.filter(({ key, operator }) => operator === 'NotIn' && key !== ANNOTATION.inject);
      return { ...webhook, clientConfig, namespaceSelector: { matchExpressions: [...kept, onlyHere] } };
    });
    await this.cluster.admin.create(resources.MutatingWebhookConfiguration, { ...registration, webhooks } as KubeObject);
    await this.#learnt('Answered');
    this.reviews.length = 0;
  }

  /** The API server hears of registrations by a watch. */
  async #learnt(expected: SelfTestOutcome): Promise<void> {
    await eventually(async () => {
      const { outcome } = await testWebhook({ client: this.cluster.admin, namespace: this.namespace });
      assert.equal(outcome, expected);
    });
  }

  async unregister(): Promise<void> {
    await this.cluster.admin.delete(resources.MutatingWebhookConfiguration, { name: this.#name });
    await this.#learnt('NotCalled');
  }

  async die(): Promise<void> {
    await this.#close();
  }

  /**
   * The reviews of a kind while the action runs, each once: the API server asks again when another mutation followed ours, and when
   * somebody else changed the object at the same time. Controllers make pods at their own pace.
   */
  async reviewsOf(kind: string, action: () => Promise<unknown>): Promise<string[]> {
    this.reviews.length = 0;
    await action();
    return [...new Set(this.reviews.filter((review) => review.endsWith(` ${kind}`)))];
  }
}

const skip = missingCluster();

describe('match conditions', { skip }, () => {
  const cluster = skip === false ? connect() : undefined;
  let webhook: Webhook;
  let namespace: string;

  before(async () => {
    assert.ok(cluster !== undefined);
    namespace = await freshNamespace(cluster, 'webhook-match', OUT_OF_REACH);
    webhook = new Webhook(cluster, namespace);
    await webhook.listen();
    await webhook.register();
  });
  after(async () => {
    await webhook.unregister();
    await webhook.die();
  });

  const create = async <T extends KubeObject>(resource: Resource, object: T): Promise<T> => await webhook.cluster.admin.create(resource, object, DRY_RUN);

  it('calls it for a pod that asks, which then has the sidecar, and for no other pod', async () => {
    assert.deepEqual(await webhook.reviewsOf('Pod', async () => await create(resources.Pod, aPod(namespace))), []);
    assert.deepEqual(await webhook.reviewsOf('Pod', async () => await create(resources.Pod, aPod(namespace, { other: 'x' }))), []);
    assert.deepEqual(await webhook.reviewsOf('Pod', async () => await create(resources.Pod, aPod(namespace, { ...OPTED_IN, [ANNOTATION.inject]: 'false' }))), []);
    let pod: KubeObject = {};
    assert.deepEqual(await webhook.reviewsOf('Pod', async () => (pod = await create(resources.Pod, aPod(namespace, OPTED_IN)))), ['CREATE Pod']);
    const { initContainers } = (pod as { spec: { initContainers: { name: string }[] } }).spec;
    assert.equal(initContainers[0]?.name, SIDECAR.container);
  });

  it('injects a pod of 1.4 MiB, nearly as large as the API server stores', async () => {
    const annotations = { ...OPTED_IN, large: 'x'.repeat(250_000) };
    const pod = aPod(namespace, annotations) as KubeObject & { spec: { containers: object[] } };
    const env = Array.from({ length: 1200 }, (_, index) => ({ name: `SETTING_${index}`, value: 'y'.repeat(1000) }));
    const large = { ...pod, spec: { ...pod.spec, containers: pod.spec.containers.map((container) => Object.assign(container, { env })) } };
    assert.ok(JSON.stringify(large).length > 1.35 * 1024 * 1024);
    const { spec } = await create(resources.Pod, large as KubeObject) as { spec: { initContainers?: object[] } };
    assert.equal(spec.initContainers?.length, 1);
  });

  for (const kind of Object.keys(KINDS)) {
    const resource = resourceOf(kind);
    const carried = { ...OPTED_IN, [OWN_ANNOTATION.carried]: ANNOTATION.certificate };
    const controller = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'above', uid: '00000000-0000-4000-8000-000000000000', controller: true };

    const notCalled: Record<string, Omit<WorkloadOptions, 'namespace'>> = {
      'without annotations': {},
      'with annotations of others': { annotations: { other: 'x' }, template: { other: 'y' } },
      'whose annotations are carried': { annotations: OPTED_IN, template: carried },
      'whose template has its own': { template: { [ANNOTATION.certificate]: 'own' } },
      'whose template has its own, which win': { annotations: OPTED_IN, template: { [ANNOTATION.certificate]: 'own' } },
      'that names no certificate': { annotations: { [ANNOTATION.appPort]: '8080' } },
      'with a controller': { annotations: OPTED_IN, owner: controller },
    };
    for (const [name, options] of Object.entries(notCalled)) {
      it(`does not call it for a ${kind} ${name}`, async () => {
        assert.deepEqual(await webhook.reviewsOf(kind, async () => await create(resource, aWorkload(kind, { namespace, ...options }))), []);
      });
    }

    it(`calls it for a ${kind} whose annotations are not carried, and then no more`, async () => {
      let stored: Workload | undefined;
      const name = `${kind.toLowerCase()}-carried`;
      const admin = webhook.cluster.admin;
      const reviews = await webhook.reviewsOf(kind, async () => (stored = await admin.create(resource, aWorkload(kind, { namespace, name, annotations: { ...OPTED_IN, [ANNOTATION.appPort]: '8080' } }))));
      assert.deepEqual(reviews, [`CREATE ${kind}`]);
      assert.ok(stored !== undefined);
      const expected = { ...OPTED_IN, [ANNOTATION.appPort]: '8080', [OWN_ANNOTATION.carried]: `${ANNOTATION.appPort},${ANNOTATION.certificate}` };
      assert.deepEqual(templateOf(stored).metadata.annotations, expected);
      const touch = { metadata: { labels: { touched: 'yes' } } };
      assert.deepEqual(await webhook.reviewsOf(kind, async () => await admin.mergePatch(resource, { namespace, name }, touch)), []);
      assert.deepEqual(await webhook.reviewsOf(kind, async () => await admin.delete(resource, { namespace, name }, { propagationPolicy: 'Background' })), []);
    });

    if (kind === 'Job') continue;
    it(`calls it when the annotation of a ${kind} comes and goes`, async () => {
      const admin = webhook.cluster.admin;
      const name = `${kind.toLowerCase()}-changed`;
      const ref = { namespace, name };
      await admin.create(resource, aWorkload(kind, { namespace, name }));
      const annotate = async (value: string | null): Promise<Workload> => await admin.mergePatch<Workload>(resource, ref, { metadata: { annotations: { [ANNOTATION.certificate]: value } } });
      let after: Workload | undefined;
      assert.deepEqual(await webhook.reviewsOf(kind, async () => (after = await annotate('hello'))), [`UPDATE ${kind}`]);
      assert.deepEqual(templateOf(after ?? assert.fail()).metadata.annotations, carried);
      assert.deepEqual(await webhook.reviewsOf(kind, async () => (after = await annotate(null))), [`UPDATE ${kind}`]);
      assert.deepEqual(templateOf(after ?? assert.fail()).metadata.annotations, undefined);
      await admin.delete(resource, ref, { propagationPolicy: 'Background' });
    });
  }

  it('calls it exactly when carrying would change something, whatever the annotations are', async () => {
    const someKeys = [ANNOTATION.certificate, ANNOTATION.appPort, ANNOTATION.inject];
    const annotations = fc.dictionary(fc.constantFrom(...someKeys), fc.constantFrom('1', '2'), { noNullPrototype: true });
    const listed = fc.option(fc.oneof(fc.subarray(someKeys).map((keys) => keys.toSorted().join(',')), fc.constantFrom('', 'x', someKeys.join(','))), { nil: undefined });
    const cases = fc.record({ kind: fc.constantFrom('Deployment', 'CronJob'), annotations, template: annotations, listed });
    await fc.assert(
      fc.asyncProperty(cases, async ({ kind, annotations, template, listed }) => {
        const workload = aWorkload(kind, { namespace, annotations, template: { ...template, ...(listed === undefined ? {} : { [OWN_ANNOTATION.carried]: listed }) } });
        const reviews = await webhook.reviewsOf(kind, async () => await create(resourceOf(kind), workload));
        assert.deepEqual(reviews, carryAnnotations(workload as Parameters<typeof carryAnnotations>[0]) === workload ? [] : [`CREATE ${kind}`]);
      }),
      { numRuns: soaked(150) },
    );
  });

  it('carries every annotation that may be carried', async () => {
    const annotations = Object.fromEntries(CARRIED_KEYS.map((key) => [key, '1']));
    const stored = await create(resources.Deployment, aWorkload('Deployment', { namespace, annotations }));
    assert.deepEqual(templateOf(stored).metadata.annotations, { ...annotations, [OWN_ANNOTATION.carried]: CARRIED_KEYS.join(',') });
  });

  describe('where an annotation of ours does not exist', () => {
    const unknown = { 'tenant-mtls.dev/app-prt': '8080' };
    const warning = /299 - "tenant-mtls: the annotation \\"tenant-mtls\.dev\/app-prt\\" is not known and has no effect on a workload or pod; the nearest known one is tenant-mtls\.dev\/app-port"/;

    it('warns whoever makes a pod with it that opts in, and injects the pod', async () => {
      const { warnings, object } = await createWarned(resources.Pod, aPod(namespace, { ...OPTED_IN, ...unknown }));
      assert.match(warnings, warning);
      assert.equal(warnings.match(/is not known/g)?.length, 1);
      assert.equal((object as { spec: { initContainers?: object[] } }).spec.initContainers?.length, 1);
    });

    for (const kind of Object.keys(KINDS)) {
      it(`warns whoever applies a ${kind} with it that opts in`, async () => {
        assert.match((await createWarned(resourceOf(kind), aWorkload(kind, { namespace, annotations: { ...OPTED_IN, ...unknown } }))).warnings, warning);
      });
    }

    /** In a dry run, with the headers that the API client of the operator has no use for. */
    async function createWarned({ group, plural }: Resource, object: KubeObject): Promise<{ warnings: string; object: KubeObject }> {
      const options: Parameters<typeof https.request>[1] = {};
      const { kubeConfig } = webhook.cluster;
      await kubeConfig.applyToHTTPSOptions(options);
      const url = `${kubeConfig.getCurrentCluster()?.server}${group === '' ? '/api' : `/apis/${group}`}/v1/namespaces/${namespace}/${plural}?dryRun=All`;
      return await new Promise((resolve, reject) => {
        const request = https.request(url, { ...options, method: 'POST', headers: { ...options.headers, 'content-type': 'application/json' } }, (response) => {
          let body = '';
          response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
          response.on('end', () => resolve({ warnings: response.rawHeaders.filter((_, index, all) => all[index - 1]?.toLowerCase() === 'warning').join('\n'), object: JSON.parse(body) as KubeObject }));
        });
        request.on('error', reject).end(JSON.stringify(object));
      });
    }
  });

  it('refuses to add a container to a pod with a sidecar that could reach its private key, and no other', async () => {
    const { admin } = webhook.cluster;
    const injected = await admin.create(resources.Pod, aPod(namespace, OPTED_IN));
    const plain = await admin.create(resources.Pod, aPod(namespace));
    const debug = async ({ metadata }: KubeObject, name: string, fields: object): Promise<KubeObject> => {
      const ephemeralContainers = [{ name, image: IMAGE, imagePullPolicy: 'Never', ...fields }];
      const query = { fieldManager: `debug-${name}`, dryRun: 'All' };
      return await admin.mergePatch(resources.Pod, { namespace, name: metadata?.name ?? '' }, { spec: { ephemeralContainers } }, { subresource: 'ephemeralcontainers', query });
    };
    const mount = { volumeMounts: [{ name: 'tenant-mtls', mountPath: '/x' }] };
    await assert.rejects(debug(injected, 'thief', mount), /tenant-mtls: ephemeral container "thief" mounts the sidecar's volume tenant-mtls/);
    await assert.rejects(debug(injected, 'twin', { securityContext: { runAsUser: 65_533 } }), /runs as user 65533/);
    await assert.rejects(debug(injected, 'root', { targetContainerName: 'tls-sidecar' }), /could read its private key/);
    await debug(injected, 'fine', { targetContainerName: 'app' });
    assert.deepEqual(await webhook.reviewsOf('Pod', async () => await debug(plain, 'twin', { securityContext: { runAsUser: 65_533 } })), []);
    for (const { metadata } of [injected, plain]) await admin.delete(resources.Pod, { namespace, name: metadata?.name ?? '' });
  });

  it('calls it for the pod of the self-test in a dry run only', async () => {
    const pod = { ...aPod(namespace), metadata: { namespace, name: SELF_TEST_POD } };
    assert.deepEqual(await webhook.reviewsOf('Pod', async () => await create(resources.Pod, pod)), ['CREATE Pod']);
    assert.deepEqual(await webhook.reviewsOf('Pod', async () => await webhook.cluster.admin.create(resources.Pod, pod)), []);
    await webhook.cluster.admin.delete(resources.Pod, { namespace, name: SELF_TEST_POD });
  });
});

describe('without the webhook', { skip }, () => {
  const cluster = skip === false ? connect() : undefined;
  let webhook: Webhook;
  let namespace: string;

  before(async () => {
    assert.ok(cluster !== undefined);
    namespace = await freshNamespace(cluster, 'webhook-dead', OUT_OF_REACH);
    webhook = new Webhook(cluster, namespace);
    await webhook.listen();
    await webhook.register();
    await cluster.admin.create(resources.Deployment, aWorkload('Deployment', { namespace, name: 'opted-in', annotations: OPTED_IN }));
    await webhook.die();
  });
  after(async () => await webhook.unregister());

  it('creates, changes and deletes pods and workloads that have not opted in', async () => {
    const { admin } = webhook.cluster;
    await admin.create(resources.Pod, { ...aPod(namespace), metadata: { namespace, name: 'plain' } });
    await admin.mergePatch(resources.Pod, { namespace, name: 'plain' }, { metadata: { labels: { touched: 'yes' } } });
    await admin.delete(resources.Pod, { namespace, name: 'plain' });
    for (const kind of Object.keys(KINDS)) {
      const ref = { namespace, name: 'plain' };
      await admin.create(resourceOf(kind), aWorkload(kind, ref));
      await admin.mergePatch(resourceOf(kind), ref, { metadata: { labels: { touched: 'yes' } } });
      await admin.delete(resourceOf(kind), ref, { propagationPolicy: 'Background' });
    }
  });

  it('scales, changes and deletes a workload that had opted in before', async () => {
    const { admin } = webhook.cluster;
    const ref = { namespace, name: 'opted-in' };
    await admin.mergePatch(resources.Deployment, ref, { spec: { replicas: 1 } });
    await admin.mergePatch(resources.Deployment, ref, { spec: { template: { metadata: { labels: { version: '2' } } } } });
    await admin.delete(resources.Deployment, ref, { propagationPolicy: 'Background' });
  });

  it('refuses a pod that asks for a sidecar, and says who did not answer; and creates it when it is back', async () => {
    const { admin } = webhook.cluster;
    await assert.rejects(admin.create(resources.Pod, aPod(namespace, OPTED_IN), DRY_RUN), /failed calling webhook "pods.tenant-mtls.dev".*connection refused/s);
    assert.equal((await testWebhook({ client: admin, namespace })).outcome, 'Unreachable');
    await webhook.listen();
    // Its certificate is a new one, and the registration trusts the old one.
    await webhook.unregister();
    await webhook.register();
    await admin.create(resources.Pod, aPod(namespace, OPTED_IN), DRY_RUN);
    await webhook.die();
  });
});

describe('owners of refused pods', { skip }, () => {
  const cluster = skip === false ? connect() : undefined;
  let webhook: Webhook;
  let namespace: string;

  before(async () => {
    assert.ok(cluster !== undefined);
    namespace = await freshNamespace(cluster, 'webhook-owners', OUT_OF_REACH);
    webhook = new Webhook(cluster, namespace);
    await webhook.listen();
    await webhook.register();
  });
  after(async () => {
    await webhook.unregister();
    await webhook.die();
  });

  const pods = async (): Promise<number> => (await webhook.cluster.admin.list(resources.Pod, { namespace })).items.filter(({ metadata }) => metadata?.generateName?.startsWith('early-')).length;

  it('leaves no ReplicaSets behind when a Deployment was annotated before the webhook was there, scaled and rolled back', async () => {
    const { admin } = webhook.cluster;
    await webhook.unregister();
    const ref = { namespace, name: 'trap' };
    const replicaSets = async () => (await admin.list<KubeObject & { spec: { template: Template } }>(resources.ReplicaSet, { namespace })).items;
    await admin.create(resources.Deployment, aWorkload('Deployment', { ...ref, annotations: OPTED_IN }));
    await eventually(async () => assert.equal((await replicaSets()).length, 1));
    await webhook.register();
    await admin.mergePatch(resources.Deployment, ref, { spec: { replicas: 1 } });
    await eventually(async () => assert.equal((await replicaSets()).length, 2));
    await admin.mergePatch(resources.Deployment, ref, { spec: { replicas: 0 } });
    // Back to the template of the first ReplicaSet: kubectl rollout undo.
    const first = (await replicaSets()).find(({ metadata }) => metadata?.annotations?.['deployment.kubernetes.io/revision'] === '1') ?? assert.fail();
    const { spec, metadata } = first.spec.template;
    const { 'pod-template-hash': _, ...labels } = metadata.labels as Record<string, string>;
    await admin.jsonPatch(resources.Deployment, ref, [{ op: 'replace', path: '/spec/template', value: { metadata: { ...metadata, labels }, spec } }]);
    await eventually(async () => {
      const { status, metadata } = await admin.get<KubeObject & { status: { observedGeneration: number } }>(resources.Deployment, ref);
      assert.equal(status.observedGeneration, metadata?.generation);
    });
    assert.equal((await replicaSets()).length, 2);
    await admin.delete(resources.Deployment, ref, { propagationPolicy: 'Background' });
  });

  for (const kind of ['StatefulSet', 'DaemonSet', 'Job']) {
    it(`may annotate a ${kind} through its status, too`, async () => {
      const { admin } = webhook.cluster;
      const ref = { namespace, name: 'nudged' };
      const { metadata } = await admin.create(resourceOf(kind), aWorkload(kind, ref));
      const reference = { apiVersion: `${resourceOf(kind).group}/v1`, kind, name: ref.name, uid: metadata?.uid ?? '' };
      await nudgeOwners({ client: admin, log: aRecorder().log, now: () => 0 }, [{ namespace, reference }]);
      const after = await admin.get(resourceOf(kind), ref);
      assert.equal(after.metadata?.annotations?.[NUDGED_ANNOTATION], '1970-01-01T00:00:00.000Z');
      await admin.delete(resourceOf(kind), ref, { propagationPolicy: 'Background' });
    });
  }

  it('makes a ReplicaSet try again at once when its certificate appears', async () => {
    const { admin } = webhook.cluster;
    webhook.reviews.length = 0;
    const deployment = aWorkload('Deployment', { namespace, name: 'early', annotations: { [ANNOTATION.certificate]: 'later' } });
    await admin.create(resources.Deployment, { ...deployment, spec: { ...deployment.spec, replicas: 1 } } as Workload);
    await eventually(() => assert.ok(webhook.events.includes('CertificateNotFound')));
    // By now the controller waits for five seconds, and longer each time.
    await eventually(() => assert.ok(webhook.reviews.filter((review) => review === 'CREATE Pod').length >= 10), { timeoutMs: 20_000 });
    assert.equal(await pods(), 0);
    webhook.addCertificate('later');
    const owners = webhook.pending.take({ namespace, name: 'later' });
    assert.deepEqual(owners.map(({ reference }) => reference.kind), ['ReplicaSet']);
    const startedAt = performance.now();
    await nudgeOwners({ client: admin, log: aRecorder().log, now: Date.now }, owners);
    await eventually(async () => assert.equal(await pods(), 1), { timeoutMs: 1500 });
    assert.ok(performance.now() - startedAt < 2000);
    await admin.delete(resources.Deployment, { namespace, name: 'early' }, { propagationPolicy: 'Background' });
  });
});
