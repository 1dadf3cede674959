// Reviews, serving certificates and recorders for the tests of this folder.
import type { AddressInfo } from 'node:net';
import { after } from 'node:test';
import { buildAdmissionApp } from '../../src/admission/admission-app.ts';
import type { AdmissionAppOptions } from '../../src/admission/admission-app.ts';
import type { ServingCertificate } from '../../src/admission/admission-server.ts';
import type { Verdict } from '../../src/admission/review.ts';
import { makeAuthority, servingNames, signLeaf } from '../../src/admission/webhook-authority.ts';
import type { Logger } from '../../src/kube/logger.ts';

export const UNCHANGED: Verdict = { outcome: 'unchanged', reasons: ['NotOptedIn'], allowed: true };

export function aRequest(request: object = {}): Record<string, unknown> {
  return {
    uid: 'b5a1c1e2-0000-4000-8000-000000000001',
    kind: { group: '', version: 'v1', kind: 'Pod' },
    resource: { group: '', version: 'v1', resource: 'pods' },
    operation: 'CREATE',
    namespace: 'shop',
    name: '',
    dryRun: false,
    userInfo: { username: 'system:serviceaccount:kube-system:replicaset-controller' },
    object: { apiVersion: 'v1', kind: 'Pod', metadata: { generateName: 'hello-', annotations: {} }, spec: { containers: [] } },
    oldObject: null,
    ...request,
  };
}

export function aReview(request: object = {}): Record<string, unknown> {
  return { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request: aRequest(request) };
}

export interface Recorder {
  readonly log: Logger;
  readonly lines: { level: string; message: string; fields: Record<string, unknown> }[];
  readonly metrics: AdmissionAppOptions['metrics'];
  readonly counted: unknown[];
}

/** Keeps what was logged and counted. */
export function aRecorder(): Recorder {
  const lines: Recorder['lines'] = [];
  const counted: unknown[] = [];
  const at = (level: string) => (fields: object, message: string) => void lines.push({ level, message, fields: { ...fields } });
  const log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  const metrics = {
    reviewed: ({ kind, outcome, reasons }: { kind: string; outcome: string; reasons: readonly string[] }) => void counted.push({ kind, outcome, reasons }),
    requestRejected: (status: number) => void counted.push({ status }),
  };
  return { log, lines, metrics, counted };
}

export interface ServingFixture {
  readonly ca: string;
  readonly serving: ServingCertificate;
}

export async function aServingCertificate(): Promise<ServingFixture> {
  const now = new Date();
  const authority = await makeAuthority(now);
  const { serving } = await signLeaf(authority, servingNames('tenant-mtls-webhook', 'tenant-mtls-system'), now);
  return { ca: authority.certificate, serving };
}

/** An app without TLS, for `inject`. */
export function anApp(options: Partial<AdmissionAppOptions> = {}) {
  const recorder = aRecorder();
  const app = buildAdmissionApp({ mutate: () => UNCHANGED, log: recorder.log, metrics: recorder.metrics, notReadyBecause: () => [], ...options });
  after(async () => {
    app.server.closeAllConnections();
    await app.close();
  });
  return { app, ...recorder };
}

/** An app that listens on a port of loopback. */
export async function aListeningApp(options: Partial<AdmissionAppOptions> = {}) {
  const { ca, serving } = await aServingCertificate();
  const { app, ...recorder } = anApp({ ...options, tls: { serving, ...options.tls } });
  await app.listen({ host: '127.0.0.1', port: 0 });
  return { app, ca, port: (app.server.address() as AddressInfo).port, ...recorder };
}

/** About 16 KB, like the pod of a real Deployment with a few containers. */
export function aBigReview(): string {
  const environment = Array.from({ length: 40 }, (_, index) => ({ name: `SETTING_${index}`, value: `https://service-${index}.shop.svc.cluster.local:8443/path` }));
  const containers = ['app', 'worker', 'cache'].map((name) => ({ name, image: `registry.example/shop/${name}:1.2.3`, env: environment }));
  const object = { apiVersion: 'v1', kind: 'Pod', metadata: { generateName: 'hello-', annotations: { 'tenant-mtls.dev/certificate': 'hello' } }, spec: { containers } };
  return JSON.stringify(aReview({ object }));
}

