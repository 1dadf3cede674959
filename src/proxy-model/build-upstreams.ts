// Upstreams of the spec as upstreams of the model.
import type { UpstreamSpec, UpstreamTlsSpec } from '../api/tenant-certificate.ts';
import type { UpstreamAddress, UpstreamModel, UpstreamTlsModel } from './model.ts';
import { OWN_KEY_PAIR, tlsParameters } from './tls-parameters.ts';
import { refuse } from './proxy-refused.ts';
import type { TrustBundles } from './trust-bundles.ts';

const APP: UpstreamModel = { name: 'app', addresses: [{ kind: 'app' }], protocol: 'HTTP1' };

/** Absent: the app. */
export function buildUpstreams(specs: readonly UpstreamSpec[] | undefined, bundles: TrustBundles): UpstreamModel[] {
  return specs?.map((spec, index) => buildUpstream(spec, `spec.proxy.upstreams[${index}]`, bundles)) ?? [APP];
}

function buildUpstream(spec: UpstreamSpec, field: string, bundles: TrustBundles): UpstreamModel {
  const { name, protocol, tls, proxyProtocol, healthCheck } = spec;
  return {
    name,
    addresses: spec.addresses?.map((address, index) => parseAddress(address, `${field}.addresses[${index}]`)) ?? [{ kind: 'app' }],
    protocol,
    ...(tls === undefined ? {} : { tls: buildTls(tls, `${field}.tls`, bundles) }),
    ...(proxyProtocol === undefined ? {} : { proxyProtocol }),
    ...(healthCheck === undefined ? {} : { healthCheck }),
  };
}

/** IPv6 addresses lose their brackets. */
function parseAddress(text: string, field: string): UpstreamAddress {
  const [, bracketed, plain, digits] = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  if (host === undefined || (bracketed !== undefined && !bracketed.includes(':'))) refuse(field, 'not of the form host:port or [IPv6]:port');
  if (port < 1 || port > 65_535) refuse(field, 'a port is between 1 and 65535');
  return { kind: 'address', host, port };
}

function buildTls(spec: UpstreamTlsSpec, field: string, bundles: TrustBundles): UpstreamTlsModel {
  return {
    ...tlsParameters(spec, field),
    ...(spec.serverName === undefined ? {} : { serverName: spec.serverName }),
    trust: bundles.resolve(spec.trust ?? [{ kind: 'OwnIssuer' }], `${field}.trust`),
    ...(spec.presentCertificate ? { present: OWN_KEY_PAIR } : {}),
  };
}
