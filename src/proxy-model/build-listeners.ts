// Listeners of the spec as listeners of the model.
import { SIDECAR } from '../api/names.ts';
import type { ListenerSpec, ListenerTlsSpec } from '../api/tenant-certificate.ts';
import { allTo, buildRoutes } from './build-routes.ts';
import { IDENTITY_HEADER } from './identity-headers.ts';
import type { ListenerModel, ListenerTlsModel, ProxyModel, TrustModel } from './model.ts';
import { refuse } from './proxy-refused.ts';
import { OWN_KEY_PAIR, keyPairOf, tlsParameters } from './tls-parameters.ts';
import type { TrustBundles } from './trust-bundles.ts';

/** Absent: one mTLS HTTP listener in front of the first upstream, at the port that the pod says. */
export function buildListeners(specs: readonly ListenerSpec[] | undefined, upstreams: ProxyModel['upstreams'], bundles: TrustBundles): ListenerModel[] {
  return specs?.map((spec, index) => buildListener(spec, upstreams, bundles, `spec.proxy.listeners[${index}]`)) ?? [defaultListener(upstreams, bundles)];
}

function defaultListener(upstreams: ProxyModel['upstreams'], bundles: TrustBundles): ListenerModel {
  const trust = bundles.resolve([{ kind: 'OwnIssuer' }], 'spec.issuer');
  const tls: ListenerTlsModel = { ...OWN_KEY_PAIR, minVersion: 'TLSv1.2', ciphers: [], curves: [], clientAuth: 'Required', trust };
  return {
    name: SIDECAR.defaultListenerName, port: SIDECAR.defaultListenerPort, portFromPod: true, bind: '', protocol: 'HTTP', tls,
    routes: [allTo(upstreams[0], { protocol: 'HTTP', tls }, 'spec.proxy.upstreams[0]')],
    clientCertificateHeader: IDENTITY_HEADER.certificate,
  };
}

function buildListener(spec: ListenerSpec, upstreams: ProxyModel['upstreams'], bundles: TrustBundles, field: string): ListenerModel {
  const { name, port, protocol, redirect } = spec;
  const tls = spec.tls === undefined ? undefined : buildTls(spec.tls, bundles, `${field}.tls`);
  if (redirect !== undefined) checkRedirect(spec, field);
  return {
    name, port, portFromPod: false, protocol,
    bind: spec.bind ?? (tls === undefined ? '127.0.0.1' : ''),
    ...(tls === undefined ? {} : { tls }),
    ...(redirect === undefined ? {} : { redirect }),
    routes: redirect === undefined ? buildRoutes(spec, { protocol, ...(tls === undefined ? {} : { tls }) }, upstreams, field) : [],
    clientCertificateHeader: certificateHeader(spec, field),
  };
}

function checkRedirect({ protocol, tls, routes }: ListenerSpec, field: string): void {
  if (protocol !== 'HTTP' || tls !== undefined || routes !== undefined) refuse(`${field}.redirect`, 'is for a plaintext HTTP listener without routes');
}

/** Names that mean something to HTTP or to us; as a certificate's header they would change what a request is. */
const RESERVED = new Set([
  'host', 'connection', 'content-length', 'content-type', 'content-encoding', 'transfer-encoding', 'te', 'trailer', 'upgrade', 'keep-alive', 'expect', 'proxy-connection',
  'authorization', 'cookie', 'x-forwarded-for',
  ...Object.values(IDENTITY_HEADER).filter((name) => name !== IDENTITY_HEADER.certificate).map((name) => name.toLowerCase()),
]);

function certificateHeader({ forwardClientCertificate, protocol }: ListenerSpec, field: string): string {
  const header = forwardClientCertificate?.header ?? IDENTITY_HEADER.certificate;
  if (protocol === 'TCP' && forwardClientCertificate !== undefined) refuse(`${field}.forwardClientCertificate`, 'is for HTTP; a TCP upstream may have proxyProtocol');
  if (RESERVED.has(header.toLowerCase())) refuse(`${field}.forwardClientCertificate.header`, `"${header}" has a meaning of its own`);
  return header;
}

function buildTls(spec: ListenerTlsSpec, bundles: TrustBundles, field: string): ListenerTlsModel {
  const { clientAuth, certificate } = spec;
  const trust = resolveTrust(spec, bundles, `${field}.trust`);
  return { ...tlsParameters(spec, field), ...(certificate === undefined ? OWN_KEY_PAIR : keyPairOf(certificate.name)), clientAuth, ...(trust === undefined ? {} : { trust }) };
}

function resolveTrust({ clientAuth, trust }: ListenerTlsSpec, bundles: TrustBundles, field: string): TrustModel | undefined {
  if (clientAuth === 'None' || clientAuth === 'OptionalNoCA') {
    if (trust !== undefined) refuse(field, `has no meaning with clientAuth ${clientAuth}: no client is verified`);
    return undefined;
  }
  const system = trust?.findIndex(({ kind }) => kind === 'System') ?? -1;
  if (system !== -1) refuse(`${field}[${system}]`, 'the system\'s CAs are for upstreams: they would let in anyone with a public certificate');
  return bundles.resolve(trust ?? [{ kind: 'OwnIssuer' }], field);
}
