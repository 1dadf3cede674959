// Wires the observer of pods: which change wakes which certificate, and what it is given.
import { LABEL, OWN_ANNOTATION } from '../../api/names.ts';
import type { WorkQueue } from '../../controller/work-queue.ts';
import type { KubeObject } from '../../kube/object.ts';
import type { Informers } from '../caches.ts';
import { certificateKeyOf, isSamePod } from './injected-pod.ts';
import { certificateNameOf } from '../owned-secret.ts';
import { PodObserver } from './pod-observer.ts';
import type { PodObserverOptions } from './pod-observer.ts';
import { writeNetworkPolicy } from './write-network-policy.ts';
import type { PolicyWriter } from './write-network-policy.ts';

type World = Pick<PodObserverOptions, 'recordEvent' | 'log' | 'now' | 'random'> & { readonly client: PodObserverOptions['client'] & PolicyWriter['client'] };

export function createPodObserver({ client, recordEvent, log, now, random }: World, { certificates, configMaps, pods, networkPolicies }: Informers): PodObserver {
  const policies = { client, networkPolicies: networkPolicies.cache };
  return new PodObserver({
    client, recordEvent, log, now, random,
    caches: { certificates: certificates.cache, configMaps: configMaps.cache, pods: pods.cache },
    alsoSay: async (certificate, alive, signal) => await writeNetworkPolicy(policies, certificate, alive, signal),
  });
}

/** Puts the `namespace/name` of the certificate into the queue, our own writes of the ConfigMap included. Returns how to unsubscribe. */
export function subscribePods({ certificates, configMaps, pods, networkPolicies }: Informers, queue: WorkQueue): (() => void)[] {
  const add = (key: string | undefined) => {
    if (key !== undefined) queue.add(key);
  };
  return [
    certificates.cache.onChange((key, before, after) => {
      // A generation counts changes of the spec and the deletion, not our own words in the status.
      const isSame = before !== undefined && before.metadata.uid === after?.metadata.uid && before.metadata.generation === after?.metadata.generation;
      if (!isSame) add(key);
    }),
    configMaps.cache.onChange((_, before, after) => {
      if (manifestOf(before) === manifestOf(after)) return;
      for (const key of new Set([before, after].map(ownerOf))) add(key);
    }),
    pods.cache.onChange((_, before, after) => {
      if (before !== undefined && after !== undefined && isSamePod(before, after)) return;
      for (const key of new Set([before, after].map((pod) => pod && certificateKeyOf(pod)))) add(key);
    }),
    networkPolicies.cache.onChange((_, before, after, origin) => {
      const name = (after ?? before)?.metadata.labels?.[LABEL.certificate];
      if (origin !== 'write' && name !== undefined) add(`${(after ?? before)?.metadata.namespace}/${name}`);
    }),
  ];
}

function manifestOf(object: KubeObject | undefined): string | undefined {
  return object?.metadata?.annotations?.[OWN_ANNOTATION.manifestHash];
}

function ownerOf(object: KubeObject | undefined): string | undefined {
  const name = object === undefined ? undefined : certificateNameOf(object);
  return name === undefined ? undefined : `${object?.metadata?.namespace}/${name}`;
}
