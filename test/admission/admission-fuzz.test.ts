// Whatever arrives: a review by a review with its uid, anything else by a clean 4xx, and the next review is answered as ever.
import assert from 'node:assert/strict';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { createMutate } from '../../src/admission/mutate.ts';
import type { PodMutation } from '../../src/admission/mutate-pod.ts';
import { ANNOTATION } from '../../src/api/names.ts';
import type { TenantCertificate } from '../../src/api/tenant-certificate.ts';
import { anApp, aRequest, aReview } from './fixtures.ts';
import { soaked } from '../support/soak.ts';

const RUNS = 300;

const MUTATION: PodMutation = {
  images: { nginx: 'nginx:test', node: 'node:test' },
  kubernetesVersion: () => 'v1.35.4', newProbeToken: () => '0'.repeat(32),
  certificate: (namespace, name) => (name === 'hello' ? ({ metadata: { namespace, name }, spec: { issuer: { kind: 'Secret', name: 'ca' }, commonName: 'hello' } } as TenantCertificate) : undefined),
  namespace: (name) => ({ metadata: { name } }),
  excludedNamespaces: [], recordEvent: () => {},
  rememberOwner: () => {},
};

const app = () => anApp({ mutate: createMutate(MUTATION) }).app;
const HEADERS = { 'content-type': 'application/json' };

interface Answer { apiVersion?: string; kind?: string; response?: { uid?: string; allowed?: boolean; patch?: string; status?: { message?: string } } }

function assertAnswered(response: { statusCode: number; body: string; json: () => unknown }, uid: string): void {
  assert.equal(response.statusCode, 200, response.body);
  const { apiVersion, kind, response: answer } = response.json() as Answer;
  assert.deepEqual([apiVersion, kind, answer?.uid, typeof answer?.allowed], ['admission.k8s.io/v1', 'AdmissionReview', uid, 'boolean']);
  assert.ok(answer?.allowed === true || (answer?.status?.message ?? '') !== '');
}

/** Half of what is drawn keeps the shape of a value, the other half is anything. */
const almost = (value: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> => fc.oneof({ weight: 3, arbitrary: value }, { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2 }) });

const ports = almost(fc.array(almost(fc.record({ containerPort: almost(fc.integer({ min: -1, max: 70_000 })), name: almost(fc.string()), hostPort: almost(fc.nat(3)) }, { requiredKeys: [] })), { maxLength: 3 }));
const probe = almost(fc.record({ httpGet: almost(fc.record({ port: almost(fc.oneof(fc.nat(), fc.string())), path: almost(fc.string()) }, { requiredKeys: [] })) }, { requiredKeys: [] }));
const container = almost(fc.record({ name: almost(fc.string()), image: almost(fc.string()), ports, livenessProbe: probe, volumeMounts: almost(fc.array(almost(fc.constant({ name: 'tenant-mtls', mountPath: '/x' })), { maxLength: 2 })), securityContext: almost(fc.constant({ runAsUser: 65_533 })) }, { requiredKeys: [] }));
const annotations = almost(fc.dictionary(fc.constantFrom(...Object.values(ANNOTATION), 'other', '__proto__'), almost(fc.oneof(fc.constantFrom('hello', 'true', 'false', '8080', '$(X)'), fc.string())), { noNullPrototype: true }));
const metadata = fc.record({ name: almost(fc.string()), annotations, labels: annotations, ownerReferences: almost(fc.array(almost(fc.constant({ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'x', uid: 'u', controller: true })), { maxLength: 2 })) }, { requiredKeys: [] });
const pod = fc.record({ metadata, spec: almost(fc.record({ containers: almost(fc.array(container, { maxLength: 3 })), initContainers: almost(fc.array(container, { maxLength: 2 })), volumes: almost(fc.array(almost(fc.constant({ name: 'v' })), { maxLength: 2 })), hostNetwork: almost(fc.boolean()) }, { requiredKeys: [] })) }, { requiredKeys: [] });
const workload = fc.record({ kind: fc.constantFrom('Deployment', 'CronJob', 'Job'), metadata, spec: almost(fc.record({ template: almost(pod), jobTemplate: almost(fc.record({ spec: almost(fc.record({ template: almost(pod) })) })) }, { requiredKeys: [] })) }, { requiredKeys: ['kind'] });

describe('the HTTP surface', () => {
  it('answers any pod and any workload by a review, however malformed', async () => {
    const target = app();
    const kinds = { Pod: { group: '', version: 'v1', kind: 'Pod' }, Deployment: { group: 'apps', version: 'v1', kind: 'Deployment' }, CronJob: { group: 'batch', version: 'v1', kind: 'CronJob' }, Job: { group: 'batch', version: 'v1', kind: 'Job' } };
    const objects = fc.oneof(pod.map((object) => ({ kind: kinds.Pod, object })), workload.map((object) => ({ kind: kinds[object.kind as keyof typeof kinds], object })));
    await fc.assert(
      fc.asyncProperty(objects, fc.constantFrom('CREATE', 'UPDATE', 'DELETE', 'CONNECT'), async (request, operation) => {
        const response = await target.inject({ method: 'POST', url: '/mutate', headers: HEADERS, payload: JSON.stringify(aReview({ ...request, operation })) });
        assertAnswered(response, String(aRequest()['uid']));
      }),
      { numRuns: soaked(RUNS * 3) },
    );
  });

  it('answers any JSON by 200 or 400, and never by an error of its own', async () => {
    const target = app();
    const review = fc.record({ apiVersion: almost(fc.constant('admission.k8s.io/v1')), kind: almost(fc.constant('AdmissionReview')), request: almost(fc.record({ uid: almost(fc.string()), operation: almost(fc.constant('CREATE')), kind: almost(fc.constant({ group: '', kind: 'Pod' })), object: almost(pod) }, { requiredKeys: [] })) }, { requiredKeys: [] });
    await fc.assert(
      fc.asyncProperty(almost(review), async (body) => {
        const response = await target.inject({ method: 'POST', url: '/mutate', headers: HEADERS, payload: JSON.stringify(body) });
        if (response.statusCode !== 400) assertAnswered(response, (body as { request: { uid: string } }).request.uid);
      }),
      { numRuns: soaked(RUNS) },
    );
  });

  it('answers any method, path, content type and body by a 4xx', async () => {
    const target = app();
    const request = fc.record({
      method: fc.constantFrom('GET' as const, 'POST' as const, 'PUT' as const, 'DELETE' as const, 'HEAD' as const, 'OPTIONS' as const, 'PATCH' as const),
      url: fc.oneof(fc.constant('/mutate'), fc.webPath().filter((path) => path.startsWith('/')), fc.string().map((text) => `/${encodeURIComponent(text)}`), fc.constantFrom('/mutate/', '/mutate%00', '/%ff', '//', '/../mutate')),
      type: fc.oneof(fc.constantFrom('application/json', 'application/json; charset=utf-8', 'text/plain', 'multipart/form-data', 'application/yaml', ''), fc.string({ unit: fc.constantFrom('a', '/', ';', '=', '*', ' ') })),
      payload: fc.oneof(fc.string(), fc.uint8Array().map((bytes) => Buffer.from(bytes))),
    });
    await fc.assert(
      fc.asyncProperty(request, async ({ method, url, type, payload }) => {
        const response = await target.inject({ method, url, headers: { 'content-type': type }, payload });
        const isHealth = ['/healthz', '/readyz'].includes(url);
        assert.ok(isHealth || (response.statusCode >= 400 && response.statusCode < 500), `${method} ${url} ${type}: ${response.statusCode}`);
      }),
      { numRuns: soaked(RUNS) },
    );
  });

  it('survives bytes that are no HTTP', async () => {
    const target = app();
    await target.listen({ host: '127.0.0.1', port: 0 });
    const { port } = target.server.address() as AddressInfo;
    const pieces = fc.array(fc.oneof(fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes)), fc.constantFrom('POST /mutate HTTP/1.1\r\n', 'Content-Length: 5\r\n', 'Content-Length: -1\r\n', 'Transfer-Encoding: chunked\r\n', 'Host: x\r\n', '\r\n', 'zz\r\n', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n').map((text) => Buffer.from(text))), { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(pieces, async (parts) => {
        const socket = connect(port, '127.0.0.1');
        const { promise: closed, resolve } = Promise.withResolvers<void>();
        socket.on('close', () => resolve());
        socket.on('error', () => {});
        socket.resume();
        socket.end(Buffer.concat(parts));
        await closed;
      }),
      { numRuns: soaked(RUNS) },
    );
    assertAnswered(await target.inject({ method: 'POST', url: '/mutate', headers: HEADERS, payload: aReview() }), String(aRequest()['uid']));
  });
});
