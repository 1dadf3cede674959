// What a review needs to know of the cluster. One rule: the caches answer; only what they do not know yet is asked for, once and
// for at most a second, so that objects applied together with the pod are found.
import type { Namespace } from '../api/object-meta.ts';
import type { TenantCertificate } from '../api/tenant-certificate.ts';
import type { ApiClient } from '../kube/api-client.ts';
import { isNotFound } from '../kube/api-error.ts';
import { formatKey } from '../kube/object.ts';
import type { KubeObject, ObjectRef } from '../kube/object.ts';
import { resources } from '../kube/resources.ts';
import type { Resource } from '../kube/resources.ts';

type Maybe<T> = T | undefined | Promise<T | undefined>;

/** `undefined`: there is no such object. Rejects when the API server does not say. */
export interface Lookups {
  readonly certificate: (namespace: string, name: string) => Maybe<TenantCertificate>;
  readonly namespace: (name: string) => Maybe<Namespace>;
  /** Absent: every namespace is. */
  readonly isServed?: (namespace: string) => boolean;
}

interface ReadableCache<T> {
  get(key: string): T | undefined;
}

export interface LookupOptions {
  readonly client: Pick<ApiClient, 'get'>;
  readonly certificates: ReadableCache<TenantCertificate>;
  readonly namespaces: ReadableCache<Namespace>;
  /** The only ones served; empty: all. */
  readonly watchNamespaces?: readonly string[];
}

const LOOKUP_MS = 1000;

export function createLookups({ client, certificates, namespaces, watchNamespaces = [] }: LookupOptions): Lookups {
  return {
    certificate: (namespace, name) => certificates.get(formatKey({ namespace, name })) ?? fetchOnce(client, resources.TenantCertificate, { namespace, name }),
    namespace: (name) => namespaces.get(name) ?? fetchOnce(client, resources.Namespace, { name }),
    isServed: (namespace) => watchNamespaces.length === 0 || watchNamespaces.includes(namespace),
  };
}

async function fetchOnce<T extends KubeObject>(client: LookupOptions['client'], resource: Resource, ref: ObjectRef): Promise<T | undefined> {
  try {
    // The signal also ends retries, which the time-out of a single call does not.
    return await client.get<T>(resource, ref, { timeoutMs: LOOKUP_MS, signal: AbortSignal.timeout(LOOKUP_MS) });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
