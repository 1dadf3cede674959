import type { ApiClient } from './api-client.ts';
import { Cache } from './cache.ts';
import type { IndexFunctions } from './indexes.ts';
import type { Logger } from './logger.ts';
import type { KubeObject } from './object.ts';
import { Reflector, withoutManagedFields, type Selection, type Sink } from './reflector.ts';

/** A cache and what keeps it current: one reflector, or one for each namespace listed. Every replica runs its informers, leader or not. */
export type InformerOptions<T> = Selection & {
  /** Instead of the whole cluster; empty: the whole cluster. */
  readonly namespaces?: readonly string[];
  readonly client: ApiClient;
  readonly logger: Logger;
  readonly indexes?: IndexFunctions<T>;
  /** What to keep of an object; its managedFields are dropped in any case. It changes nothing in place. */
  readonly prune?: (object: T) => T;
};

export class Informer<T extends KubeObject> {
  readonly cache: Cache<T>;
  readonly #reflectors: readonly Reflector<T>[];
  readonly #synced = Promise.withResolvers<void>();
  readonly #unlisted: Set<string | undefined>;

  constructor({ client, logger, indexes = {}, prune = (object) => object, namespaces = [], ...selection }: InformerOptions<T>) {
    const slim = (object: T): T => prune(withoutManagedFields(object));
    this.cache = new Cache({ logger, indexes, prune: slim });
    const scopes = namespaces.length > 0 && selection.resource.namespaced ? namespaces : [selection.namespace];
    this.#unlisted = new Set(scopes);
    this.#reflectors = scopes.map((namespace) => new Reflector({ client, logger, selection: { ...selection, namespace }, sink: this.#sink(namespace), prune: slim }));
  }

  /** A first list of every scope has arrived: what is not in the cache does not exist. */
  get hasSynced(): boolean {
    return this.#unlisted.size === 0;
  }

  async whenSynced(): Promise<void> {
    await this.#synced.promise;
  }

  /** Runs until the signal is aborted; never throws. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#reflectors.map(async (reflector) => await reflector.run(signal)));
  }

  #sink(namespace: string | undefined): Sink<T> {
    const { cache } = this;
    return {
      replace: (objects, resourceVersion) => {
        // Before the handlers hear of the objects: whoever asks them "is that all" gets the right answer.
        this.#unlisted.delete(namespace);
        cache.replace(objects, resourceVersion, namespace);
        if (this.hasSynced) this.#synced.resolve();
      },
      upsert: (object) => cache.upsert(object),
      remove: (object) => cache.remove(object),
    };
  }
}
