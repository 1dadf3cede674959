// What the conformance sentences need of an engine: start it on files, give it others, ask where it listens, stop it.
import type { SidecarStatus } from '../../src/api/manifest.ts';
import type { ProxyModel } from '../../src/proxy-model/model.ts';
import type { Files } from '../support/mounted-set.ts';

export interface Setup {
  readonly model: ProxyModel;
  /** Certificates, keys, bundles and CRLs by path; the engine adds its configuration and the manifest. */
  readonly files: Files;
}

export interface RunningEngine extends AsyncDisposable {
  port(listener: string): number;
  /** Shows other files as one swap. `stale`: the manifest names another certificate, as when one half of an update has not arrived. */
  swap(setup: Setup, manifest?: 'whole' | 'stale'): void;
  /** The status once it satisfies `is`. */
  reaches(is: (status: SidecarStatus) => boolean, timeoutMs?: number): Promise<SidecarStatus>;
  metrics(): Promise<string>;
  /** Everything written so far. */
  log(): string;
  /** SIGTERM; resolves when it has ended. */
  stop(): Promise<void>;
}

/** What only one engine does: a sentence that needs it is skipped for the other. */
export type Ability = 'tenant' | 'san' | 'sha256' | 'cutsRevoked' | 'proxyProtocol' | 'setQuery' | 'keepsTcpOverReload' | 'refusesBadCrl' | 'connectionLimit' | 'drains';

export interface Engine {
  readonly name: 'node' | 'nginx';
  /** A reason why it cannot run here. */
  readonly missing?: string;
  readonly abilities: ReadonlySet<Ability>;
  start(setup: Setup): Promise<RunningEngine>;
}
