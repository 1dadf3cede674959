// The listeners and upstreams that run, brought in line with each new generation.
// Rule: everything that can fail (opening ports) happens before anything running is changed. One exception: a port cannot be bound to another
// address while it is bound to the old one, so there the old socket is closed first, and opened again if the set cannot be applied after all.
import type { Generation, ListenerMaterial } from './load-generation.ts';
import { startHealthChecks } from './health-check.ts';
import { Listener, type ListenerServices } from './listener.ts';
import type { ListenerView, Route } from './listener-view.ts';
import { HeaderPolicy } from './request-headers.ts';
import { UpstreamPool, type PoolOptions } from './upstream-pool.ts';

const DEFAULT_IDLE_MS = { HTTP: 60_000, TCP: 3_600_000 } as const;

interface RunningPool {
  readonly pool: UpstreamPool;
  readonly checks: AbortController;
}

export class ListenerSet {
  readonly #services: ListenerServices;
  readonly #poolOptions: PoolOptions;
  #listeners = new Map<string, Listener>();
  #pools = new Map<string, RunningPool>();
  /** Closed by a reload, but with connections left. */
  readonly #leaving = new Set<Listener>();

  constructor(services: ListenerServices, poolOptions: PoolOptions) {
    this.#services = services;
    this.#poolOptions = poolOptions;
  }

  get listeners(): readonly Listener[] {
    return [...this.#listeners.values()];
  }

  /** Throws before anything has changed. */
  async apply(generation: Generation): Promise<void> {
    const pools = await this.#preparePools(generation);
    const { views, opened } = await this.#prepareListeners(generation, pools).catch((error: unknown) => {
      for (const [name, running] of pools) if (this.#pools.get(name) !== running) retire(running);
      throw error;
    });
    for (const [key, view] of views) this.#listeners.get(key)?.update(view);
    for (const [key, listener] of opened) this.#listeners.set(key, listener);
    for (const [key, listener] of this.#listeners) if (!views.has(key)) this.#leave(key, listener);
    this.#replacePools(pools);
  }

  #replacePools(pools: Map<string, RunningPool>): void {
    for (const [name, running] of this.#pools) if (pools.get(name) !== running) retire(running);
    for (const [name, { pool, checks }] of pools) if (this.#pools.get(name)?.pool !== pool) startHealthChecks(pool, checks.signal);
    this.#pools = pools;
  }

  /** Finishes what is under way; resolves when all is done. */
  async drain(): Promise<void> {
    await Promise.all([...this.#listeners.values(), ...this.#leaving].map((listener) => listener.drain()));
    this.#retireAll();
  }

  destroy(): void {
    for (const listener of [...this.#listeners.values(), ...this.#leaving]) listener.destroy();
    this.#retireAll();
  }

  async #preparePools({ upstreams }: Generation): Promise<Map<string, RunningPool>> {
    const pools = new Map(upstreams.map((material): [string, RunningPool] => {
      const running = this.#pools.get(material.model.name);
      if (running?.pool.material.sha256 === material.sha256) return [material.model.name, running];
      return [material.model.name, { pool: new UpstreamPool(material, this.#poolOptions), checks: new AbortController() }];
    }));
    await Promise.all([...pools].filter(([name, running]) => this.#pools.get(name) !== running).map(([, { pool }]) => pool.start()));
    return pools;
  }

  async #prepareListeners(generation: Generation, pools: ReadonlyMap<string, RunningPool>): Promise<{ views: Map<string, ListenerView>; opened: Map<string, Listener> }> {
    const views = new Map(generation.listeners.map((material) => [keyOf(material), viewOf(material, generation, pools)]));
    return { views, opened: await this.#openPorts(views) };
  }

  async #openPorts(views: ReadonlyMap<string, ListenerView>): Promise<Map<string, Listener>> {
    const opened = new Map<string, Listener>();
    const added = [...views].filter(([key]) => !this.#listeners.has(key));
    const moving = [...this.#listeners].filter(([key, { port }]) => !views.has(key) && added.some(([, view]) => view.port === port)).map(([, listener]) => listener);
    try {
      for (const listener of moving) listener.pause();
      for (const [key, view] of added) {
        const listener = new Listener(view, this.#services);
        opened.set(key, listener);
        await listener.listen();
      }
    } catch (error) {
      for (const listener of opened.values()) listener.destroy();
      await Promise.all(moving.map((listener) => listener.listen()));
      throw error;
    }
    return opened;
  }

  #leave(key: string, listener: Listener): void {
    this.#listeners.delete(key);
    this.#leaving.add(listener);
    void listener.drain().then(() => this.#leaving.delete(listener));
  }

  #retireAll(): void {
    for (const running of this.#pools.values()) retire(running);
    this.#pools.clear();
  }
}

function keyOf({ port, model: { bind, name } }: ListenerMaterial): string {
  return port === 0 ? name : `${bind}|${port}`; // port 0: any free one, in tests
}

function viewOf({ model, port, tls }: ListenerMaterial, generation: Generation, pools: ReadonlyMap<string, RunningPool>): ListenerView {
  const routes = model.routes.map((route, index): Route => {
    const pool = route.target.kind === 'upstream' ? pools.get(route.target.upstream)?.pool : undefined;
    if (route.target.kind === 'upstream' && pool === undefined) throw new Error(`listener ${model.name} routes to ${route.target.upstream}, which is no upstream`);
    return { model: route, index, ...(route.clients === undefined ? {} : { clients: route.clients }), ...(pool === undefined ? {} : { upstream: pool }) };
  });
  const { idleTimeoutMs = DEFAULT_IDLE_MS[model.protocol], accessLog } = generation.model;
  return { model, port, routes, policy: new HeaderPolicy(model.clientCertificateHeader), idleTimeoutMs, accessLog, ...(tls === undefined ? {} : { tls }) };
}

function retire({ pool, checks }: RunningPool): void {
  checks.abort();
  pool.retire();
}
