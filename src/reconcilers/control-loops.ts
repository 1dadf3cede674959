// The control loops of the leader: what changes is put into the queue of whatever depends on it. Built anew for each term of leadership.
import type { ConfigMap, Secret } from '../api/object-meta.ts';
import { BackOff } from '../controller/back-off.ts';
import { ControlLoop } from '../controller/control-loop.ts';
import type { Reconcile } from '../controller/control-loop.ts';
import { WorkQueue } from '../controller/work-queue.ts';
import type { ApiClient } from '../kube/api-client.ts';
import type { Logger } from '../kube/logger.ts';
import { parseKey } from '../kube/object.ts';
import type { KubeObject } from '../kube/object.ts';
import { ReferencedObjects } from '../kube/referenced-objects.ts';
import { resources } from '../kube/resources.ts';
import { describeError } from '../errors.ts';
import type { Loop, Metrics } from '../telemetry/metrics.ts';
import { Authorities } from './authorities/authority.ts';
import { authoritiesBehind, reconcileAuthority, subscribeAuthorities, tenantSecrets, waitingForCrl } from './authorities/authority-loop.ts';
import { cachesOf } from './caches.ts';
import type { Informers } from './caches.ts';
import { reconcileCertificate } from './certificates/certificate-reconciler.ts';
import { occupiedNames } from './certificates/find-secret.ts';
import { TenantCollisions } from './certificates/judge-policy.ts';
import { copyTrusters, trustersOf } from './certificates/trusted-authority.ts';
import { certificateNameOf } from './owned-secret.ts';
import { createPodObserver, subscribePods } from './pods/pod-loop.ts';
import { INDEX } from './reconciler-context.ts';
import type { Caches, ReconcilerContext } from './reconciler-context.ts';
import { GateClock } from './authorities/rotation-gates.ts';

export interface LoopsOptions {
  readonly client: ApiClient;
  readonly informers: Informers;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly workers: number;
  readonly random: () => number;
  readonly now: () => Date;
  readonly serial: () => Uint8Array;
  readonly namespace: string;
  readonly recordEvent: ReconcilerContext['recordEvent'];
  readonly rotationWaitMs: number;
}

type Queues = Record<'certificates' | 'authorities' | 'pods', WorkQueue>;

const DRAIN_MS = 4000;

/** Works until the signal is aborted and what was in flight has ended. */
export async function runControlLoops(options: LoopsOptions, signal: AbortSignal): Promise<void> {
  const queues: Queues = { certificates: new WorkQueue(), authorities: new WorkQueue(), pods: new WorkQueue() };
  const { informers } = options;
  const caches = cachesOf(informers);
  const authorities = followAuthorities(caches, queues);
  const references = followReferences(options, caches, queues);
  const podObserver = createPodObserver(options, informers);
  const convergedManifest = (certificate: string) => {
    const { namespace = '', name } = parseKey(certificate);
    return podObserver.convergedManifest(namespace, name);
  };
  const collisions = new TenantCollisions(caches.tenants);
  const context = { ...options, caches, authorities, collisions, gateClock: new GateClock(), convergedManifest, ...references };
  const unsubscribe = [collisions.stop, ...subscribe(informers, queues), ...subscribeAuthorities(caches, authorities, queues), ...subscribePods(informers, queues.pods)];
  const sweep = setInterval(() => dropUnreferenced(context), SWEEP_MS).unref();
  try {
    await Promise.all([
      startLoop(options, 'certificates', { queue: queues.certificates, reconcile: async (key, cut) => await reconcileCertificate(context, key, cut) }, signal),
      startLoop(options, 'authorities', { queue: queues.authorities, reconcile: async (key, cut) => await reconcileAuthority(context, key, cut) }, signal),
      startLoop(options, 'pods', { queue: queues.pods, reconcile: async (key, cut) => await podObserver.observe(key, cut) }, signal),
    ]);
  } finally {
    clearInterval(sweep);
    for (const stop of unsubscribe) stop();
    for (const objects of Object.values(references)) objects.close();
  }
}

function wakerOf({ certificates }: Queues): (keys: Iterable<string>) => void {
  return (keys) => {
    for (const key of keys) certificates.add(key);
  };
}

/** Whoever depends on an authority is woken when it has changed; and when a CA was revoked, whoever may trust a copy of its anchor. */
function followAuthorities(caches: Caches, queues: Queues): Authorities {
  const wake = wakerOf(queues);
  return new Authorities(
    (key) => queues.authorities.add(key),
    (key, state) => wake([...caches.certificates.keysBy(INDEX.authority, key), ...waitingForCrl(caches, state), ...trustersOf(caches, key)]),
    () => wake(copyTrusters(caches)),
  );
}

type References = Pick<ReconcilerContext, 'referencedSecrets' | 'referencedConfigMaps' | 'occupiedSecrets'>;

/** Objects of others, each watched by its name, and whom a change of them wakes. */
function followReferences({ client, log: logger, namespace }: LoopsOptions, caches: Caches, queues: Queues): References {
  const wake = wakerOf(queues);
  const follow = <T extends KubeObject>(kind: 'Secret' | 'ConfigMap') =>
    new ReferencedObjects<T>({
      client, logger, resource: resources[kind],
      onChange: (key) => {
        if (kind === 'Secret') for (const authority of authoritiesBehind(caches, namespace, key)) queues.authorities.add(authority);
        wake(caches.certificates.keysBy(INDEX.trust, `${kind}/${key}`));
      },
    });
  const occupiedSecrets = new ReferencedObjects<Secret>({ client, logger, resource: resources.Secret, metadataOnly: true, onChange: (key) => wake(caches.certificates.keysBy(INDEX.secretName, key)) });
  return { referencedSecrets: follow<Secret>('Secret'), referencedConfigMaps: follow<ConfigMap>('ConfigMap'), occupiedSecrets };
}

const SWEEP_MS = 60_000;

/** Watches on what nobody refers to any more end. */
function dropUnreferenced({ caches, namespace, referencedSecrets, referencedConfigMaps, occupiedSecrets }: ReconcilerContext): void {
  const wanted: Record<'Secret' | 'ConfigMap', Set<string>> = { Secret: new Set(tenantSecrets(caches, namespace)), ConfigMap: new Set() };
  for (const kind of ['Secret', 'ConfigMap'] as const) {
    for (const value of [...caches.certificates.indexValues(INDEX.authority), ...caches.certificates.indexValues(INDEX.trust)]) {
      if (value.startsWith(`${kind}/`)) wanted[kind].add(value.slice(kind.length + 1));
    }
  }
  referencedSecrets.retain(wanted.Secret);
  referencedConfigMaps.retain(wanted.ConfigMap);
  occupiedSecrets.retain(occupiedNames(caches));
}

function subscribe(informers: Informers, queues: Queues): (() => void)[] {
  const owner = (object: KubeObject | undefined) => {
    const name = object === undefined ? undefined : certificateNameOf(object);
    return name === undefined ? undefined : `${object?.metadata?.namespace}/${name}`;
  };
  const wakeOwner = (_: string, before: KubeObject | undefined, after: KubeObject | undefined, origin: string) => {
    // Our own write has been dealt with by whoever made it.
    if (origin === 'write') return;
    for (const key of new Set([owner(before), owner(after)])) if (key !== undefined) queues.certificates.add(key);
  };
  return [
    informers.certificates.cache.onChange((key, before, after, origin) => {
      if (origin === 'write') return;
      queues.certificates.add(key);
      const rivals = [before, after].flatMap((each) => (each === undefined ? [] : [`${each.metadata.namespace}/${each.spec.secretName ?? `${each.metadata.name}-tls`}`]));
      for (const secretName of new Set(rivals)) for (const rival of informers.certificates.cache.keysBy(INDEX.secretName, secretName)) queues.certificates.add(rival);
    }),
    informers.secrets.cache.onChange((key, before, after, origin) => {
      wakeOwner(key, before, after, origin);
      // Its name is free for whoever waited for it.
      if (after === undefined) for (const claimant of informers.certificates.cache.keysBy(INDEX.secretName, key)) queues.certificates.add(claimant);
    }),
    informers.configMaps.cache.onChange(wakeOwner),
  ];
}

async function startLoop({ log, metrics, workers, random }: LoopsOptions, loop: Loop, { queue, reconcile }: { queue: WorkQueue; reconcile: Reconcile }, signal: AbortSignal): Promise<void> {
  const control = new ControlLoop({
    reconcile, queue, workers, drainMs: DRAIN_MS,
    backOff: new BackOff({ baseMs: 100, maxMs: 60_000, random }),
    onOutcome: (outcome, durationMs) => {
      metrics.reconciled(loop, outcome, durationMs);
      metrics.queueDepth(loop, queue.depth);
    },
    onError: (error, key, outcome) => log.warn({ loop, key, outcome, error: describeError(error) }, 'reconcile failed'),
  });
  await control.run(signal);
}
