// The few calls by which state Secrets are written, with resourceVersions as the API server keeps them, for tests without one.
import type { Secret } from '../../../src/api/object-meta.ts';
import { ApiError } from '../../../src/kube/api-error.ts';
import type { ApiClient } from '../../../src/kube/api-client.ts';
import { Cache } from '../../../src/kube/cache.ts';
import { crlIssuerNames } from '../../../src/reconcilers/authorities/listed-authority.ts';
import { pruneSecret } from '../../../src/reconcilers/owned-secret.ts';
import type { OwnedSecret } from '../../../src/reconcilers/owned-secret.ts';
import { INDEX } from '../../../src/reconcilers/reconciler-context.ts';

export const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

const keyOf = ({ namespace, name }: { namespace?: string | undefined; name: string }) => `${namespace}/${name}`;

export class StateStore {
  readonly secrets = new Map<string, Secret>();
  readonly cache = new Cache<OwnedSecret>({ logger: quiet, indexes: { [INDEX.crlIssuer]: crlIssuerNames } });
  writes = 0;
  /** What the API server's clock says. */
  serverTime: () => Date | undefined = () => undefined;
  readonly #writes = new Map<string, number>();
  #version = 100;

  readonly client = {
    serverTime: () => this.serverTime(),
    create: async (_: unknown, secret: Secret) => {
      if (this.secrets.has(keyOf(secret.metadata))) throw new ApiError('create', { code: 409, reason: 'AlreadyExists' });
      return this.put(secret);
    },
    replace: async (_: unknown, secret: Secret) => {
      const current = this.secrets.get(keyOf(secret.metadata));
      if (current === undefined) throw new ApiError('replace', { code: 404, reason: 'NotFound' });
      if (current.metadata.resourceVersion !== secret.metadata.resourceVersion) throw new ApiError('replace', { code: 409, reason: 'Conflict' });
      return this.put(secret);
    },
    get: async (_: unknown, ref: { namespace: string; name: string }) => {
      const current = this.secrets.get(keyOf(ref));
      if (current === undefined) throw new ApiError('get', { code: 404, reason: 'NotFound' });
      return current;
    },
    mergePatch: async (_: unknown, ref: { namespace: string; name: string }, { metadata }: { metadata: { labels: Record<string, string> } }) => {
      const current = this.secrets.get(keyOf(ref));
      if (current === undefined) throw new ApiError('patch', { code: 404, reason: 'NotFound' });
      return this.put({ ...current, metadata: { ...current.metadata, labels: { ...current.metadata.labels, ...metadata.labels } } });
    },
  } as unknown as ApiClient;

  /** How often this one was written. */
  writesOf(key: string): number {
    return this.#writes.get(key) ?? 0;
  }

  /** As somebody else would. The watch has not told the cache. */
  put(secret: Secret): Secret {
    this.writes += 1;
    this.#writes.set(keyOf(secret.metadata), this.writesOf(keyOf(secret.metadata)) + 1);
    this.#version += 1;
    const stored = { ...secret, metadata: { ...secret.metadata, uid: keyOf(secret.metadata), resourceVersion: String(this.#version) } };
    this.secrets.set(keyOf(secret.metadata), stored);
    return stored;
  }

  /** What the watch would tell. */
  tell(key: string): void {
    const secret = this.secrets.get(key);
    if (secret !== undefined) this.cache.upsert(pruneSecret(secret));
  }
}
