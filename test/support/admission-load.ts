// Pods created in dry runs at a steady rate, each through the webhook: what a cluster sees while something is changed underneath.
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeObject } from '../../src/kube/object.ts';
import { resources } from '../../src/kube/resources.ts';
import type { Cluster } from './cluster.ts';
import { hasSidecar } from './e2e-namespace.ts';
import type { ObservedPod } from './e2e-namespace.ts';

export interface LoadResult {
  readonly created: number;
  readonly failures: readonly string[];
}

/** Creates until `work` has ended; a pod without a sidecar is a failure too. */
export async function createWhile({ admin }: Cluster, pod: KubeObject, { perSecond }: { perSecond: number }, work: () => Promise<void>): Promise<LoadResult> {
  const failures: string[] = [];
  const open: Promise<void>[] = [];
  const createOne = async (): Promise<void> => {
    try {
      const created = await admin.create(resources.Pod, pod, { query: { dryRun: 'All' } });
      if (!hasSidecar(created as ObservedPod)) failures.push('created without a sidecar');
    } catch (error) {
      failures.push(error instanceof Error ? error.message : String(error));
    }
  };
  const ended = new AbortController();
  const working = work().finally(() => ended.abort());
  const startedAt = Date.now();
  while (!ended.signal.aborted) {
    const due = startedAt + (open.length * 1000) / perSecond - Date.now();
    if (due > 0) await Promise.race([sleep(due), working.catch(() => undefined)]);
    open.push(createOne());
  }
  await Promise.all(open);
  await working;
  return { created: open.length, failures };
}
