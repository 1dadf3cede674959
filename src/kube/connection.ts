import { createHash } from 'node:crypto';
import type { RequestOptions } from 'node:https';
import { Agent, ProxyAgent, type Dispatcher } from 'undici';
import type { ClusterAccess } from './cluster-access.ts';

/**
 * How to reach one API server: two connection pools and the headers that say who we are. whoever knows how to
 * log in (client-node, for files and exec plugins) reads files for every request; here it is asked once a
 * minute, and the pools are replaced only when a certificate has changed.
 */
export type Route = {
  readonly origin: string;
  /** What stands in front of `/api` where the server sits behind a path. */
  readonly prefix: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly calls: Dispatcher;
  readonly watches: Dispatcher;
};

type TlsMaterial = Pick<RequestOptions, 'ca' | 'cert' | 'key' | 'servername' | 'rejectUnauthorized'>;

/** Tokens and CA files are read again this often; client-go does the same. */
const REFRESH_MS = 60_000;
/** Requests in flight: more than this only queues inside the API server. */
const CONNECTIONS = 32;

export class Connection {
  readonly #cluster: ClusterAccess;
  readonly #now: () => number;
  #route: Route | undefined;
  #fingerprint = '';
  #refreshAt = 0;
  #refreshing: Promise<Route> | undefined;

  constructor(cluster: ClusterAccess, now: () => number = Date.now) {
    this.#cluster = cluster;
    this.#now = now;
  }

  async route(): Promise<Route> {
    if (this.#route !== undefined && this.#now() < this.#refreshAt) return this.#route;
    this.#refreshing ??= this.#refresh().finally(() => (this.#refreshing = undefined));
    return await this.#refreshing;
  }

  /** The server did not accept our credentials: read them again before the next request. */
  expire(): void {
    this.#refreshAt = 0;
  }

  async close(): Promise<void> {
    await Promise.all([this.#route?.calls.destroy(), this.#route?.watches.destroy()]);
    this.#route = undefined;
  }

  async #refresh(): Promise<Route> {
    const cluster = this.#cluster.getCurrentCluster();
    if (cluster === null) throw new Error('the kubeconfig names no current cluster');
    const options: RequestOptions = {};
    await this.#cluster.applyToHTTPSOptions(options);
    const { ca, cert, key, servername, rejectUnauthorized } = options;
    const tls = withoutUndefined({ ca, cert, key, servername, rejectUnauthorized });
    const url = new URL(cluster.server);
    this.#route = {
      origin: url.origin,
      prefix: url.pathname.replace(/\/$/, ''),
      headers: authorizationHeaders(options),
      ...this.#pools(tls, cluster.proxyUrl),
    };
    this.#refreshAt = this.#now() + REFRESH_MS;
    return this.#route;
  }

  #pools(tls: TlsMaterial, proxyUrl: string | undefined): Pick<Route, 'calls' | 'watches'> {
    const fingerprint = createHash('sha256').update(JSON.stringify(Object.entries(tls).map(String))).digest('hex');
    const { calls, watches } = this.#route ?? {};
    if (calls !== undefined && watches !== undefined && fingerprint === this.#fingerprint) return { calls, watches };
    // Requests in flight finish on the old pools; a watch moves over when its time is up.
    void calls?.close();
    void watches?.close();
    this.#fingerprint = fingerprint;
    return { calls: buildPool(tls, proxyUrl, CONNECTIONS), watches: buildPool(tls, proxyUrl, null) };
  }
}

function buildPool(tls: TlsMaterial, proxyUrl: string | undefined, connections: number | null): Dispatcher {
  const options = {
    connections,
    // HTTP/1.1: one lost connection costs one request, not all of them, and a watch cannot starve a call.
    allowH2: false,
    keepAliveTimeout: 60_000,
    bodyTimeout: 0,
  };
  // 10 s of silence, then ten probes a second apart: a peer that has vanished is noticed after 20 s.
  const connect = { ...tls, timeout: 5000, keepAlive: true, keepAliveInitialDelay: 10_000 };
  if (proxyUrl === undefined) return new Agent({ ...options, connect });
  if (!proxyUrl.startsWith('http')) throw new Error(`proxy-url ${proxyUrl} in the kubeconfig: only HTTP proxies are supported`);
  return new ProxyAgent({ ...options, uri: proxyUrl, requestTls: connect });
}

function authorizationHeaders(options: RequestOptions): Record<string, string> {
  const headers: Record<string, string> = {};
  if (typeof options.auth === 'string') headers['authorization'] = `Basic ${Buffer.from(options.auth).toString('base64')}`;
  for (const [name, value] of Object.entries(options.headers ?? {})) headers[name.toLowerCase()] = String(value).trim();
  return headers;
}

function withoutUndefined<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as never;
}
