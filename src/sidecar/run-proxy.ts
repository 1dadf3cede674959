// The composition root of the node engine: builds the parts, keeps them until the signal, drains.
import type { Server } from 'node:http';
import type { SidecarStatus } from '../api/manifest.ts';
import type { ProbeRoute } from '../api/probes.ts';
import { createLog, type LineSink, type Log } from './log.ts';
import { CredentialStore } from './credential-store.ts';
import { ListenerSet } from './listener-set.ts';
import type { Generation, PodSettings } from './load-generation.ts';
import { Metrics } from './metrics.ts';
import { PlaintextWatch } from './plaintext-check.ts';
import type { ManifestPolicy } from './read-file-set.ts';
import { createProbeForwarder } from './probe-forwarder.ts';
import { startStatusServer } from './status-server.ts';
import { resolveName } from './upstream-address.ts';

export interface ProxyOptions {
  readonly directory: string;
  readonly manifest: ManifestPolicy;
  readonly statusPort: number;
  /** Absent: all addresses. */
  readonly statusHost?: string;
  readonly pod: PodSettings;
  /** Files of the kernel's listening sockets (/proc/net/tcp); empty: no check whether plaintext is reachable. */
  readonly listenTables: readonly string[];
  readonly handshakeTimeoutMs: number;
  /** After that, what is left is cut. */
  readonly drainTimeoutMs: number;
  readonly output: LineSink;
  /** Probes and hooks to forward to an app that listens on loopback only. */
  readonly probes?: readonly ProbeRoute[];
}

export interface Proxy {
  readonly statusPort: number;
  /** Of the listener with this name, also when it was 0 in the configuration. */
  port(listener: string): number | undefined;
  /** Looks for new files now instead of within a second. */
  reload(): Promise<void>;
  /** Resolves when everything is closed. */
  readonly finished: Promise<void>;
  /** Cuts what is left. */
  kill(): void;
}

export const DEFAULTS = { handshakeTimeoutMs: 10_000, drainTimeoutMs: 25_000 } as const;
const DEFAULT_MAX_CONNECTIONS = 4096;

/** Runs until `signal` is aborted, then drains. Rejects only if the status port cannot be opened; without files it waits for them. */
export async function runProxy(options: ProxyOptions, signal: AbortSignal): Promise<Proxy> {
  const { output } = options;
  const metrics = new Metrics();
  const log = createLog(output, () => new Date());
  const reachable = new PlaintextWatch(options.listenTables, metrics, log);
  const gate = { open: 0, max: DEFAULT_MAX_CONNECTIONS };
  const set = createListenerSet(options, { metrics, log, gate, signal });
  const store = new CredentialStore({ ...options, now: Date.now, log, metrics }, async (generation) => {
    gate.max = generation.model.maxConnections;
    await set.apply(generation);
    publish(generation, metrics);
    await reachable.watch(generation);
  });
  const server = await startStatusServer({
    status: () => describe(store, reachable.ports),
    reason: () => (store.state.state === 'pending' ? store.state.message : ''),
    metrics: () => metrics.text(),
    forwardProbe: createProbeForwarder(options.probes ?? []),
  }, { port: options.statusPort, ...(options.statusHost === undefined ? {} : { host: options.statusHost }) });
  await store.start(signal);
  return {
    statusPort: portOf(server),
    port: (name) => set.listeners.find(({ view }) => view.model.name === name)?.port,
    reload: () => store.check(),
    finished: finish(set, { signal, drainTimeoutMs: options.drainTimeoutMs, server, reachable, log }),
    kill: () => set.destroy(),
  };
}

interface Shared {
  readonly metrics: Metrics;
  readonly log: Log;
  readonly gate: { open: number; max: number };
  readonly signal: AbortSignal;
}

function createListenerSet({ handshakeTimeoutMs }: ProxyOptions, { metrics, log, gate, signal }: Shared): ListenerSet {
  return new ListenerSet({
    metrics, log, handshakeTimeoutMs,
    isDraining: () => signal.aborted,
    admit: () => {
      if (gate.open >= gate.max) return false;
      gate.open += 1;
      return true;
    },
    release: () => {
      gate.open -= 1;
    },
  }, { resolve: resolveName, now: Date.now, metrics });
}

function publish({ certificateNotAfterSeconds, crlNextUpdateSeconds }: Generation, metrics: Metrics): void {
  const gauge = (value: number | undefined) => (value === undefined ? [] : [['', value] as const]);
  metrics.set('certificateNotAfter', gauge(certificateNotAfterSeconds));
  metrics.set('crlNextUpdate', gauge(crlNextUpdateSeconds));
}

function describe({ state, generation }: CredentialStore, plaintextReachable: readonly number[]): SidecarStatus | undefined {
  if (generation === undefined) return undefined;
  return { engine: 'node', ...state, manifestSHA256: generation.manifestSHA256, manifest: generation.manifest, plaintextReachable };
}

interface Ending {
  readonly signal: AbortSignal;
  readonly drainTimeoutMs: number;
  readonly server: Server;
  readonly reachable: PlaintextWatch;
  readonly log: Log;
}

async function finish(set: ListenerSet, { signal, drainTimeoutMs, server, reachable, log }: Ending): Promise<void> {
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  log.event('info', 'draining', { timeoutMs: drainTimeoutMs });
  const timer = setTimeout(() => set.destroy(), drainTimeoutMs);
  await set.drain();
  clearTimeout(timer);
  reachable.stop();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  log.event('info', 'stopped');
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
