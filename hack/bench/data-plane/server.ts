// What is measured: something that listens with TLS in front of the backend, and how to start it.
import type { Fleet } from '../../../test/conformance/fleet.ts';

export interface Server extends AsyncDisposable {
  readonly port: number;
  /** Its first process; the others descend from it. */
  readonly pid: number;
  /** New certificate files, picked up without a restart. Absent: not measured. */
  readonly rotate?: () => void;
  /** Reloads so far that have succeeded. */
  readonly reloads?: () => Promise<number>;
}

/** Everything that a server needs to be started. */
export interface Bench {
  readonly fleet: Fleet;
  /** With nginx in it. */
  readonly root: string;
  readonly backendPort: number;
  /** With server.pem (chain and key), server.crt, server.key and ca.crt, readable by anybody. */
  readonly certificates: string;
}

export interface Competitor {
  readonly name: string;
  /** Measured in every round, or in every second one. */
  readonly every: 1 | 2;
  /** A text instead says why it cannot be had here. */
  readonly start: (bench: Bench) => Promise<Server | string>;
}
