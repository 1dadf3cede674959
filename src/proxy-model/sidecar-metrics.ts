// Every metric that a sidecar serves at /metrics, for either engine. Names are public. A metric has the same name in both engines
// and is absent where an engine does not know the value: nothing is invented.

export interface SidecarMetric {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly labels: readonly string[];
  readonly help: string;
  readonly engines: readonly ('nginx' | 'node')[];
}

const BOTH = ['nginx', 'node'] as const;
const NODE = ['node'] as const;

export const SIDECAR_METRICS = {
  connectionsOpen: { name: 'tenant_mtls_connections_open', type: 'gauge', labels: [], help: 'Connections of clients that are open now.', engines: BOTH },
  connectionsAccepted: { name: 'tenant_mtls_connections_accepted_total', type: 'counter', labels: [], help: 'Connections accepted.', engines: BOTH },
  connectionsRefused: { name: 'tenant_mtls_connections_refused_total', type: 'counter', labels: ['reason'], help: 'Connections and requests refused for who the client is, or for a limit.', engines: NODE },
  handshakes: { name: 'tenant_mtls_handshakes_total', type: 'counter', labels: ['result'], help: 'TLS handshakes.', engines: NODE },
  handshakeSeconds: { name: 'tenant_mtls_handshake_seconds', type: 'histogram', labels: [], help: 'Duration of TLS handshakes.', engines: NODE },
  requests: { name: 'tenant_mtls_requests_total', type: 'counter', labels: [], help: 'HTTP requests.', engines: BOTH },
  responses: { name: 'tenant_mtls_responses_total', type: 'counter', labels: ['code'], help: 'HTTP responses by status.', engines: NODE },
  receivedBytes: { name: 'tenant_mtls_received_bytes_total', type: 'counter', labels: [], help: 'Bytes received from clients, TLS taken off.', engines: NODE },
  sentBytes: { name: 'tenant_mtls_sent_bytes_total', type: 'counter', labels: [], help: 'Bytes sent to clients, TLS taken off.', engines: NODE },
  upstreamErrors: { name: 'tenant_mtls_upstream_errors_total', type: 'counter', labels: ['upstream'], help: 'Failures to reach or to understand an upstream.', engines: NODE },
  reloads: { name: 'tenant_mtls_reloads_total', type: 'counter', labels: ['result'], help: 'Sets of files loaded (success) or refused (failure), the first included.', engines: BOTH },
  certificateNotAfter: { name: 'tenant_mtls_certificate_not_after_seconds', type: 'gauge', labels: [], help: 'End of the loaded certificate, seconds since the epoch.', engines: BOTH },
  crlNextUpdate: { name: 'tenant_mtls_crl_next_update_seconds', type: 'gauge', labels: [], help: 'End of the loaded CRL that ends first, seconds since the epoch; absent without one.', engines: BOTH },
  pending: { name: 'tenant_mtls_pending', type: 'gauge', labels: [], help: '1 while the mounted set of files is not the loaded one.', engines: BOTH },
  plaintextReachable: { name: 'tenant_mtls_plaintext_reachable', type: 'gauge', labels: ['port'], help: '1 for a loopback upstream port that other pods can reach as well.', engines: BOTH },
} as const satisfies Readonly<Record<string, SidecarMetric>>;
