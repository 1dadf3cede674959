// What a sidecar does, as an engine-neutral value without a word of Kubernetes: the one input of both engines.
// The node engine reads it as conf/proxy.json; the nginx engine is rendered from it.
import type { ClientAuth, Engine, TlsVersion } from '../api/tenant-certificate.ts';

/** Paths are relative to the sidecar's directory (SIDECAR.directory). */
export interface KeyPairFiles {
  readonly certificate: string;
  readonly key: string;
}

/** A certificate that ends chains, and whose it is. */
export interface Authority {
  /** SHA-256 of the certificate, lower-case hex. */
  readonly sha256: string;
  /** Its subject, RFC 4514 as nginx prints it. */
  readonly subject: string;
  /** The Tenant it belongs to; absent for other sources. */
  readonly tenant?: string;
}

/** One trust policy: equal policies share their files. */
export interface TrustModel {
  /** PEM file of anchors; absent when only the system's CAs are trusted. */
  readonly certificates?: string;
  /** PEM file of one CRL for each anchor; absent: no revocation checking. */
  readonly crls?: string;
  /** The CAs of the image are trusted as well (upstreams only). */
  readonly system: boolean;
  readonly authorities: readonly Authority[];
}

export interface TlsParameters {
  readonly minVersion: TlsVersion;
  /** OpenSSL names for TLS 1.2 in order of preference; empty: the engine's AEAD default. */
  readonly ciphers: readonly string[];
  /** Group names in order of preference; empty: the default of the TLS library. */
  readonly curves: readonly string[];
}

export interface ListenerTlsModel extends TlsParameters, KeyPairFiles {
  readonly clientAuth: ClientAuth;
  /** Present with Required and Optional. */
  readonly trust?: TrustModel;
}

/** All fields that are present must match (AND). Hashes are lower-case hex. */
export interface ClientMatch {
  readonly tenant?: string;
  readonly commonName?: string;
  /** RFC 4514 as nginx prints it. */
  readonly subject?: string;
  readonly dnsName?: string;
  readonly uri?: string;
  readonly publicKeySHA256?: string;
  readonly certificateSHA256?: string;
}

export interface QueryParameter {
  readonly name: string;
  readonly value: string;
}

export type RouteTarget =
  | { readonly kind: 'upstream'; readonly upstream: string }
  | { readonly kind: 'response'; readonly statusCode: number; readonly contentType: string; readonly body: string };

export interface RouteModel {
  /** Any of them (OR); absent: every client the listener lets in. */
  readonly clients?: readonly ClientMatch[];
  /** Prefix, by characters as nginx's `location`: `/admin` also stands for `/administrators`. '/' matches everything. */
  readonly path: string;
  readonly query: readonly QueryParameter[];
  readonly rewritePrefix?: string;
  readonly setQuery: readonly QueryParameter[];
  readonly target: RouteTarget;
}

export interface RedirectModel {
  readonly scheme: 'http' | 'https';
  readonly port: number;
  readonly statusCode: 301 | 302 | 307 | 308;
}

export interface ListenerModel {
  readonly name: string;
  /** The pod may set another (SIDECAR_ENV.listenerPort) when `portFromPod`. */
  readonly port: number;
  readonly portFromPod: boolean;
  /** '' stands for all addresses, IPv4 and IPv6. */
  readonly bind: string;
  readonly protocol: 'HTTP' | 'TCP';
  readonly tls?: ListenerTlsModel;
  readonly redirect?: RedirectModel;
  /** In order, first match wins; never empty unless `redirect`. */
  readonly routes: readonly RouteModel[];
  /** Header with the client's certificate as URL-escaped PEM. */
  readonly clientCertificateHeader: string;
}

/** `app`: loopback at the port the pod says (SIDECAR_ENV.appPort). */
export type UpstreamAddress = { readonly kind: 'app' } | { readonly kind: 'address'; readonly host: string; readonly port: number };

export interface UpstreamTlsModel extends TlsParameters {
  /** Name to prove and SNI; absent: the host of the address. */
  readonly serverName?: string;
  readonly trust: TrustModel;
  /** Presented to the server; absent: none. */
  readonly present?: KeyPairFiles;
}

export interface UpstreamModel {
  readonly name: string;
  readonly addresses: readonly UpstreamAddress[];
  readonly protocol: 'HTTP1' | 'H2C';
  readonly tls?: UpstreamTlsModel;
  readonly proxyProtocol?: 'v2';
  readonly healthCheck?: { readonly path: string; readonly intervalSeconds: number };
}

export interface ProxyModel {
  readonly engine: Engine;
  readonly listeners: readonly ListenerModel[];
  readonly upstreams: readonly UpstreamModel[];
  readonly accessLog: 'Off' | 'Errors' | 'All';
  /** Absent: 1 h for TCP, 60 s for HTTP. */
  readonly idleTimeoutMs?: number;
  readonly maxConnections: number;
}
