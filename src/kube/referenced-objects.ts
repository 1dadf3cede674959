import type { ApiClient } from './api-client.ts';
import { Informer } from './informer.ts';
import type { Logger } from './logger.ts';
import { formatKey, keyOf, type KubeObject, type ObjectRef } from './object.ts';
import type { Resource } from './resources.ts';

/**
 * Objects that others wrote and ours refer to by name (a CA Secret, a trust ConfigMap), each kept current by a watch on
 * that one name, as the kubelet does: memory and rights are used for what is referred to, never for the whole cluster.
 */
export type Reference<T> = { readonly state: 'unknown' } | { readonly state: 'absent' } | { readonly state: 'present'; readonly object: T };

type Options = {
  readonly client: ApiClient;
  readonly resource: Resource;
  readonly logger: Logger;
  /** Nothing is kept of the objects but their metadata. */
  readonly metadataOnly?: boolean;
  /** Called with namespace/name when an object was first looked up or has changed. */
  readonly onChange: (key: string) => void;
};

type Entry<T extends KubeObject> = { readonly informer: Informer<T>; readonly stop: AbortController };

export class ReferencedObjects<T extends KubeObject> {
  readonly #options: Options;
  readonly #entries = new Map<string, Entry<T>>();
  #closed = false;

  constructor(options: Options) {
    this.#options = options;
  }

  /** What is known of the object. The first call begins to watch it and knows nothing yet; `onChange` follows. */
  get(ref: ObjectRef): Reference<T> {
    const key = formatKey(ref);
    const entry = this.#entries.get(key) ?? this.#follow(key, ref);
    if (!entry.informer.hasSynced) return { state: 'unknown' };
    const object = entry.informer.cache.get(key);
    return object === undefined ? { state: 'absent' } : { state: 'present', object };
  }

  /** What the API server answered to a write of ours; ignored where nobody watches the object. */
  observe(object: T): void {
    this.#entries.get(keyOf(object))?.informer.cache.observe(object);
  }

  /** Stops watching everything that is not in `keys`. */
  retain(keys: ReadonlySet<string>): void {
    for (const [key, { stop }] of this.#entries) {
      if (keys.has(key)) continue;
      stop.abort();
      this.#entries.delete(key);
    }
  }

  get size(): number {
    return this.#entries.size;
  }

  close(): void {
    this.#closed = true;
    this.retain(new Set());
  }

  #follow(key: string, ref: ObjectRef): Entry<T> {
    const { client, resource, logger, onChange, metadataOnly = false } = this.#options;
    const informer = new Informer<T>({ client, resource, logger, namespace: ref.namespace, fieldSelector: `metadata.name=${ref.name}`, metadataOnly });
    const entry = { informer, stop: new AbortController() };
    this.#entries.set(key, entry);
    if (this.#closed) return entry;
    informer.cache.onChange((_, __, ___, origin) => {
      if (origin !== 'list' || informer.hasSynced) onChange(key);
    });
    void informer.whenSynced().then(() => onChange(key));
    void informer.run(entry.stop.signal);
    return entry;
  }
}
