// What a listener does under one generation of files: everything a connection needs, precomputed.
import type { SecureContextOptions } from 'node:tls';
import type { ListenerModel, ProxyModel, RouteModel } from '../proxy-model/model.ts';
import type { HeaderPolicy } from './request-headers.ts';
import type { Trust } from './trust.ts';
import type { UpstreamPool } from './upstream-pool.ts';

export interface Route {
  readonly model: RouteModel;
  /** In the listener. */
  readonly index: number;
  readonly clients?: NonNullable<RouteModel['clients']>;
  /** Absent: a canned response. */
  readonly upstream?: UpstreamPool;
}

export interface ListenerTlsView {
  /** Keys, trust and parameters; known to be loadable. */
  readonly context: SecureContextOptions;
  /** Absent: clients are not asked for a certificate, or it is not verified. */
  readonly trust?: Trust;
  /** URI of the certificate we show, for X-Forwarded-Client-Cert. */
  readonly ownUri?: string;
}

export interface ListenerView {
  readonly model: ListenerModel;
  /** The model's, or the pod's. */
  readonly port: number;
  readonly tls?: ListenerTlsView;
  readonly routes: readonly Route[];
  readonly policy: HeaderPolicy;
  readonly idleTimeoutMs: number;
  readonly accessLog: ProxyModel['accessLog'];
}
