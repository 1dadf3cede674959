// Looks at the pods of one TenantCertificate: have their sidecars loaded what was written last? Nudges the kubelets of those that have
// not, and says in one status patch how far they have got. What is remembered of each pod lives as long as the term of leadership.
import { OWN_ANNOTATION } from '../../api/names.ts';
import type { TenantCertificate } from '../../api/tenant-certificate.ts';
import { describeError } from '../../errors.ts';
import type { ApiClient } from '../../kube/api-client.ts';
import { isConflict, isNotFound } from '../../kube/api-error.ts';
import type { Cache } from '../../kube/cache.ts';
import type { EventNote } from '../../kube/event-series.ts';
import type { Logger } from '../../kube/logger.ts';
import type { KubeObject } from '../../kube/object.ts';
import { resources } from '../../kube/resources.ts';
import { parseInstant } from '../../issuance/instant.ts';
import { askSidecar } from './ask-sidecar.ts';
import type { AskSidecar } from './ask-sidecar.ts';
import { isAlive } from './injected-pod.ts';
import type { InjectedPod } from './injected-pod.ts';
import type { OwnedConfigMap } from '../owned-config-map.ts';
import { certificateNameOf } from '../owned-secret.ts';
import { convergedCondition, countPods, isClosed, plaintextCondition, plaintextNote } from './pod-conditions.ts';
import type { Said } from './pod-conditions.ts';
import { judgePod, nextAskAt, planTouch, summarisePods } from './pod-convergence.ts';
import type { PodRecord } from './pod-convergence.ts';
import { INDEX } from '../reconciler-context.ts';
import { podsPatch } from './report-pods.ts';
import { TouchBudget } from './touch-budget.ts';

export interface PodObserverOptions {
  readonly client: Pick<ApiClient, 'mergePatch' | 'patchStatus'>;
  readonly caches: { readonly certificates: Cache<TenantCertificate>; readonly configMaps: Cache<OwnedConfigMap>; readonly pods: Cache<InjectedPod> };
  /** What else is to be said of the certificate, such as its NetworkPolicy. */
  readonly alsoSay: (certificate: TenantCertificate, pods: readonly InjectedPod[], signal: AbortSignal) => Promise<readonly Said[]>;
  readonly recordEvent: (object: KubeObject, note: EventNote) => void;
  readonly log: Logger;
  readonly now: () => Date;
  readonly random: () => number;
  readonly ask?: AskSidecar;
}

interface Watched {
  readonly pod: InjectedPod;
  readonly record: PodRecord;
}

/** Pods of one certificate that are asked at the same time; with 16 workers at most 128 connections. */
const ASKED_AT_ONCE = 8;
/** Pods that are asked in one run: one certificate with a thousand dead pods must not hold a worker for minutes. */
const ASKED_IN_ONE_RUN = 64;
const TOUCHES_PER_SECOND = 20;
const AFTER_CONFLICT_MS = 200;
const SOONEST_MS = 50;

export class PodObserver {
  readonly #options: PodObserverOptions;
  readonly #ask: AskSidecar;
  readonly #budget = new TouchBudget(TOUCHES_PER_SECOND);
  /** By certificate, then by the pod's uid. */
  readonly #records = new Map<string, ReadonlyMap<string, PodRecord>>();
  readonly #converged = new Map<string, string>();

  constructor(options: PodObserverOptions) {
    this.#options = options;
    this.#ask = options.ask ?? askSidecar;
  }

  /**
   * SHA-256 of the manifest that every pod of the certificate has loaded; also when there is no pod. undefined: some are behind,
   * or nobody has looked yet.
   */
  convergedManifest(namespace: string, name: string): string | undefined {
    return this.#converged.get(`${namespace}/${name}`);
  }

  /** One look, of a control loop keyed by the certificate's `namespace/name`. */
  async observe(key: string, signal: AbortSignal): Promise<{ requeueAfterMs?: number }> {
    const { caches, alsoSay } = this.#options;
    const certificate = caches.certificates.get(key);
    if (certificate === undefined) return this.#forget(key);
    const expected = this.#expectedManifest(key, certificate.metadata.name);
    const pods = caches.pods.by(INDEX.certificate, key).filter(isAlive);
    const said = await alsoSay(certificate, pods, signal);
    // Without an address a pod has not mounted anything yet.
    const known = this.#recall(key, certificate, pods.filter(({ status }) => status.podIP !== undefined));
    const checked = expected === undefined ? known : await this.#check(known, expected, signal);
    const watched = isClosed(said) ? checked : checked.map((each) => this.#warnOnce(each));
    const records = watched.map(({ record }) => record);
    this.#records.set(key, new Map(watched.map(({ pod, record }) => [uidOf(pod), record])));
    this.#note(key, records, expected);
    const isWritten = await this.#report(key, { records, expected, said }, signal);
    if (!isWritten) return { requeueAfterMs: AFTER_CONFLICT_MS };
    return expected === undefined || records.length === 0 ? {} : { requeueAfterMs: this.#wait(records) };
  }

  #forget(key: string): { requeueAfterMs?: number } {
    this.#records.delete(key);
    this.#converged.delete(key);
    return {};
  }

  #expectedManifest(key: string, name: string): string | undefined {
    const configMap = this.#options.caches.configMaps.get(`${key}-proxy`);
    return configMap === undefined || certificateNameOf(configMap) !== name ? undefined : configMap.metadata.annotations?.[OWN_ANNOTATION.manifestHash];
  }

  #recall(key: string, { status }: TenantCertificate, pods: readonly InjectedPod[]): Watched[] {
    const records = this.#records.get(key);
    const now = this.#options.now().getTime();
    // A new leader goes on where the last one stopped.
    const pendingSince = (records === undefined ? parseInstant(status?.pods?.oldestPendingSince)?.getTime() : undefined) ?? now;
    return pods.map((pod) => ({
      pod,
      record: records?.get(uidOf(pod)) ?? { name: pod.metadata.name ?? '', firstSeenAt: now, jitter: this.#options.random(), pendingSince },
    }));
  }

  async #check(known: readonly Watched[], expected: string, signal: AbortSignal): Promise<readonly Watched[]> {
    const now = this.#options.now().getTime();
    const judged = known.map(({ pod, record }) => ({ pod, record: judgePod(record, expected, now) }));
    const due = judged.filter(({ record }) => nextAskAt(record, now) <= now).sort((a, b) => (a.record.askedAt ?? 0) - (b.record.askedAt ?? 0));
    const asked = await mapAtOnce(due.slice(0, ASKED_IN_ONE_RUN), async (watched) => await this.#askAndTouch(watched, expected, signal));
    const fresh = new Map(asked.map((each) => [each.pod, each]));
    return judged.map((each) => fresh.get(each.pod) ?? each);
  }

  async #askAndTouch({ pod, record }: Watched, expected: string, signal: AbortSignal): Promise<Watched> {
    const answer = await this.#ask(pod.status.podIP ?? '', signal);
    const now = this.#options.now().getTime();
    const judged = judgePod({ ...record, answer, askedAt: now }, expected, now);
    const value = planTouch(judged, { expected, refresh: pod.metadata.annotations?.[OWN_ANNOTATION.refresh] }, now);
    if (value === undefined || signal.aborted || !this.#budget.take(now)) return { pod, record: judged };
    await this.#touch(pod, value, signal);
    return { pod, record: { ...judged, touchedAt: now } };
  }

  /** The kubelet looks at the files of a pod that has changed. */
  async #touch(pod: InjectedPod, value: string, signal: AbortSignal): Promise<void> {
    const { client, caches, log } = this.#options;
    const { namespace, name = '' } = pod.metadata;
    try {
      caches.pods.observe(await client.mergePatch<InjectedPod>(resources.Pod, { namespace, name }, { metadata: { annotations: { [OWN_ANNOTATION.refresh]: value } } }, { signal }));
    } catch (error) {
      // The kubelet looks by itself about once a minute: nothing else depends on it.
      if (!isNotFound(error)) log.warn({ pod: `${namespace}/${name}`, error: describeError(error) }, 'pod not touched');
    }
  }

  #note(key: string, records: readonly PodRecord[], expected: string | undefined): void {
    const isConverged = expected !== undefined && records.every(({ pendingSince }) => pendingSince === undefined);
    if (isConverged) this.#converged.set(key, expected);
    else this.#converged.delete(key);
  }

  /** False: somebody else has written meanwhile. */
  async #report(key: string, { records, expected, said }: { records: readonly PodRecord[]; expected: string | undefined; said: readonly Said[] }, signal: AbortSignal): Promise<boolean> {
    const { client, caches, now } = this.#options;
    // The newest there is: asking took its time.
    const certificate = caches.certificates.get(key);
    if (certificate === undefined) return true;
    const convergence = summarisePods(records);
    const conditions = [convergedCondition(convergence, expected), plaintextCondition(records, said) ?? [], ...said].flat();
    const patch = podsPatch(certificate, { pods: countPods(convergence), said: conditions }, now());
    if (patch === undefined) return true;
    const { namespace, name, resourceVersion = '' } = certificate.metadata;
    try {
      caches.certificates.observe(await client.patchStatus<TenantCertificate>(resources.TenantCertificate, { namespace, name, resourceVersion }, patch, { signal }));
      return true;
    } catch (error) {
      if (isConflict(error)) return false;
      if (isNotFound(error)) return true;
      throw error;
    }
  }

  /** An Event on the pod, the first time that one of its ports answers without TLS. */
  #warnOnce({ pod, record }: Watched): Watched {
    const note = record.isWarned === true ? undefined : plaintextNote(record);
    if (note === undefined) return { pod, record };
    this.#options.recordEvent(pod, note);
    return { pod, record: { ...record, isWarned: true } };
  }

  #wait(records: readonly PodRecord[]): number {
    const now = this.#options.now().getTime();
    return Math.max(SOONEST_MS, Math.min(...records.map((record) => nextAskAt(record, now))) - now);
  }
}

function uidOf({ metadata }: InjectedPod): string {
  return metadata.uid ?? `${metadata.namespace}/${metadata.name}`;
}

async function mapAtOnce<T, R>(items: readonly T[], map: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  const rest = items.values();
  const work = async () => {
    for (const item of rest) results.push(await map(item));
  };
  await Promise.all(Array.from({ length: Math.min(ASKED_AT_ONCE, items.length) }, work));
  return results;
}
