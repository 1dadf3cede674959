// What each engine can do: one table, used to refuse a model for an engine, in tests as the only source of expected differences, and in docs.
import type { Refusal } from '../api/conditions.ts';
import type { Engine } from '../api/tenant-certificate.ts';
import { fieldsOfClients, fieldsOfMixedTcpTls, fieldsOfMixedTrust, fieldsOfProvenAddresses, fieldsOfRoutes, fieldsOfSharedSubjects, fieldsOfUpstreams, fieldsOfVaryingNames } from './feature-fields.ts';
import type { ProxyModel } from './model.ts';

export interface Capability {
  readonly feature: string;
  readonly engines: readonly Engine[];
  /** Field paths of the spec that ask for it. Absent: a difference in behaviour that no field asks for. */
  readonly uses?: (model: ProxyModel) => readonly string[];
}

const BOTH = ['nginx', 'node'] as const;
const NODE = ['node'] as const;

export const CAPABILITIES: readonly Capability[] = [
  { feature: 'routes by the client\'s common name or whole subject', engines: BOTH },
  { feature: 'routes by the client\'s tenant', engines: BOTH },
  { feature: 'routes by tenant where two trusted authorities have the same subject', engines: NODE, uses: fieldsOfSharedSubjects },
  { feature: 'routes by a DNS name of the client\'s certificate', engines: NODE, uses: fieldsOfClients('dnsName') },
  { feature: 'routes by a URI of the client\'s certificate', engines: NODE, uses: fieldsOfClients('uri') },
  { feature: 'routes by the SHA-256 of the client\'s public key', engines: NODE, uses: fieldsOfClients('publicKeySHA256') },
  { feature: 'routes by the SHA-256 of the client\'s certificate', engines: NODE, uses: fieldsOfClients('certificateSHA256') },
  { feature: 'setting query parameters', engines: NODE, uses: fieldsOfRoutes(({ setQuery }) => setQuery.length > 0, 'setQuery') },
  { feature: 'PROXY protocol towards an upstream', engines: NODE, uses: fieldsOfUpstreams(({ proxyProtocol }) => proxyProtocol !== undefined, 'proxyProtocol') },
  { feature: 'active health checks', engines: NODE, uses: fieldsOfUpstreams(({ healthCheck }) => healthCheck !== undefined, 'healthCheck') },
  { feature: 'proving each address\'s own name, without serverName, where an upstream has several hosts', engines: NODE, uses: fieldsOfVaryingNames },
  { feature: 'proving an IP address, as serverName or without one', engines: NODE, uses: fieldsOfProvenAddresses },
  { feature: 'trusting the system\'s CAs and others for one upstream', engines: NODE, uses: fieldsOfMixedTrust },
  { feature: 'upstreams with different TLS behind one TCP listener', engines: NODE, uses: fieldsOfMixedTcpTls },
  { feature: 'header X-SSL-Client-SHA256', engines: NODE },
  { feature: 'header X-Forwarded-Client-Cert with By, Hash, Subject, URI and DNS', engines: NODE },
  { feature: 'taking away every request header that begins with X-SSL-Client-, not only the ones it sets', engines: NODE },
  { feature: 'refusing the connection beyond maxConnections (nginx gives up idle ones, and counts those to upstreams)', engines: NODE },
  { feature: 'trailers of requests', engines: NODE },
  { feature: 'closing a revoked client\'s open connections within a second of the reload', engines: NODE },
  { feature: 'ending within a second of the reload what goes on for a client that has lost its route: streams, WebSockets, TCP connections', engines: NODE },
  { feature: 'TCP connections that outlive a reload by more than worker_shutdown_timeout', engines: NODE },
  { feature: 'metrics of handshakes, refusals, responses by status, bytes and upstream errors', engines: NODE },
];

/** Why `engine` cannot serve the model, naming the field and the engine that can; undefined if it can. */
export function checkEngine(engine: Engine, model: ProxyModel): Refusal | undefined {
  for (const { feature, engines, uses } of CAPABILITIES) {
    const [field] = engines.includes(engine) ? [] : uses?.(model) ?? [];
    if (field !== undefined) return { reason: 'NotSupportedByEngine', field, message: `${field}: engine ${engine} does not support ${feature}; use spec.proxy.engine: ${engines.join(' or ')}` };
  }
  return undefined;
}

/** What the user should know of the engine they have chosen, for condition EngineAdvice. */
export function adviseEngine(model: ProxyModel): string | undefined {
  const tcp = model.listeners.filter(({ protocol }) => protocol === 'TCP').map(({ name }) => name);
  if (model.engine !== 'nginx' || tcp.length === 0) return undefined;
  return `TCP listener ${tcp.join(', ')}: nginx ends long connections at every reload (renewal, CRL refresh); spec.proxy.engine: node keeps them`;
}

/** The table for the reference pages. */
export function capabilityTable(): string {
  const rows = CAPABILITIES.map(({ feature, engines }) => `| ${feature} | ${engines.includes('nginx') ? 'yes' : 'no'} | ${engines.includes('node') ? 'yes' : 'no'} |`);
  return ['| feature | nginx | node |', '|---|---|---|', ...rows, ''].join('\n');
}
