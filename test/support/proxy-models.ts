// Builders of proxy models for tests: what the default TenantCertificate gives, with parts replaced.
import type { ListenerModel, ListenerTlsModel, ProxyModel, RouteModel, UpstreamModel } from '../../src/proxy-model/model.ts';

export function aListenerTls(changes: Partial<ListenerTlsModel> = {}): ListenerTlsModel {
  return {
    certificate: 'certs/tls.crt', key: 'certs/tls.key', minVersion: 'TLSv1.2', ciphers: [], curves: [], clientAuth: 'Required',
    trust: { certificates: 'caCerts/trust-0.crt', system: false, authorities: [] },
    ...changes,
  };
}

export function aRoute(changes: Partial<RouteModel> = {}): RouteModel {
  return { path: '/', query: [], setQuery: [], target: { kind: 'upstream', upstream: 'app' }, ...changes };
}

export function aListener(changes: Partial<ListenerModel> = {}): ListenerModel {
  return { name: 'https', port: 8443, portFromPod: true, bind: '', protocol: 'HTTP', tls: aListenerTls(), routes: [aRoute()], clientCertificateHeader: 'X-Tls-Client-Cert', ...changes };
}

export function anUpstream(changes: Partial<UpstreamModel> = {}): UpstreamModel {
  return { name: 'app', addresses: [{ kind: 'app' }], protocol: 'HTTP1', ...changes };
}

export function aModel(changes: Partial<ProxyModel> = {}): ProxyModel {
  return { engine: 'nginx', listeners: [aListener()], upstreams: [anUpstream()], accessLog: 'All', maxConnections: 4096, ...changes };
}
