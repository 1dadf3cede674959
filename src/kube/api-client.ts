import { FIELD_MANAGER } from '../api/names.ts';
import type { ClusterAccess } from './cluster-access.ts';
import { Connection } from './connection.ts';
import { formatKey, type KubeObject, type ObjectRef } from './object.ts';
import { collectionPath, objectPath, type Resource } from './resources.ts';
import { Transport, type HttpRequest } from './transport.ts';

/**
 * The verbs of the Kubernetes API on raw JSON objects. One client is shared by the whole process: it keeps at most
 * 32 connections, which is also the limit of calls in flight. Every failure says verb, kind and name.
 */
export type CallOptions = {
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number;
  readonly query?: Readonly<Record<string, string>>;
  readonly subresource?: string;
};

export type ListOptions = CallOptions & {
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
  /** Ask for names, labels and annotations only (PartialObjectMetadata): the rest stays in the API server. */
  readonly metadataOnly?: boolean;
  readonly pageSize?: number;
};

export type Page<T> = { readonly items: T[]; readonly resourceVersion: string };

export type WatchOptions = Omit<ListOptions, 'pageSize' | 'signal'> & {
  readonly resourceVersion: string;
  readonly timeoutSeconds: number;
  readonly signal: AbortSignal;
};

export type DeleteOptions = CallOptions & {
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
  readonly propagationPolicy?: 'Foreground' | 'Background' | 'Orphan';
};

export type JsonPatchOperation = { readonly op: string; readonly path: string; readonly value?: unknown; readonly from?: string };

const CALL_TIMEOUT_MS = 15_000;
const LIST_TIMEOUT_MS = 60_000;
const PAGE_SIZE = 500;
const JSON_TYPE = 'application/json';
const METADATA = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1';
const METADATA_LIST = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';

type ListBody<T> = { items?: T[] | null; metadata?: { resourceVersion?: string; continue?: string } };
type Content = { readonly type: string; readonly body: unknown };

export class ApiClient {
  readonly #connection: Connection;
  readonly #transport: Transport;

  constructor(cluster: ClusterAccess, { version = 'dev' }: { readonly version?: string } = {}) {
    this.#connection = new Connection(cluster);
    this.#transport = new Transport({ connection: this.#connection, userAgent: `tenant-mtls/${version}` });
  }

  async get<T = KubeObject>(resource: Resource, ref: ObjectRef, options: CallOptions = {}): Promise<T> {
    const path = objectPath(resource, ref, options.subresource) + queryString(options.query);
    return await this.#call<T>({ method: 'GET', path, attempt: name('get', resource, ref), idempotent: true }, options);
  }

  /** Everything at once; for more than a few hundred objects use `pages`. */
  async list<T = KubeObject>(resource: Resource, options: ListOptions = {}): Promise<Page<T>> {
    const items: T[] = [];
    let resourceVersion = '';
    for await (const page of this.pages<T>(resource, options)) {
      items.push(...page.items);
      resourceVersion = page.resourceVersion;
    }
    return { items, resourceVersion };
  }

  /** The pages of one consistent snapshot. A page that comes too late fails with 410: begin again. */
  async *pages<T = KubeObject>(resource: Resource, options: ListOptions = {}): AsyncGenerator<Page<T>> {
    const { namespace, pageSize = PAGE_SIZE } = options;
    const collection = collectionPath(resource, namespace);
    const attempt = describe('list', resource, namespace);
    const accept = options.metadataOnly === true ? METADATA_LIST : JSON_TYPE;
    let next: string | undefined;
    do {
      const path = collection + queryString({ ...selection(options), limit: String(pageSize), continue: next });
      const request = { method: 'GET', path, attempt, accept, idempotent: true } as const;
      const { items, metadata = {} } = await this.#call<ListBody<T>>(request, { timeoutMs: LIST_TIMEOUT_MS, ...options });
      yield { items: items ?? [], resourceVersion: metadata.resourceVersion ?? '' };
      next = metadata.continue;
    } while (next !== undefined && next !== '');
  }

  /** The raw lines of a watch; see watch.ts, which reads them. */
  async watch(resource: Resource, options: WatchOptions): Promise<AsyncIterable<Buffer>> {
    const query = {
      ...selection(options),
      watch: 'true',
      allowWatchBookmarks: 'true',
      resourceVersion: options.resourceVersion,
      timeoutSeconds: String(options.timeoutSeconds),
    };
    return await this.#transport.stream({
      method: 'GET',
      path: collectionPath(resource, options.namespace) + queryString(query),
      attempt: describe('watch', resource, options.namespace),
      idempotent: true,
      timeoutMs: CALL_TIMEOUT_MS,
      signal: options.signal,
      accept: options.metadataOnly === true ? METADATA : JSON_TYPE,
    });
  }

  async create<T extends KubeObject>(resource: Resource, object: T, options: CallOptions = {}): Promise<T> {
    const ref = refOf(object);
    const target = options.subresource === undefined ? collectionPath(resource, ref.namespace) : objectPath(resource, ref, options.subresource);
    const path = target + queryString({ fieldManager: FIELD_MANAGER, ...options.query });
    const body = JSON.stringify(object);
    return await this.#call<T>({ method: 'POST', path, attempt: name('create', resource, ref), idempotent: false, body }, options);
  }

  /** Guarded by the resourceVersion the object carries: a stale one is a conflict. */
  async replace<T extends KubeObject>(resource: Resource, object: T, options: CallOptions = {}): Promise<T> {
    const ref = refOf(object);
    const path = objectPath(resource, ref, options.subresource) + queryString({ fieldManager: FIELD_MANAGER, ...options.query });
    const body = JSON.stringify(object);
    return await this.#call<T>({ method: 'PUT', path, attempt: name('replace', resource, ref), idempotent: false, body }, options);
  }

  /** Server-side apply: the fields given are ours from now on, whoever had them before; fields we gave up are removed. */
  async applyServerSide<T extends KubeObject>(resource: Resource, object: T, options: CallOptions = {}): Promise<T> {
    const content = { type: 'application/apply-patch+yaml', body: object };
    const query = { force: 'true', ...options.query };
    return await this.#patch<T>(resource, refOf(object), content, { ...options, query });
  }

  async mergePatch<T = KubeObject>(resource: Resource, ref: ObjectRef, patch: object, options: CallOptions = {}): Promise<T> {
    return await this.#patch<T>(resource, ref, { type: 'application/merge-patch+json', body: patch }, options);
  }

  /** Repeated after a lost connection only if it fails when done twice: begin with a `test` operation where that matters. */
  async jsonPatch<T = KubeObject>(resource: Resource, ref: ObjectRef, patch: readonly JsonPatchOperation[], options: CallOptions = {}): Promise<T> {
    return await this.#patch<T>(resource, ref, { type: 'application/json-patch+json', body: patch }, options);
  }

  /** Merges into the status; a resourceVersion makes it conditional. */
  async patchStatus<T = KubeObject>(resource: Resource, ref: ObjectRef & { readonly resourceVersion?: string }, status: object, options: CallOptions = {}): Promise<T> {
    const guard = ref.resourceVersion === undefined ? {} : { metadata: { resourceVersion: ref.resourceVersion } };
    return await this.mergePatch<T>(resource, ref, { ...guard, status }, { ...options, subresource: 'status' });
  }

  async delete(resource: Resource, ref: ObjectRef, options: DeleteOptions = {}): Promise<void> {
    const { preconditions, propagationPolicy } = options;
    const { dryRun, ...query } = options.query ?? {};
    const path = objectPath(resource, ref) + queryString(query);
    // Of a DELETE with a body the API server reads options nowhere else.
    const body = JSON.stringify({ apiVersion: 'v1', kind: 'DeleteOptions', preconditions, propagationPolicy, dryRun: dryRun === undefined ? undefined : [dryRun] });
    await this.#call({ method: 'DELETE', path, attempt: name('delete', resource, ref), idempotent: true, body }, options);
  }

  /** Anything else: `/version`, `/readyz`, token requests. The answer must be JSON. */
  async request<T>(method: HttpRequest['method'], path: string, body?: unknown, options: CallOptions = {}): Promise<T> {
    const request = { method, path: path + queryString(options.query), attempt: `${method.toLowerCase()} ${path}`, idempotent: method === 'GET' };
    return await this.#call<T>(body === undefined ? request : { ...request, body: JSON.stringify(body) }, options);
  }

  /** What the API server's clock says now; undefined before its first answer. */
  serverTime(): Date | undefined {
    return this.#transport.clock.now();
  }

  async close(): Promise<void> {
    await this.#connection.close();
  }

  async #patch<T>(resource: Resource, ref: ObjectRef, content: Content, options: CallOptions): Promise<T> {
    const path = objectPath(resource, ref, options.subresource) + queryString({ fieldManager: FIELD_MANAGER, ...options.query });
    const contentType = content.type;
    // A JSON patch may append to a list; the other two say what the result is.
    const idempotent = contentType !== 'application/json-patch+json';
    const request = { method: 'PATCH', path, attempt: name('patch', resource, ref), idempotent, contentType, body: JSON.stringify(content.body) } as const;
    return await this.#call<T>(request, options);
  }

  async #call<T>(request: Omit<HttpRequest, 'timeoutMs'>, { signal, timeoutMs = CALL_TIMEOUT_MS }: CallOptions): Promise<T> {
    return (await this.#transport.send({ ...request, signal, timeoutMs })) as T;
  }
}

function refOf(object: KubeObject): ObjectRef {
  return { namespace: object.metadata?.namespace, name: object.metadata?.name ?? '' };
}

function name(verb: string, resource: Resource, ref: ObjectRef): string {
  return `${verb} ${resource.kind} ${formatKey(ref)}`;
}

function describe(verb: string, resource: Resource, namespace: string | undefined): string {
  return `${verb} ${resource.plural} in ${namespace === undefined ? 'the cluster' : `namespace ${namespace}`}`;
}

type Query = Readonly<Record<string, string | undefined>>;

function selection({ labelSelector, fieldSelector, query }: ListOptions): Query {
  return { ...query, labelSelector, fieldSelector };
}

function queryString(query: Query = {}): string {
  const given = Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return given.length === 0 ? '' : `?${new URLSearchParams(given).toString()}`;
}
