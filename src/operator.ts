// Composition root of the control plane: builds everything, starts it in order, stops it in reverse. Decides nothing.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { KubeConfig } from '@kubernetes/client-node';
import type { Config } from './config.ts';
import { LeaderElection } from './controller/leader-election.ts';
import { describeError } from './errors.ts';
import { ApiClient } from './kube/api-client.ts';
import { EventRecorder } from './kube/events.ts';
import { LeaseStore } from './kube/lease.ts';
import { createInformers } from './reconcilers/caches.ts';
import type { Informers } from './reconcilers/caches.ts';
import { runControlLoops } from './reconcilers/control-loops.ts';
import type { Logger } from './telemetry/logger.ts';
import { createMetrics } from './telemetry/metrics.ts';
import { startMetricsServer } from './telemetry/metrics-server.ts';

const LEASE = 'tenant-mtls';
const EVENT_FLUSH_MS = 2000;

/** Runs until the signal is aborted; resolves when everything has ended and the lease is released. */
export async function runOperator(config: Config, { log, version, signal }: { log: Logger; version: string; signal: AbortSignal }): Promise<void> {
  const client = new ApiClient(loadKubeConfig(config.kubeconfig), { version });
  const metrics = createMetrics();
  const events = new EventRecorder({ client, logger: log, instance: config.identity });
  const informers = createInformers(client, log);
  const running = Object.values(informers).map(async (informer) => await informer.run(signal));
  const server = await startMetricsServer(config.metricsPort, { metrics, notReadyBecause: () => unsynced(informers), observe: () => countObjects(informers, metrics) });
  log.info({ namespace: config.namespace, identity: config.identity, version }, 'operator started');
  await whenSynced(informers, signal);
  const lead = async (leading: AbortSignal) => {
    await runControlLoops(
      {
        client, informers, log, metrics, workers: config.workers, namespace: config.namespace,
        random: Math.random, now: () => new Date(), serial: () => randomBytes(16), recordEvent: (object, note) => events.record(object, note),
      },
      leading,
    );
  };
  if (config.leaderElection) await elect({ config, client, log, metrics }, signal, lead);
  else await lead(signal);
  server.close();
  server.closeAllConnections();
  await events.stop(EVENT_FLUSH_MS);
  await Promise.all(running);
  await client.close();
  log.info({}, 'operator stopped');
}

function loadKubeConfig(path: string): KubeConfig {
  const kubeConfig = new KubeConfig();
  if (path === '') kubeConfig.loadFromDefault();
  else kubeConfig.loadFromFile(path);
  return kubeConfig;
}

async function whenSynced(informers: Informers, signal: AbortSignal): Promise<void> {
  const synced = Promise.all(Object.values(informers).map(async (informer) => await informer.whenSynced()));
  await Promise.race([synced, signal.aborted ? undefined : once(signal, 'abort')]);
}

function unsynced(informers: Informers): string[] {
  return Object.entries(informers).flatMap(([name, informer]) => (informer.hasSynced ? [] : [`the cache of ${name} has not synced`]));
}

function countObjects(informers: Informers, metrics: ReturnType<typeof createMetrics>): void {
  for (const [name, { cache }] of Object.entries(informers)) metrics.cachedObjects(name, cache.size);
}

interface Election {
  readonly config: Config;
  readonly client: ApiClient;
  readonly log: Logger;
  readonly metrics: ReturnType<typeof createMetrics>;
}

async function elect({ config, client, log, metrics }: Election, signal: AbortSignal, lead: (leading: AbortSignal) => Promise<void>): Promise<void> {
  const election = new LeaderElection({
    leases: new LeaseStore(client, { namespace: config.namespace, name: LEASE }),
    identity: `${config.identity}_${randomBytes(4).toString('hex')}`,
    random: Math.random,
    onChange: (isLeader) => {
      metrics.leading(isLeader);
      log.info({ isLeader }, 'leadership changed');
    },
    onError: (error) => log.warn({ error: describeError(error) }, 'lease not written'),
  });
  await election.run(signal, lead);
}
