import { Indexes, type IndexFunctions } from './indexes.ts';
import type { Logger } from './logger.ts';
import { keyOf, type KubeObject } from './object.ts';
import { compareResourceVersions, isNewer } from './resource-version.ts';

/**
 * The objects of one kind as last heard of, from a watch or from our own writes, whichever is newer. A writer tells
 * the cache what the API server answered, and an older event never brings the state before the write back: so a
 * reconcile cannot act on a world in which its own last write has not happened. Objects are shared: never change one.
 */
export type Origin = 'list' | 'watch' | 'write';

/** `before` undefined: appeared; `after` undefined: vanished. */
export type ChangeHandler<T> = (key: string, before: T | undefined, after: T | undefined, origin: Origin) => void;

export type CacheOptions<T> = {
  readonly logger: Logger;
  readonly indexes?: IndexFunctions<T>;
  /** Makes of a written object what is worth keeping in memory; lists and events come in pruned. It changes nothing in place. */
  readonly prune?: (object: T) => T;
};

/** Objects that are gone, whose late events and answers must not bring them back; more than could be in flight. */
const TOMBSTONES = 4096;

/** Of an object that we have deleted: nothing about it is ever news. */
const FOR_EVER = undefined;

export class Cache<T extends KubeObject> {
  readonly #logger: Logger;
  readonly #prune: (object: T) => T;
  readonly #objects = new Map<string, T>();
  readonly #indexes: Indexes<T>;
  readonly #handlers = new Set<ChangeHandler<T>>();
  /** By uid, the resourceVersion with which it went. */
  readonly #tombstones = new Map<string, string | undefined>();
  #hasSynced = false;
  /** The server's time, so to speak: of the last list or event. */
  readonly #heardAt = new Map<string | undefined, string | undefined>();

  constructor({ logger, indexes = {}, prune = (object) => object }: CacheOptions<T>) {
    this.#logger = logger;
    this.#prune = prune;
    this.#indexes = new Indexes(indexes);
  }

  get size(): number {
    return this.#objects.size;
  }

  /** A first list has arrived: what is not here does not exist. */
  get hasSynced(): boolean {
    return this.#hasSynced;
  }

  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  values(): IterableIterator<T> {
    return this.#objects.values();
  }

  keys(): IterableIterator<string> {
    return this.#objects.keys();
  }

  keysBy(index: string, value: string): readonly string[] {
    return [...this.#indexes.keys(index, value)];
  }

  indexValues(index: string): Iterable<string> {
    return this.#indexes.values(index);
  }

  by(index: string, value: string): readonly T[] {
    return this.keysBy(index, value).flatMap((key) => this.#objects.get(key) ?? []);
  }

  /** Calls the handler for what is here already, then for every change. Returns how to unsubscribe. */
  onChange(handler: ChangeHandler<T>): () => void {
    this.#handlers.add(handler);
    for (const [key, object] of this.#objects) this.#call(handler, [key, undefined, object, 'list']);
    return () => this.#handlers.delete(handler);
  }

  /** What the API server answered to a write of ours. */
  observe(object: T): void {
    this.#accept(this.#prune(object), 'write');
  }

  /** An object that we have deleted and that is gone (not one that waits for its finalizers). */
  observeDeleted(object: T): void {
    this.#bury(object, FOR_EVER);
    this.#drop(object, 'write');
  }

  /** Added or changed, says the watch. */
  upsert(object: T): void {
    this.#hear(object);
    this.#accept(object, 'watch');
  }

  /** Deleted, or no longer selected by its labels: a watch calls both a deletion. The event carries the resourceVersion of it. */
  remove(object: T): void {
    this.#hear(object);
    this.#bury(object, object.metadata?.resourceVersion);
    this.#drop(object, 'watch');
  }

  /** Everything there is (in `namespace`, if given), as of `resourceVersion`. What is missing has vanished, unless it is younger than the list. */
  replace(objects: readonly T[], resourceVersion: string, namespace?: string): void {
    if (isOlder(resourceVersion, this.#heardAt.get(namespace))) this.#forgetVersions();
    this.#hasSynced = true;
    this.#heardAt.set(namespace, resourceVersion);
    for (const object of objects) this.#accept(object, 'list');
    const listed = new Set(objects.map(keyOf));
    for (const [key, object] of this.#objects) {
      if (namespace !== undefined && object.metadata?.namespace !== namespace) continue;
      const isYounger = isOlder(resourceVersion, object.metadata?.resourceVersion);
      if (!listed.has(key) && !isYounger) this.#set(key, undefined, 'list');
    }
  }

  #hear({ metadata }: T): void {
    const scope = this.#heardAt.has(metadata?.namespace) ? metadata?.namespace : undefined;
    this.#heardAt.set(scope, metadata?.resourceVersion);
  }

  /** The API server went back in time: it was restored from a backup, and whatever it says now is news. */
  #forgetVersions(): void {
    this.#tombstones.clear();
    for (const [key, object] of this.#objects) {
      const { resourceVersion: _, ...metadata } = object.metadata ?? {};
      this.#objects.set(key, { ...object, metadata });
    }
  }

  #accept(object: T, origin: Origin): void {
    if (this.#isBuried(object)) return;
    const key = keyOf(object);
    const current = this.#objects.get(key);
    if (current !== undefined && !isNewer(object.metadata?.resourceVersion, current.metadata?.resourceVersion)) return;
    this.#set(key, object, origin);
  }

  /** A successor of its name, which has another uid, stays. */
  #drop(object: T, origin: Origin): void {
    const key = keyOf(object);
    if (this.#objects.get(key)?.metadata?.uid === object.metadata?.uid) this.#set(key, undefined, origin);
  }

  /** What is younger than its going is no latecomer: somebody took its label away, and it was put back. */
  #isBuried({ metadata }: T): boolean {
    const uid = metadata?.uid ?? '';
    return this.#tombstones.has(uid) && (compareResourceVersions(metadata?.resourceVersion, this.#tombstones.get(uid)) ?? 0) <= 0;
  }

  #bury({ metadata }: T, goneAt: string | undefined): void {
    if (metadata?.uid === undefined) return;
    this.#tombstones.delete(metadata.uid);
    this.#tombstones.set(metadata.uid, goneAt);
    if (this.#tombstones.size <= TOMBSTONES) return;
    for (const oldest of this.#tombstones.keys()) return void this.#tombstones.delete(oldest);
  }

  #set(key: string, after: T | undefined, origin: Origin): void {
    const before = this.#objects.get(key);
    if (before === undefined && after === undefined) return;
    if (after === undefined) this.#objects.delete(key);
    else this.#objects.set(key, after);
    this.#indexes.update(key, before, after);
    for (const handler of this.#handlers) this.#call(handler, [key, before, after, origin]);
  }

  #call(handler: ChangeHandler<T>, change: Parameters<ChangeHandler<T>>): void {
    try {
      handler(...change);
    } catch (error) {
      // One handler's fault must not end the watch or keep the change from the others.
      this.#logger.error({ err: error, key: change[0] }, 'change handler failed');
    }
  }
}

function isOlder(a: string | undefined, b: string | undefined): boolean {
  return (compareResourceVersions(a, b) ?? 0) < 0;
}
