// The servers that the admission benchmarks ask, each a process of its own: the webhook as the operator runs it, and bare node:https
// servers that do a part of its work. `node admission-servers.ts ROLE` serves; the certificate comes over IPC and the port goes back.
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { buildAdmissionApp } from '../../src/admission/admission-app.ts';
import type { ServingCertificate } from '../../src/admission/admission-server.ts';
import { createMutate } from '../../src/admission/mutate.ts';
import { makeAuthority, servingNames, signLeaf } from '../../src/admission/webhook-authority.ts';
import { ANNOTATION } from '../../src/api/names.ts';
import type { TenantCertificate } from '../../src/api/tenant-certificate.ts';
import type { KubeObject } from '../../src/kube/object.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';

/**
 * webhook: ours. bare: parses the review and answers a constant of the same size. blind: does not even look at it.
 * allowing: allows and changes nothing. labelling: adds one label. patching: answers the very patch that ours makes of `aPod`.
 */
export type Role = 'webhook' | 'bare' | 'blind' | 'allowing' | 'labelling' | 'patching';

const certificate = { metadata: { namespace: 'shop', name: 'hello' }, spec: { issuer: { kind: 'Secret', name: 'ca' }, commonName: 'hello' } } as TenantCertificate;

/** A pod as controllers make them, padded to a review of 16 KB. */
export function aPod(metadata: object): KubeObject {
  const env = Array.from({ length: 75 }, (_, index) => ({ name: `SETTING_${index}`, value: `https://service-${index}.shop.svc.cluster.local:8443/path/${'x'.repeat(20)}` }));
  const volumeMounts = [{ name: 'data', mountPath: '/data' }];
  const ports = [{ containerPort: 8080 }];
  const containers = [{ name: 'app', image: 'registry.example/shop/app:1.2.3', env, volumeMounts, ports }, { name: 'worker', image: 'registry.example/shop/worker:1.2.3', env, volumeMounts }];
  return { apiVersion: 'v1', kind: 'Pod', metadata: { ...metadata, annotations: { [ANNOTATION.certificate]: 'hello' } }, spec: { containers, volumes: [{ name: 'data', emptyDir: {} }] } } as KubeObject;
}

export function aReview(): string {
  const object = aPod({ generateName: 'hello-5d8f-', labels: { app: 'hello' } });
  const request = { uid: 'b5a1c1e2-0000-4000-8000-000000000001', kind: { group: '', version: 'v1', kind: 'Pod' }, operation: 'CREATE', namespace: 'shop', userInfo: { username: 'system:serviceaccount:kube-system:replicaset-controller' }, object, oldObject: null, dryRun: false };
  return JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request });
}

/** A CA of its own and a leaf for localhost, as the operator makes them for itself. */
export async function makeEnds(): Promise<{ ca: string; serving: ServingCertificate }> {
  const now = new Date();
  const authority = await makeAuthority(now);
  const { serving } = await signLeaf(authority, servingNames('webhook', 'bench'), now);
  return { ca: authority.certificate, serving };
}

export async function startServer(role: Role, serving: ServingCertificate): Promise<{ child: ChildProcess; port: number }> {
  const child = fork(new URL(import.meta.url), [role], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  child.send(serving);
  const [{ port }] = (await once(child, 'message')) as [{ port: number }];
  return { child, port };
}

function webhookMutate() {
  return createMutate({
    images: { nginx: 'nginx:bench', node: 'node:bench' }, kubernetesVersion: () => 'v1.35.4', newProbeToken: () => randomBytes(16).toString('hex'), certificate: () => certificate,
    namespace: (name) => ({ metadata: { name } }), excludedNamespaces: [], recordEvent: () => {}, rememberOwner: () => {},
  });
}

async function serve(role: Role, serving: ServingCertificate): Promise<void> {
  const port = role === 'webhook' ? await serveWebhook(serving) : await serveBare(serving, await answersOf(role));
  process.send?.({ port });
}

async function answersOf(role: Exclude<Role, 'webhook'>): Promise<(body: Buffer) => string> {
  switch (role) {
    case 'bare': return answerParsed;
    case 'blind': return () => CONSTANT;
    case 'allowing': return (body) => answerUid(body, {});
    case 'labelling': return (body) => answerUid(body, { patchType: 'JSONPatch', patch: Buffer.from(JSON.stringify([{ op: 'add', path: '/metadata/labels/bench', value: 'yes' }])).toString('base64') });
    case 'patching': {
      const patch = await ourPatch();
      return (body) => answerUid(body, patch);
    }
  }
}

async function serveWebhook(serving: ServingCertificate): Promise<number> {
  const app = buildAdmissionApp({ mutate: webhookMutate(), log: createLogger('warn'), metrics: createMetrics(), notReadyBecause: () => [], tls: { serving } });
  await app.listen({ host: '127.0.0.1', port: 0 });
  return (app.server.address() as AddressInfo).port;
}

const RESPONSE = { uid: 'b5a1c1e2-0000-4000-8000-000000000001', allowed: true, patchType: 'JSONPatch', patch: 'W10='.repeat(1600) };
const CONSTANT = JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: RESPONSE });

function answerParsed(body: Buffer): string {
  const { request } = JSON.parse(body.toString()) as { request: { uid: string } };
  return JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: { ...RESPONSE, uid: request.uid } });
}

/** What our webhook answers to this very pod. */
export async function ourPatch(): Promise<{ patchType: string; patch: string }> {
  const app = buildAdmissionApp({ mutate: webhookMutate(), log: createLogger('warn'), metrics: createMetrics(), notReadyBecause: () => [] });
  const answer = await app.inject({ method: 'POST', url: '/mutate', headers: { 'content-type': 'application/json' }, payload: aReview() });
  await app.close();
  const { patchType, patch } = answer.json<{ response: { patchType: string; patch: string } }>().response;
  return { patchType, patch };
}

/** Looks for the uid alone, which the API server compares. */
function answerUid(body: Buffer, response: object): string {
  const uid = /"uid":"([^"]+)"/.exec(body.toString('latin1', 0, 400))?.[1];
  return JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: { uid, allowed: true, ...response } });
}

async function serveBare({ certificate: cert, key }: ServingCertificate, answer: (body: Buffer) => string): Promise<number> {
  // As long as the webhook's: connections wait while the other servers have their turn.
  const server = createServer({ cert, key, keepAliveTimeout: 120_000 }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const text = answer(Buffer.concat(chunks));
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }).end(text);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

const [, script, role] = process.argv;
if (script === new URL(import.meta.url).pathname) process.once('message', (serving) => void serve(role as Role, serving as ServingCertificate));
