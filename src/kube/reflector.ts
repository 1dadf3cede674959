import { setTimeout as sleep } from 'node:timers/promises';
import { isGone, isNotFound, ApiError } from './api-error.ts';
import type { ApiClient } from './api-client.ts';
import type { Logger } from './logger.ts';
import type { KubeObject, ObjectMeta } from './object.ts';
import type { Resource } from './resources.ts';
import { isNewer } from './resource-version.ts';
import { readWatch, type WatchEvent } from './watch.ts';

/**
 * Keeps a sink equal to what the API server has: lists in pages, then watches from there on, for ever.
 *
 *     list ──► watch ──ended in time──► watch        from the last resourceVersion
 *       ▲        ├─────any error──────► back-off, watch
 *       └──410───┘
 */
export type Selection = {
  readonly resource: Resource;
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
  readonly metadataOnly?: boolean;
  /** The kind may not be installed (yet): that is no reason to warn. */
  readonly isOptional?: boolean;
};

export type Sink<T> = {
  replace(objects: readonly T[], resourceVersion: string): void;
  upsert(object: T): void;
  remove(object: T): void;
};

export type ReflectorOptions<T> = {
  readonly client: ApiClient;
  readonly selection: Selection;
  readonly sink: Sink<T>;
  readonly logger: Logger;
  /** Applied to each object as it arrives, so that a long list is never in memory as a whole. It changes nothing in place. */
  readonly prune?: (object: T) => T;
  readonly random?: () => number;
  readonly silenceMs?: number;
};

/** Two bookmarks have failed to come. */
const SILENCE_MS = 130_000;
const SHORTEST_WATCH_S = 240;
const SHORTEST_END_MS = 1000;
const FIRST_WAIT_MS = 200;
/** With a connection timeout of 5 s and the jitter, a watch is back within 30 s after the server is. */
const LONGEST_WAIT_MS = 20_000;
const RECONNECT_MS = 100;

export class Reflector<T extends KubeObject> {
  readonly #options: Required<Omit<ReflectorOptions<T>, 'prune'>>;
  readonly #prune: (object: T) => T;
  #resourceVersion: string | undefined;
  #failures = 0;

  constructor({ prune = withoutManagedFields, ...options }: ReflectorOptions<T>) {
    this.#options = { random: Math.random, silenceMs: SILENCE_MS, ...options };
    this.#prune = prune;
  }

  /** Runs until the signal is aborted; never throws. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const waitMs = await this.#turn(signal);
      await sleep(waitMs, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Lists if need be and watches to the end. Returns how long to wait before the next turn. */
  async #turn(signal: AbortSignal): Promise<number> {
    try {
      if (this.#resourceVersion === undefined) await this.#list(signal);
      const startedAt = performance.now();
      await this.#watch(signal);
      // Something in between that ends every watch at once must not make us ask for ever.
      if (performance.now() - startedAt < SHORTEST_END_MS) throw new Error('the watch ended as soon as it had begun');
      return this.#options.random() * RECONNECT_MS;
    } catch (error) {
      if (signal.aborted) return 0;
      if (isGone(error)) this.#resourceVersion = undefined;
      return this.#failed(error);
    }
  }

  async #list(signal: AbortSignal): Promise<void> {
    const { client, selection, sink } = this.#options;
    const objects: T[] = [];
    let resourceVersion = '';
    for await (const page of client.pages<T>(selection.resource, { ...selection, signal })) {
      for (const object of page.items) objects.push(this.#prune(object));
      resourceVersion = page.resourceVersion;
    }
    sink.replace(objects, resourceVersion);
    this.#resourceVersion = resourceVersion;
    this.#failures = 0;
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const { client, selection, silenceMs, random } = this.#options;
    const timeoutSeconds = Math.round(SHORTEST_WATCH_S * (1 + random() * 0.25));
    const resourceVersion = this.#resourceVersion ?? '';
    await readWatch<T>({
      open: async (ending) => await client.watch(selection.resource, { ...selection, resourceVersion, timeoutSeconds, signal: ending }),
      onEvent: (event) => this.#apply(event),
      silenceMs,
      signal,
    });
  }

  #apply({ type, object }: WatchEvent<T>): void {
    const resourceVersion = object.metadata?.resourceVersion;
    if (type === 'BOOKMARK') this.#assertForward(resourceVersion);
    else if (type === 'DELETED') this.#options.sink.remove(this.#prune(object));
    else this.#options.sink.upsert(this.#prune(object));
    this.#resourceVersion = resourceVersion ?? this.#resourceVersion;
    this.#failures = 0;
  }

  /** A server restored from a backup would keep us waiting for a future that it has forgotten. */
  #assertForward(resourceVersion: string | undefined): void {
    if (resourceVersion === this.#resourceVersion || isNewer(resourceVersion, this.#resourceVersion)) return;
    throw new ApiError('watch', { code: 410, reason: 'Expired', message: 'the resourceVersion went back' });
  }

  #failed(error: unknown): number {
    const { selection, logger, random } = this.#options;
    const step = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** this.#failures);
    const askedMs = error instanceof ApiError ? (error.retryAfterMs ?? 0) : 0;
    const waitMs = Math.max(step, Math.min(askedMs, LONGEST_WAIT_MS)) * (1 - random() * 0.5);
    this.#failures += 1;
    const fields = { err: error, resource: selection.resource.plural, namespace: selection.namespace, waitMs: Math.round(waitMs) };
    if (selection.isOptional === true && isNotFound(error)) logger.debug(fields, 'kind is not installed');
    else if (isGone(error)) logger.info(fields, 'watch is too far behind, listing again');
    else logger.warn(fields, 'watch lost');
    return waitMs;
  }
}

/** Nobody here reads who set which field, and it is a third of an object. */
export function withoutManagedFields<T extends KubeObject>(object: T): T {
  const { managedFields: _, ...metadata } = (object.metadata ?? {}) as ObjectMeta & { readonly managedFields?: unknown };
  return { ...object, metadata };
}
