import type { ApiClient } from './api-client.ts';
import { Cache } from './cache.ts';
import type { IndexFunctions } from './indexes.ts';
import type { Logger } from './logger.ts';
import type { KubeObject } from './object.ts';
import { Reflector, withoutManagedFields, type Selection } from './reflector.ts';

/** A cache and the reflector that keeps it current. Every replica runs its informers, leader or not. */
export type InformerOptions<T> = Selection & {
  readonly client: ApiClient;
  readonly logger: Logger;
  readonly indexes?: IndexFunctions<T>;
  /** What to keep of an object; its managedFields are dropped in any case. It changes nothing in place. */
  readonly prune?: (object: T) => T;
};

export class Informer<T extends KubeObject> {
  readonly cache: Cache<T>;
  readonly #reflector: Reflector<T>;
  readonly #synced = Promise.withResolvers<void>();

  constructor({ client, logger, indexes = {}, prune = (object) => object, ...selection }: InformerOptions<T>) {
    const slim = (object: T): T => prune(withoutManagedFields(object));
    this.cache = new Cache({ logger, indexes, prune: slim });
    const { cache } = this;
    const sink = {
      replace: (objects: readonly T[], resourceVersion: string) => {
        cache.replace(objects, resourceVersion);
        this.#synced.resolve();
      },
      upsert: (object: T) => cache.upsert(object),
      remove: (object: T) => cache.remove(object),
    };
    this.#reflector = new Reflector({ client, logger, selection, sink, prune: slim });
  }

  get hasSynced(): boolean {
    return this.cache.hasSynced;
  }

  async whenSynced(): Promise<void> {
    await this.#synced.promise;
  }

  /** Runs until the signal is aborted; never throws. */
  async run(signal: AbortSignal): Promise<void> {
    await this.#reflector.run(signal);
  }
}
