// Composition root of the control plane: builds everything, starts it in order, stops it in reverse. Decides nothing.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createLookups } from './admission/lookup.ts';
import type { PodOwner } from './admission/mutate-pod.ts';
import { nudgeOwners } from './admission/nudge-owners.ts';
import { PendingOwners } from './admission/pending-owners.ts';
import { runWebhook } from './admission/run-webhook.ts';
import type { Webhook } from './admission/run-webhook.ts';
import { SelfTestCondition } from './admission/self-test-condition.ts';
import { wakeOwnersInTime } from './admission/wake-owners.ts';
import { excludedNamespaces } from './admission/webhook-configuration.ts';
import { WorkloadEvents } from './admission/workload-events.ts';
import { nudgeStuckOwners } from './admission/stuck-owners.ts';
import type { Config } from './config.ts';
import { systemClock } from './controller/clock.ts';
import { LeaderElection } from './controller/leader-election.ts';
import { describeError } from './errors.ts';
import { ApiClient } from './kube/api-client.ts';
import { findCluster } from './kube/cluster-access.ts';
import type { EventNote } from './kube/event-series.ts';
import type { KubeObject } from './kube/object.ts';
import { EventRecorder } from './kube/events.ts';
import { LeaseStore } from './kube/lease.ts';
import { keepAuditing } from './reconcilers/pods/audit-pods.ts';
import { createInformers } from './reconcilers/caches.ts';
import type { Informers } from './reconcilers/caches.ts';
import { runControlLoops } from './reconcilers/control-loops.ts';
import type { Logger } from './telemetry/logger.ts';
import { createMetrics } from './telemetry/metrics.ts';
import type { Metrics } from './telemetry/metrics.ts';
import { startMetricsServer } from './telemetry/metrics-server.ts';

const LEASE = 'tenant-mtls';
const EVENT_FLUSH_MS = 2000;

interface Parts {
  readonly config: Config;
  readonly log: Logger;
  readonly client: ApiClient;
  readonly metrics: Metrics;
  readonly events: EventRecorder;
  readonly informers: Informers;
  readonly leadership: { isLeader: boolean };
}

/** Runs until the signal is aborted; resolves when everything has ended and the lease is released. */
export async function runOperator(config: Config, { log, version, signal }: { log: Logger; version: string; signal: AbortSignal }): Promise<void> {
  const client = new ApiClient(await findCluster(config.kubeconfig, process.env), { version });
  const parts = build(config, { log, client });
  const { informers, metrics, events } = parts;
  const running = Object.values(informers).map(async (informer) => await informer.run(signal));
  const webhook = config.webhook.enabled ? startWebhook(parts, signal) : undefined;
  const notReadyBecause = () => [...unsynced(informers), ...(webhook?.notReadyBecause() ?? [])];
  const server = await startMetricsServer(config.metricsPort, { metrics, notReadyBecause, observe: () => countObjects(informers, metrics) });
  log.info({ namespace: config.namespace, identity: config.identity, version }, 'operator started');
  const leading = lead(parts, signal);
  await Promise.all([leading, webhook?.ended]);
  server.close();
  server.closeAllConnections();
  await events.stop(EVENT_FLUSH_MS);
  await Promise.all(running);
  await client.close();
  log.info({}, 'operator stopped');
}

function build(config: Config, { log, client }: Pick<Parts, 'log' | 'client'>): Parts {
  return {
    config, log, client,
    metrics: createMetrics(),
    events: new EventRecorder({ client, logger: log, instance: config.identity }),
    informers: createInformers(client, log, config.watchNamespaces),
    leadership: { isLeader: false },
  };
}

function startWebhook({ config, client, log, metrics, informers, events, leadership }: Parts, signal: AbortSignal): Webhook {
  const { certificates, namespaces } = informers;
  let version: string | undefined;
  void client.request<{ gitVersion: string }>('GET', '/version').then(
    ({ gitVersion }) => (version = gitVersion),
    (error: unknown) => log.warn({ error: describeError(error) }, 'kubernetes version unknown'),
  );
  const workloadEvents = new WorkloadEvents({ client, monotonic: systemClock.monotonic, record: (object, note) => events.record(object, note) });
  const mutation = {
    ...createLookups({ client, certificates: certificates.cache, namespaces: namespaces.cache, watchNamespaces: config.watchNamespaces }),
    images: config.images,
    kubernetesVersion: () => version,
    newProbeToken: () => randomBytes(16).toString('hex'),
    recordEvent: (owner: PodOwner, note: EventNote) => workloadEvents.record(owner, note),
    excludedNamespaces: excludedNamespaces(config.namespace),
    rememberOwner: wakeOwnersInTime({
      certificates: certificates.cache, pending: new PendingOwners(),
      wake: (owners) => void nudgeOwners({ client, log, now: systemClock.now }, owners),
    }),
  };
  const { port, service, configuration, deployment } = config.webhook;
  const condition = new SelfTestCondition({ client, log, deployment: { namespace: config.namespace, name: deployment }, now: systemClock.now });
  return runWebhook(
    {
      client, log, metrics, mutation, namespace: config.namespace, port, service, registration: configuration,
      isLeader: () => leadership.isLeader,
      notReadyBecause: () => unsynced(informers),
      onSelfTest: (result) => (leadership.isLeader ? void condition.tell(result) : condition.forget()),
      onAnswering: () => void nudgeStuckOwners({ client, log, now: Date.now, namespaces: config.watchNamespaces }),
    },
    signal,
  );
}

async function lead(parts: Parts, signal: AbortSignal): Promise<void> {
  const { config, client, informers, log, metrics, events } = parts;
  await whenSynced(informers, signal);
  const recordEvent = (object: KubeObject, note: EventNote) => events.record(object, note);
  const { certificates, namespaces, pods } = informers;
  const work = async (leading: AbortSignal) => {
    await Promise.all([
      runControlLoops(
        {
          client, informers, log, metrics, workers: config.workers, namespace: config.namespace, recordEvent,
          random: Math.random, now: () => new Date(), serial: () => randomBytes(16), rotationWaitMs: config.rotationWaitMs,
        },
        leading,
      ),
      keepAuditing(
        {
          client, log, metrics, recordEvent, images: config.images, namespace: config.namespace, watchNamespaces: config.watchNamespaces,
          clock: systemClock, random: Math.random,
          caches: { certificates: certificates.cache, namespaces: namespaces.cache, pods: pods.cache },
        },
        leading,
      ),
    ]);
  };
  if (config.leaderElection) return await elect(parts, signal, work);
  parts.leadership.isLeader = true;
  await work(signal);
}

async function whenSynced(informers: Informers, signal: AbortSignal): Promise<void> {
  const synced = Promise.all(Object.values(informers).map(async (informer) => await informer.whenSynced()));
  await Promise.race([synced, signal.aborted ? undefined : once(signal, 'abort')]);
}

function unsynced(informers: Informers): string[] {
  return Object.entries(informers).flatMap(([name, informer]) => (informer.hasSynced ? [] : [`the cache of ${name} has not synced`]));
}

function countObjects(informers: Informers, metrics: Metrics): void {
  for (const [name, { cache }] of Object.entries(informers)) metrics.cachedObjects(name, cache.size);
}

async function elect({ config, client, log, metrics, leadership }: Parts, signal: AbortSignal, work: (leading: AbortSignal) => Promise<void>): Promise<void> {
  const election = new LeaderElection({
    leases: new LeaseStore(client, { namespace: config.namespace, name: LEASE }),
    identity: `${config.identity}_${randomBytes(4).toString('hex')}`,
    random: Math.random,
    onChange: (isLeader) => {
      leadership.isLeader = isLeader;
      metrics.leading(isLeader);
      log.info({ isLeader }, 'leadership changed');
    },
    onError: (error) => log.warn({ error: describeError(error) }, 'lease not written'),
  });
  await election.run(signal, work);
}
