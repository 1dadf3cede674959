import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { FIELD_MANAGER } from '../api/names.ts';
import { WorkQueue } from '../controller/work-queue.ts';
import type { ApiClient } from './api-client.ts';
import { isForbidden, isNotFound } from './api-error.ts';
import { EventSeries, type EventNote, type Series } from './event-series.ts';
import type { Logger } from './logger.ts';
import type { KubeObject, ObjectRef } from './object.ts';
import { resources } from './resources.ts';

/**
 * Writes core/v1 Events about objects. Events are for people and never in the way: recording does not block or throw,
 * what is too much is dropped, and what the API server refuses is logged.
 */
export type EventRecorderOptions = {
  readonly client: ApiClient;
  readonly logger: Logger;
  /** The pod's name. */
  readonly instance: string;
  readonly now?: () => number;
};

const SENDERS = 4;
const MOST_WAITING = 2000;
const LONGEST_MESSAGE = 1024;
const LONGEST_NAME = 230;

export class EventRecorder {
  readonly #client: ApiClient;
  readonly #logger: Logger;
  readonly #instance: string;
  readonly #now: () => number;
  readonly #series = new EventSeries();
  readonly #queue = new WorkQueue();
  #isClosed = false;

  constructor({ client, logger, instance, now = Date.now }: EventRecorderOptions) {
    this.#client = client;
    this.#logger = logger;
    this.#instance = instance;
    this.#now = now;
    for (let sender = 0; sender < SENDERS; sender += 1) void this.#send();
  }

  /** The object needs apiVersion and kind, which items of a list lack. */
  record(object: KubeObject, note: EventNote): void {
    if (this.#isClosed || this.#queue.depth >= MOST_WAITING) return;
    const series = this.#series.note(object, { ...note, message: note.message.slice(0, LONGEST_MESSAGE) }, this.#now());
    if (series !== undefined) this.#queue.add(series.key);
  }

  /** Writes what waits, for at most that long, and takes no more. */
  async stop(deadlineMs: number): Promise<void> {
    this.#isClosed = true;
    const deadline = performance.now() + deadlineMs;
    while (!this.#queue.isIdle && performance.now() < deadline) await sleep(10);
    this.#queue.close();
  }

  async #send(): Promise<void> {
    for (let key = await this.#queue.take(); key !== undefined; key = await this.#queue.take()) {
      const series = this.#series.get(key);
      if (series !== undefined) await this.#write(series);
      this.#queue.done(key);
    }
  }

  async #write(series: Series): Promise<void> {
    try {
      if (series.writtenAs === undefined || !(await this.#countUp(series, series.writtenAs))) await this.#create(series);
    } catch (error) {
      const { name, namespace } = series.object.metadata ?? {};
      const fields = { err: error, reason: series.note.reason, kind: series.object.kind, namespace, name };
      // A namespace that is going away takes no more Events.
      if (isForbidden(error) || isNotFound(error)) this.#logger.debug(fields, 'event refused');
      else this.#logger.warn(fields, 'event lost');
    }
  }

  /** False: the Event is gone, they live for an hour. */
  async #countUp(series: Series, name: string): Promise<boolean> {
    const ref: ObjectRef = { namespace: namespaceOf(series.object), name };
    try {
      await this.#client.mergePatch(resources.Event, ref, { count: series.count, lastTimestamp: formatTime(series.lastAt) });
      return true;
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  }

  async #create(series: Series): Promise<void> {
    const { apiVersion, kind, metadata = {} } = series.object;
    const { namespace, name, uid, resourceVersion } = metadata;
    const eventName = `${name?.slice(0, LONGEST_NAME)}.${randomBytes(8).toString('hex')}`;
    await this.#client.create(resources.Event, {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { namespace: namespaceOf(series.object), name: eventName },
      involvedObject: { apiVersion, kind, namespace, name, uid, resourceVersion },
      ...series.note,
      count: series.count,
      firstTimestamp: formatTime(series.firstAt),
      lastTimestamp: formatTime(series.lastAt),
      source: { component: FIELD_MANAGER },
      reportingComponent: FIELD_MANAGER,
      reportingInstance: this.#instance,
    });
    series.writtenAs = eventName;
  }
}

/** Events about cluster-scoped objects live in `default`. */
function namespaceOf(object: KubeObject): string {
  return object.metadata?.namespace ?? 'default';
}

function formatTime(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
}
