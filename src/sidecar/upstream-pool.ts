// One upstream: its addresses, and the connections kept open to each. It lives on through reloads that do not change it.
import { Agent } from 'node:http';
import type { Socket } from 'node:net';
import { dial } from './dial.ts';
import { Http2Sessions } from './http2-sessions.ts';
import type { UpstreamMaterial } from './load-generation.ts';
import type { Metrics } from './metrics.ts';
import { AddressList, RESOLVE_INTERVAL_MS, type Address, type Resolve } from './upstream-address.ts';

export const CONNECT_TIMEOUT_MS = 3000;
/** Shorter than the 5 s after which a Node or Go server closes an idle connection: the race to send on a closing one is lost by the client. */
const IDLE_CONNECTION_MS = 4000;
const MAX_IDLE_CONNECTIONS = 256;
const FIRST_RESOLVE_WAIT_MS = 2000;

export interface PoolOptions {
  readonly resolve: Resolve;
  readonly now: () => number;
  readonly metrics: Metrics;
}

export class UpstreamPool {
  readonly material: UpstreamMaterial;
  readonly addresses: AddressList;
  readonly #metrics: Metrics;
  readonly #agents = new Map<string, Agent>();
  readonly #sessions = new Map<string, Http2Sessions>();
  #timer: NodeJS.Timeout | undefined;
  #isRetired = false;

  constructor(material: UpstreamMaterial, { resolve, now, metrics }: PoolOptions) {
    this.material = material;
    this.#metrics = metrics;
    this.addresses = new AddressList(material.addresses, resolve, now);
    metrics.count('upstreamErrors', this.name, 0);
  }

  get name(): string {
    return this.material.model.name;
  }

  /** Names are resolved once before the first request, but a dead name server does not hold up the others. */
  async start(): Promise<void> {
    if (!this.addresses.hasNames) return;
    this.#timer = setInterval(() => void this.#refresh(), RESOLVE_INTERVAL_MS);
    this.#timer.unref();
    const giveUp = new AbortController();
    await Promise.race([this.#refresh(), new Promise((resolve) => {
      const timer = setTimeout(resolve, FIRST_RESOLVE_WAIT_MS);
      giveUp.signal.addEventListener('abort', () => clearTimeout(timer));
    })]);
    giveUp.abort();
  }

  /** Idle connections close now, those in use when they become idle. */
  retire(): void {
    this.#isRetired = true;
    clearInterval(this.#timer);
    for (const agent of this.#agents.values()) closeIdle(agent);
    for (const sessions of this.#sessions.values()) sessions.close();
  }

  dial({ host, port, name }: Address, alpn: readonly string[] = []): Socket {
    const { secureContext, model } = this.material;
    const tls = secureContext === undefined ? {} : { tls: { secureContext, serverName: model.tls?.serverName ?? name, alpn } };
    return dial({ host, port, timeoutMs: CONNECT_TIMEOUT_MS, ...tls });
  }

  /** For HTTP/1.1: one agent to an address, so that its sockets need no key. */
  agent(address: Address): Agent {
    return this.#agents.get(address.text) ?? this.#createAgent(address);
  }

  /** For HTTP/2. */
  sessions(address: Address): Http2Sessions {
    const existing = this.#sessions.get(address.text);
    if (existing !== undefined) return existing;
    const sessions = new Http2Sessions(() => this.dial(address, ['h2']), this.material.secureContext === undefined ? 'http' : 'https');
    this.#sessions.set(address.text, sessions);
    return sessions;
  }

  reportFailure(address: Address | undefined): void {
    this.#metrics.count('upstreamErrors', this.name);
    if (address !== undefined) this.addresses.markFailed(address);
  }

  reportCheck(address: Address): void {
    if (this.addresses.isSick(address)) return; // counted when it fell sick
    this.#metrics.count('upstreamErrors', this.name);
  }

  #createAgent(address: Address): Agent {
    const agent = new Agent({ keepAlive: !this.#isRetired, maxFreeSockets: MAX_IDLE_CONNECTIONS, timeout: IDLE_CONNECTION_MS, scheduling: 'lifo' });
    agent.createConnection = () => this.dial(address, ['http/1.1']);
    agent.getName = () => '';
    this.#agents.set(address.text, agent);
    return agent;
  }

  async #refresh(): Promise<void> {
    await this.addresses.refresh();
    const known = new Set(this.addresses.all.map(({ text }) => text));
    for (const [text, agent] of this.#agents) {
      if (known.has(text)) continue;
      closeIdle(agent);
      this.#agents.delete(text);
    }
    for (const [text, sessions] of this.#sessions) {
      if (known.has(text)) continue;
      sessions.close();
      this.#sessions.delete(text);
    }
  }
}

function closeIdle(agent: Agent): void {
  agent.maxFreeSockets = 0; // those in use are closed instead of kept
  for (const sockets of Object.values(agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
}
