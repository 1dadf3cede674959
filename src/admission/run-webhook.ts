// The webhook from start to end: certificate, listener, self-test. One rule: it listens only once it has a certificate, and says
// it is ready only while it listens.
import type { AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import { systemClock } from '../controller/clock.ts';
import { describeError } from '../errors.ts';
import type { ApiClient } from '../kube/api-client.ts';
import type { Logger } from '../kube/logger.ts';
import { buildAdmissionApp } from './admission-app.ts';
import { renewServingCertificate } from './admission-server.ts';
import type { ServingCertificate } from './admission-server.ts';
import { createMutate } from './mutate.ts';
import type { PodMutation } from './mutate-pod.ts';
import type { AdmissionMetrics } from './review-handler.ts';
import { keepTesting } from './self-test.ts';
import type { SelfTestResult } from './self-test.ts';
import { ServingAuthority } from './serving-authority.ts';
import { servingNames } from './webhook-authority.ts';

/** After the end is known: until no API server sends reviews here any more, because the Service's endpoints have followed. */
const DRAIN_MS = 3000;

export interface WebhookOptions {
  readonly client: ApiClient;
  readonly log: Logger;
  readonly metrics: AdmissionMetrics & { selfTested(passed: boolean): void };
  readonly mutation: PodMutation;
  readonly namespace: string;
  readonly port: number;
  readonly service: string;
  readonly registration: string;
  readonly isLeader: () => boolean;
  /** What reviews wait for; empty when they can be answered. */
  readonly notReadyBecause: () => readonly string[];
  /** Called at the first self-test that succeeds, and at each that does so after one that failed: reviews may have failed before. */
  readonly onAnswering: () => void;
  /** Called with each result. */
  readonly onSelfTest: (result: SelfTestResult) => void;
  readonly drainMs?: number;
}

export interface Webhook {
  /** Why it does not answer yet. */
  readonly notReadyBecause: () => readonly string[];
  /** Resolves after the signal was aborted and open reviews have been answered. */
  readonly ended: Promise<void>;
}

export function runWebhook(options: WebhookOptions, signal: AbortSignal): Webhook {
  let state = 'the webhook has no certificate yet';
  const ended = serve(options, signal, (next) => (state = next));
  return { ended, notReadyBecause: () => (state === '' ? [] : [state]) };
}

async function serve(options: WebhookOptions, signal: AbortSignal, say: (state: string) => void): Promise<void> {
  const { client, log, metrics, namespace, mutation, isLeader, notReadyBecause } = options;
  const first = Promise.withResolvers<ServingCertificate>();
  let renew: (serving: ServingCertificate) => void = first.resolve;
  const authority = new ServingAuthority({
    client, log, namespace, isLeader, clock: systemClock,
    names: servingNames(options.service, namespace),
    registration: options.registration,
    onServing: (serving) => renew(serving),
  });
  const keeping = authority.run(signal);
  const serving = await Promise.race([first.promise, aborted(signal)]);
  if (serving === undefined) return await keeping;
  const app = buildAdmissionApp({ mutate: createMutate(mutation), log, metrics, notReadyBecause, tls: { serving } });
  renew = (next) => renewServingCertificate(app.server as never, next);
  try {
    await app.listen({ port: options.port, host: anyAddress() });
  } catch (error) {
    throw new Error(`the webhook cannot listen on port ${options.port}`, { cause: error });
  }
  log.info({ port: (app.server.address() as AddressInfo).port }, 'webhook listening');
  say('');
  await keepTesting(
    {
      client, namespace, clock: systemClock,
      onResult: tellSelfTests(options),
    },
    signal,
  ).catch((error: unknown) => log.error({ error: describeError(error) }, 'webhook self-test ended'));
  say('the webhook is stopping');
  await systemClock.sleep(options.drainMs ?? DRAIN_MS);
  await app.close();
  await keeping;
}

function tellSelfTests({ log, metrics, onAnswering, onSelfTest }: WebhookOptions): (result: SelfTestResult) => void {
  let wasAnswering = false;
  return (result) => {
    const { outcome, message } = result;
    const isAnswering = outcome === 'Answered';
    metrics.selfTested(isAnswering);
    onSelfTest(result);
    if (!isAnswering) log.warn({ outcome, detail: message }, 'webhook self-test failed');
    else if (!wasAnswering) onAnswering();
    wasAnswering = isAnswering;
  };
}

async function aborted(signal: AbortSignal): Promise<undefined> {
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  return undefined;
}

/** `::` takes IPv4 too, but is no address where IPv6 is switched off. */
function anyAddress(): '::' | '0.0.0.0' {
  const hasIPv6 = Object.values(networkInterfaces()).flat().some((address) => address?.family === 'IPv6');
  return hasIPv6 ? '::' : '0.0.0.0';
}
