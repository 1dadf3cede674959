// Injection among other mutating webhooks, on the real API server: before ours, after ours, and called again (reinvocationPolicy IfNeeded).
import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { Server } from 'node:https';
import { text } from 'node:stream/consumers';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { makeAuthority, servingNames, signLeaf } from '../../src/admission/webhook-authority.ts';
import { createJsonPatch } from '../../src/injection/json-patch.ts';
import type { Container, Pod, PodSpec } from '../../src/injection/pod.ts';
import { uninject } from '../../src/injection/uninject.ts';
import type { KubeObject } from '../../src/kube/object.ts';
import { resources } from '../../src/kube/resources.ts';
import { aContainer, aPod, injected } from '../injection/builders.ts';
import { connect, eventually, freshNamespace, missingCluster } from '../support/cluster.ts';

const TOKEN = '/var/run/secrets/kubernetes.io/serviceaccount';

type Mutation = (pod: Pod) => Pod;

const changeSpec = (pod: Pod, change: (spec: PodSpec) => Partial<PodSpec>): Pod => {
  const spec = pod.spec ?? { containers: [] };
  return { ...pod, spec: { ...spec, ...change(spec) } };
};

/** Adds an init container in front of all others and an app container behind them, once. */
const surround = (name: string): Mutation => (pod) =>
  changeSpec(pod, ({ initContainers, containers }) => (containers.some((each) => each.name === name) ? {} : {
    initContainers: [{ name: `${name}-init`, image: 'x' }, ...(initContainers ?? [])],
    containers: [...containers, { name, image: 'x' }],
  }));

/** Gives every container a variable, ours too, as platform webhooks do. */
const decorate: Mutation = (pod) => {
  const add = (container: Container): Container => {
    const env = container.env ?? [];
    return env.some(({ name }) => name === 'REGION') ? container : Object.assign({}, container, { env: [...env, { name: 'REGION', value: 'eu' }] });
  };
  return changeSpec(pod, ({ initContainers, containers }) => ({ initContainers: (initContainers ?? []).map(add), containers: containers.map(add) }));
};

describe('injection among other webhooks', { skip: missingCluster() }, () => {
  const calls: string[] = [];
  const mutations: Readonly<Record<string, Mutation>> = { before: surround('before'), injection: (pod) => injected(pod), decorate, later: surround('later') };
  const configurations: string[] = [];
  let cluster: ReturnType<typeof connect>;
  let server: Server;
  let namespace = '';
  let caBundle = '';

  before(async () => {
    cluster = connect();
    namespace = await freshNamespace(cluster, 'reinvocation', { 'tenant-mtls.dev/inject': 'false' });
    const authority = await makeAuthority(new Date());
    const { serving } = await signLeaf(authority, servingNames('webhook', 'test'), new Date());
    caBundle = Buffer.from(authority.certificate).toString('base64');
    server = createServer({ cert: serving.certificate, key: serving.key }, (request, response) => void answer(request, response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    await eventually(() => cluster.admin.get(resources.ServiceAccount, { namespace, name: 'default' }));
  });
  after(async () => {
    for (const name of configurations) await cluster.admin.delete(resources.MutatingWebhookConfiguration, { name });
    server.closeAllConnections();
    server.close();
    await cluster.close();
  });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { request: { uid, object } } = JSON.parse(await text(request)) as { request: { uid: string; object: Pod } };
    const name = request.url?.slice(1).split('?')[0] ?? '';
    calls.push(name);
    const patch = Buffer.from(JSON.stringify(createJsonPatch(object, mutations[name]?.(object)))).toString('base64');
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: { uid, allowed: true, patchType: 'JSONPatch', patch } }));
  }

  const create = async (): Promise<Pod> => {
    const pod = aPod({ containers: [aContainer({ livenessProbe: { httpGet: { path: '/healthz', port: 8080 } } })] }, { namespace, annotations: { 'tenant-mtls.dev/rewrite-probes': 'true' } });
    return (await cluster.admin.create(resources.Pod, pod as KubeObject, { query: { dryRun: 'All' } })) as Pod;
  };

  /** Webhooks are called in the order of their configurations' names. */
  async function register(...order: string[]): Promise<void> {
    const name = `${namespace}-${order.join('-')}`;
    const webhooks = order.map((mutation, index) => ({
      name: `${index}.${mutation}.test.example`,
      clientConfig: { url: `https://127.0.0.1:${(server.address() as AddressInfo).port}/${mutation}`, caBundle },
      rules: [{ apiGroups: [''], apiVersions: ['v1'], resources: ['pods'], operations: ['CREATE'] }],
      namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
      sideEffects: 'None', admissionReviewVersions: ['v1'], reinvocationPolicy: 'IfNeeded', failurePolicy: 'Fail', timeoutSeconds: 5,
    }));
    for (const old of configurations.splice(0)) await cluster.admin.delete(resources.MutatingWebhookConfiguration, { name: old });
    configurations.push(name);
    await cluster.admin.create(resources.MutatingWebhookConfiguration, { apiVersion: 'admissionregistration.k8s.io/v1', kind: 'MutatingWebhookConfiguration', metadata: { name }, webhooks } as KubeObject);
    await eventually(async () => {
      calls.length = 0;
      await create();
      assert.deepEqual([...new Set(calls)], order);
    });
  }

  const names = ({ spec }: Pod) => ({ init: spec?.initContainers?.map(({ name }) => name), app: spec?.containers.map(({ name }) => name) });

  for (const order of [['before', 'injection'], ['injection', 'later'], ['before', 'injection', 'decorate', 'later']]) {
    it(`goes well in the order ${order.join(', ')}`, async () => {
      await register(...order);
      calls.length = 0;
      const pod = await create();
      assert.deepEqual(createJsonPatch(pod, injected(pod)), []);
      const others = order.filter((name) => name === 'before' || name === 'later');
      assert.deepEqual(new Set(names(pod).init), new Set(['tls-sidecar', ...others.map((name) => `${name}-init`)]));
      assert.deepEqual(names(pod).app, ['app', ...others]);
      assert.deepEqual(uninject(pod).spec?.containers[0]?.livenessProbe?.httpGet, { path: '/healthz', port: 8080, scheme: 'HTTP' });
      if (order.at(-1) !== 'injection') assert.ok(calls.filter((name) => name === 'injection').length === 2, calls.join(', '));
    });
  }

  it('is asked for one review only when it is alone: the API server has no token to mount in the sidecar, and does mount it in the app', async () => {
    await register('injection');
    calls.length = 0;
    const pod = await create();
    assert.deepEqual(calls, ['injection']);
    const mounts = ({ volumeMounts = [] }: Container) => volumeMounts.filter(({ mountPath }) => mountPath === TOKEN).map(({ name }) => name.replace(/-[a-z0-9]+$/, ''));
    assert.deepEqual(pod.spec?.initContainers?.map(mounts), [['tenant-mtls']]);
    assert.deepEqual(pod.spec?.containers.map(mounts), [['kube-api-access']]);
  });

  it('is first of the init containers again when another went before it later, and keeps what was added to it', async () => {
    await register('before', 'injection', 'decorate', 'later');
    const pod = await create();
    assert.equal(names(pod).init?.[0], 'tls-sidecar');
    const sidecar = pod.spec?.initContainers?.[0];
    assert.equal(sidecar?.env?.filter(({ name }) => name === 'REGION').length, 1);
    assert.deepEqual(sidecar?.volumeMounts?.filter(({ mountPath }) => mountPath === TOKEN).map(({ name }) => name), ['tenant-mtls-run']);
  });
});
