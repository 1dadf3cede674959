// The admission webhook alone, beside a bare node:https server that parses the same reviews and answers a constant patch, and one that
// does not even look at them; then creating pods with dryRun through the API server, with and without the webhook. Blocks alternate
// within one run: only ratios are compared.
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { cpus } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { buildAdmissionApp } from '../../src/admission/admission-app.ts';
import type { ServingCertificate } from '../../src/admission/admission-server.ts';
import { createMutate } from '../../src/admission/mutate.ts';
import { makeAuthority, servingNames, signLeaf } from '../../src/admission/webhook-authority.ts';
import { buildRegistration } from '../../src/admission/webhook-configuration.ts';
import { ANNOTATION } from '../../src/api/names.ts';
import type { TenantCertificate } from '../../src/api/tenant-certificate.ts';
import { ApiClient } from '../../src/kube/api-client.ts';
import type { KubeObject } from '../../src/kube/object.ts';
import { resources } from '../../src/kube/resources.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { KubeConfig } from '@kubernetes/client-node';
import { kubeConfigPath, missingCluster } from '../../test/support/cluster.ts';
import { median, printTable, quantile, residentMiB, startMeasuring } from './machine-load.ts';

const BLOCKS = Number(process.env['BLOCKS'] ?? 5);
const BLOCK_MS = Number(process.env['BLOCK_MS'] ?? 3000);
const REVIEWS = Number(process.env['REVIEWS'] ?? 100_000);
const CONNECTIONS = 8;
const PACE_PER_SECOND = 1000;
const NAMES = ['webhook', 'bare', 'blind'] as const;
type Name = (typeof NAMES)[number];

const certificate = { metadata: { namespace: 'shop', name: 'hello' }, spec: { issuer: { kind: 'Secret', name: 'ca' }, commonName: 'hello' } } as TenantCertificate;

/** A pod as controllers make them, padded to a review of 16 KB. */
function aPod(metadata: object): KubeObject {
  const env = Array.from({ length: 75 }, (_, index) => ({ name: `SETTING_${index}`, value: `https://service-${index}.shop.svc.cluster.local:8443/path/${'x'.repeat(20)}` }));
  const volumeMounts = [{ name: 'data', mountPath: '/data' }];
  const ports = [{ containerPort: 8080 }];
  const containers = [{ name: 'app', image: 'registry.example/shop/app:1.2.3', env, volumeMounts, ports }, { name: 'worker', image: 'registry.example/shop/worker:1.2.3', env, volumeMounts }];
  return { apiVersion: 'v1', kind: 'Pod', metadata: { ...metadata, annotations: { [ANNOTATION.certificate]: 'hello' } }, spec: { containers, volumes: [{ name: 'data', emptyDir: {} }] } } as KubeObject;
}

function aReview(): string {
  const object = aPod({ generateName: 'hello-5d8f-', labels: { app: 'hello' } });
  const request = { uid: 'b5a1c1e2-0000-4000-8000-000000000001', kind: { group: '', version: 'v1', kind: 'Pod' }, operation: 'CREATE', namespace: 'shop', userInfo: { username: 'system:serviceaccount:kube-system:replicaset-controller' }, object, oldObject: null, dryRun: false };
  return JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request });
}

function webhookMutate() {
  return createMutate({
    images: { nginx: 'nginx:bench', node: 'node:bench' }, kubernetesVersion: () => 'v1.35.4', newProbeToken: () => randomBytes(16).toString('hex'), certificate: () => certificate,
    namespace: (name) => ({ metadata: { name } }), excludedNamespaces: [], recordEvent: () => {}, rememberOwner: () => {},
  });
}

/** In a process of its own: the webhook as the operator runs it, metrics and log lines (to nowhere) included. */
async function serve(name: Name, serving: ServingCertificate): Promise<void> {
  const port = name === 'webhook' ? await serveWebhook(serving) : await serveBare(serving, name === 'bare' ? answerParsed : () => CONSTANT);
  process.send?.({ port });
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

interface Target {
  readonly child: ChildProcess;
  readonly connections: Connection[];
}

async function start(name: Name, { ca, serving }: { ca: string; serving: ServingCertificate }): Promise<Target> {
  const child = fork(new URL(import.meta.url), ['serve', name], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  child.send(serving);
  const [{ port }] = (await once(child, 'message')) as [{ port: number }];
  const connections = await Promise.all(Array.from({ length: CONNECTIONS }, async () => await Connection.open(port, ca)));
  return { child, connections };
}

/** One keep-alive connection, one request at a time; the thinnest client there is, so that the server is what is measured. */
class Connection {
  readonly #socket: TLSSocket;
  #answered: (() => void) | undefined;
  #missing = -1;
  isBusy = false;

  constructor(socket: TLSSocket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('close', () => { throw new Error('the server closed a connection'); });
  }

  static async open(port: number, ca: string): Promise<Connection> {
    const socket = connectTls({ host: '127.0.0.1', port, ca, servername: 'localhost' });
    await once(socket, 'secureConnect');
    return new Connection(socket);
  }

  async ask(request: Buffer): Promise<void> {
    this.isBusy = true;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#answered = resolve;
    this.#socket.write(request);
    await promise;
    this.isBusy = false;
  }

  #read(chunk: Buffer): void {
    if (this.#missing === -1) {
      const head = chunk.indexOf('\r\n\r\n');
      const text = chunk.toString('latin1', 0, head);
      if (!text.startsWith('HTTP/1.1 200')) throw new Error(`answered ${text.slice(0, 60)}`);
      this.#missing = Number(/content-length: (\d+)/i.exec(text)?.[1]) - (chunk.length - head - 4);
    } else this.#missing -= chunk.length;
    if (this.#missing > 0) return;
    this.#missing = -1;
    this.#answered?.();
  }

  close(): void {
    this.#socket.removeAllListeners('close').destroy();
  }
}

/** As many as the server can answer. */
async function saturate({ connections }: Target, request: Buffer, isOver: (count: number) => boolean): Promise<{ count: number; latencies: number[] }> {
  const latencies: number[] = [];
  let count = 0;
  await Promise.all(connections.map(async (connection) => {
    while (!isOver(count)) {
      count += 1;
      const startedAt = performance.now();
      await connection.ask(request);
      latencies.push(performance.now() - startedAt);
    }
  }));
  return { count, latencies };
}

/** So many a second, whatever the answers do; latency counts from when a request was due. */
async function pace({ connections }: Target, request: Buffer, forMs: number): Promise<number[]> {
  const latencies: number[] = [];
  const startedAt = performance.now();
  const waiting: Promise<void>[] = [];
  for (let sent = 0; sent < (forMs * PACE_PER_SECOND) / 1000; ) {
    const due = startedAt + (sent * 1000) / PACE_PER_SECOND;
    const free = performance.now() >= due ? connections.find(({ isBusy }) => !isBusy) : undefined;
    if (free === undefined) {
      await new Promise((resolve) => setImmediate(resolve));
      continue;
    }
    sent += 1;
    waiting.push(free.ask(request).then(() => void latencies.push(performance.now() - due)));
  }
  await Promise.all(waiting);
  return latencies;
}

const format = (value: number, digits = 2): string => value.toFixed(digits);

async function benchAlone(): Promise<void> {
  const now = new Date();
  const authority = await makeAuthority(now);
  const { serving } = await signLeaf(authority, servingNames('webhook', 'bench'), now);
  const ends = { ca: authority.certificate, serving };
  const targets = { webhook: await start('webhook', ends), bare: await start('bare', ends), blind: await start('blind', ends) };
  const body = aReview();
  const request = Buffer.from(`POST /mutate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  const results: Record<Name, { perCpuSecond: number; perSecond: number; latencies: number[]; paced: number[] }[]> = { webhook: [], bare: [], blind: [] };
  for (const name of NAMES) await saturate(targets[name], request, (count) => count >= 5000);
  const ended = startMeasuring([process.pid, ...NAMES.map((name) => targets[name].child.pid ?? 0)], cpus().length);
  for (let block = 0; block < BLOCKS; block += 1) {
    for (const name of NAMES) {
      const measured = startMeasuring([targets[name].child.pid ?? 0], cpus().length);
      const deadline = performance.now() + BLOCK_MS;
      const { count, latencies } = await saturate(targets[name], request, () => performance.now() >= deadline);
      const { seconds, measured: [cpu = 0] } = measured();
      results[name].push({ perCpuSecond: count / cpu, perSecond: count / seconds, latencies, paced: await pace(targets[name], request, BLOCK_MS) });
    }
  }
  const { others } = ended();
  const row = (name: Name): string[] => {
    const blocks = results[name];
    const of = (pick: (block: (typeof blocks)[number]) => number): number => median(blocks.map(pick));
    return [
      name, format(of(({ perSecond }) => perSecond), 0), format(of(({ perCpuSecond }) => perCpuSecond), 0), format(of(({ latencies }) => quantile(latencies, 0.5))), format(of(({ latencies }) => quantile(latencies, 0.99))),
      format(of(({ paced }) => quantile(paced, 0.5))), format(of(({ paced }) => quantile(paced, 0.99))), format(residentMiB(targets[name].child.pid ?? 0), 0),
    ];
  };
  console.log(`webhook alone: reviews of ${(body.length / 1024).toFixed(1)} KiB that are injected, ${CONNECTIONS} connections, ${BLOCKS} alternating blocks; others used ${format(others * 100, 0)} % of the machine`);
  printTable(['server', 'req/s', 'req per CPU second', 'p50 ms', 'p99 ms', `p50 ms at ${PACE_PER_SECOND}/s`, `p99 ms at ${PACE_PER_SECOND}/s`, 'MiB'], NAMES.map(row));
  const shareOf = (other: Name, pick: (block: (typeof results)[Name][number]) => number): string =>
    format(100 * median(results.webhook.map((block, index) => pick(block) / pick(results[other][index] ?? block))), 0);
  for (const other of ['bare', 'blind'] as const) console.log(`webhook / ${other}: ${shareOf(other, ({ perSecond }) => perSecond)} % of the rate, ${shareOf(other, ({ perCpuSecond }) => perCpuSecond)} % of the rate per CPU second`);
  console.log(`goals: 70 % of the bare server's rate; p99 under 5 ms at ${PACE_PER_SECOND}/s`);
  await benchMemory(targets.webhook, request);
  for (const { child, connections } of Object.values(targets)) {
    for (const connection of connections) connection.close();
    child.kill('SIGTERM');
  }
}

async function benchMemory(target: Target, request: Buffer): Promise<void> {
  const sizes: string[] = [];
  for (let part = 0; part < 5; part += 1) {
    await saturate(target, request, (count) => count >= REVIEWS / 5);
    sizes.push(format(residentMiB(target.child.pid ?? 0), 0));
  }
  console.log(`memory of the webhook over ${REVIEWS} more reviews, MiB: ${sizes.join(', ')}`);
}

async function benchThroughApiServer(): Promise<void> {
  if (missingCluster() !== false) return console.log('through the API server: skipped, no cluster');
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromFile(kubeConfigPath());
  const admin = new ApiClient(kubeConfig, { version: 'bench' });
  const id = randomBytes(3).toString('hex');
  const namespaces = { 'with webhook': `bench-with-${id}`, 'without': `bench-without-${id}` };
  const registration = `a-tenant-mtls-bench-${id}`;
  for (const name of Object.values(namespaces)) await admin.create(resources.Namespace, { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels: { [ANNOTATION.inject]: 'false' } } });
  const now = new Date();
  const authority = await makeAuthority(now);
  const { serving } = await signLeaf(authority, servingNames('webhook', 'bench'), now);
  const child = fork(new URL(import.meta.url), ['serve', 'webhook'], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  child.send(serving);
  const [{ port }] = (await once(child, 'message')) as [{ port: number }];
  const clientConfig = { url: `https://127.0.0.1:${port}/mutate`, caBundle: Buffer.from(authority.certificate).toString('base64') };
  const desired = buildRegistration({ name: registration, service: 'webhook', namespace: 'elsewhere' });
  const here = { matchExpressions: [{ key: 'kubernetes.io/metadata.name', operator: 'In', values: [namespaces['with webhook']] }] };
  const [pods] = desired.webhooks;
  await admin.create(resources.MutatingWebhookConfiguration, { ...desired, webhooks: [{ ...pods, clientConfig, namespaceSelector: here }] } as KubeObject);
  try {
    await waitUntilInjected(admin, namespaces['with webhook']);
    await compare(admin, namespaces, child.pid ?? 0);
  } finally {
    await admin.delete(resources.MutatingWebhookConfiguration, { name: registration });
    for (const name of Object.values(namespaces)) await admin.delete(resources.Namespace, { name });
    child.kill('SIGTERM');
    await admin.close();
  }
}

const createPod = async (admin: ApiClient, namespace: string): Promise<KubeObject> =>
  await admin.create(resources.Pod, aPod({ namespace, generateName: 'bench-', labels: { app: 'bench' } }), { query: { dryRun: 'All' } });

async function waitUntilInjected(admin: ApiClient, namespace: string): Promise<void> {
  for (const end = Date.now() + 10_000; Date.now() < end; await sleep(100)) {
    const pod = (await createPod(admin, namespace)) as { spec?: { initContainers?: unknown } };
    if (pod.spec?.initContainers !== undefined) return;
  }
  throw new Error('the API server does not call the webhook');
}

async function compare(admin: ApiClient, namespaces: Record<'with webhook' | 'without', string>, pid: number): Promise<void> {
  const cases = ['with webhook', 'without'] as const;
  const rows: string[][] = [];
  const ended = startMeasuring([process.pid, pid], cpus().length);
  for (const inFlight of [1, 16]) {
    const blocks: Record<(typeof cases)[number], number[][]> = { 'with webhook': [], 'without': [] };
    for (let block = 0; block <= BLOCKS; block += 1) for (const each of cases) blocks[each].push(await createPods(admin, namespaces[each], { inFlight, count: 300 }));
    // The first of each warmed up.
    for (const each of cases) blocks[each].shift();
    const at = (each: (typeof cases)[number], q: number): number => median(blocks[each].map((latencies) => quantile(latencies, q)));
    for (const each of cases) rows.push([String(inFlight), each, format(at(each, 0.5)), format(at(each, 0.99))]);
    rows.push([String(inFlight), 'added', format(at('with webhook', 0.5) - at('without', 0.5)), format(at('with webhook', 0.99) - at('without', 0.99))]);
  }
  console.log(`\nthrough the API server: creating pods of ${(JSON.stringify(aPod({})).length / 1024).toFixed(1)} KiB with dryRun=All, median of ${BLOCKS} alternating blocks of 300; all but this process and the webhook used ${format(ended().others * 100, 0)} % of the machine (the API server included)`);
  printTable(['in flight', 'pods', 'p50 ms', 'p99 ms'], rows);
  console.log('goal: at most 5 ms added to p99 at 1 in flight');
}

async function createPods(admin: ApiClient, namespace: string, { inFlight, count }: { inFlight: number; count: number }): Promise<number[]> {
  const latencies: number[] = [];
  let left = count;
  await Promise.all(Array.from({ length: inFlight }, async () => {
    while (left > 0) {
      left -= 1;
      const startedAt = performance.now();
      await createPod(admin, namespace);
      latencies.push(performance.now() - startedAt);
    }
  }));
  return latencies;
}

const [role, name] = process.argv.slice(2);
if (role === 'serve') process.once('message', (serving) => void serve(NAMES.find((each) => each === name) ?? 'webhook', serving as ServingCertificate));
else {
  await benchAlone();
  await benchThroughApiServer();
}
