// Watches the mounted files and hands every complete new set to `apply`.
// Rule: a set is read, verified and parsed completely, then applied once; on any failure the old one stays and `pending` says why.
import { watch } from 'node:fs';
import type { Log } from './log.ts';
import { loadGeneration, type Generation, type PodSettings } from './load-generation.ts';
import type { Metrics } from './metrics.ts';
import { fingerprint, readFileSet, type ManifestPolicy } from './read-file-set.ts';

/** An event of fs.watch comes at once; the poll is there because events get lost. */
const POLL_INTERVAL_MS = 1000;
/** A set that failed is tried again so often although no file changed: its reason may have been the clock or a port. */
const RETRY_INTERVAL_MS = 10_000;

export interface StoreOptions {
  readonly directory: string;
  readonly manifest: ManifestPolicy;
  readonly pod: PodSettings;
  readonly now: () => number;
  readonly log: Log;
  readonly metrics: Metrics;
}

export type StoreState = { readonly state: 'current' } | { readonly state: 'pending'; readonly message: string };

export class CredentialStore {
  readonly #options: StoreOptions;
  readonly #apply: (generation: Generation) => Promise<void>;
  #state: StoreState = { state: 'pending', message: 'no files have been loaded yet' };
  #generation: Generation | undefined;
  #seen: string | undefined;
  #failedAtMs = 0;
  #paths: readonly string[] = [];
  #running: Promise<void> | undefined;

  constructor(options: StoreOptions, apply: (generation: Generation) => Promise<void>) {
    this.#options = options;
    this.#apply = apply;
  }

  get state(): StoreState {
    return this.#state;
  }

  get generation(): Generation | undefined {
    return this.#generation;
  }

  /** Loads what is there and goes on watching until `signal` is aborted. */
  async start(signal: AbortSignal): Promise<void> {
    const check = () => void this.check();
    const timer = setInterval(check, POLL_INTERVAL_MS);
    signal.addEventListener('abort', () => clearInterval(timer), { once: true });
    try {
      watch(this.#options.directory, { signal }, check).on('error', () => {}); // the poll goes on
    } catch {
      // no directory yet, or no inotify left: the poll is enough
    }
    await this.check();
  }

  /** Looks once; calls meanwhile share its result. */
  check(): Promise<void> {
    this.#running ??= this.#check().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #check(): Promise<void> {
    const { directory, now } = this.#options;
    const seen = await fingerprint(directory, this.#paths);
    const isRetry = this.#state.state === 'pending' && now() - this.#failedAtMs >= RETRY_INTERVAL_MS;
    if (seen === this.#seen && !isRetry) return;
    this.#seen = seen;
    try {
      await this.#load();
    } catch (error) {
      this.#failedAtMs = now();
      this.#fail(error instanceof Error ? error.message : String(error));
    }
  }

  async #load(): Promise<void> {
    const { directory, manifest, pod, now, log, metrics } = this.#options;
    const set = await readFileSet(directory, manifest);
    this.#paths = [...set.files.keys()];
    if (set.manifestSHA256 !== this.#generation?.manifestSHA256) {
      const generation = loadGeneration(set, pod, now());
      await this.#apply(generation);
      this.#generation = generation;
      metrics.count('reloads', 'success');
      log.event('info', 'loaded files', { manifestSHA256: set.manifestSHA256, serialNumber: set.manifest.serialNumber, revision: set.manifest.revision });
    }
    this.#state = { state: 'current' };
    metrics.set('pending', [['', 0]]);
  }

  #fail(message: string): void {
    const isNews = this.#state.state === 'current' || this.#state.message !== message;
    this.#state = { state: 'pending', message };
    this.#options.metrics.set('pending', [['', 1]]);
    if (!isNews) return;
    this.#options.metrics.count('reloads', 'failure');
    this.#options.log.event('warn', 'files are not loaded', { reason: message, keepsOldSet: this.#generation !== undefined });
  }
}
