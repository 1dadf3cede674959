// The kind TenantCertificate: schema, and the types that follow from it.
import { Type } from 'typebox';
import type { Static } from 'typebox';
import { certificateStatus } from './status-schema.ts';
import { AUTHORITY_DURATION, LEAF_DURATION } from './closed-sets.ts';
import { identityFields } from './certificate-identity.ts';
import type { IssuerReference as IssuerReferenceSchema } from './certificate-identity.ts';
import type { ALGORITHMS, CLIENT_AUTH, ENGINES, REVOCATION_REASONS, TLS_VERSIONS, USAGES } from './closed-sets.ts';
import { ProxySpec } from './proxy-spec.ts';
import type { Client, Listener, ListenerTls, Route, TrustSource as TrustSourceSchema, Upstream, UpstreamTls } from './proxy-spec.ts';
import { objectName, oneOf, record } from './schema-parts.ts';
import { SecretTemplate } from './secret-template.ts';
import type { ObjectMeta } from './object-meta.ts';

const NAMED = 'has(self.commonName) || [self.?dnsNames, self.?ipAddresses, self.?uris, self.?emailAddresses].exists(l, size(l.orValue([])) > 0)';

export const TenantCertificateSpec = record(
  {
    ...identityFields,
    secretName: Type.Optional(
      objectName({
        description: 'Secret to write; absent: <metadata.name>-tls. Names that end in -anchors and -crl are kept for the state of authorities.',
        rules: [{ rule: "!self.endsWith('-anchors') && !self.endsWith('-crl')", message: 'names that end in -anchors and -crl are kept for the state of authorities; choose another' }],
      }),
    ),
    secretTemplate: Type.Optional(SecretTemplate),
    deletionPolicy: Type.Optional(oneOf(['Delete', 'Retain'] as const, { description: 'What happens to the Secret when this object is deleted; absent: Delete, or Retain for a CA.' })),
    networkPolicy: oneOf(['Unmanaged', 'Managed'] as const, { description: 'Managed: a NetworkPolicy closes the upstream ports of our pods to everyone. It allows all other ports: policies add up, so beside a stricter one of yours it opens what that one closes.', default: 'Unmanaged' }),
    proxy: Type.Optional(ProxySpec),
  },
  {
    description: 'What to issue, where to put it, and what the sidecar does with it.',
    rules: [
      { rule: "self.issuer.kind != 'SelfSigned' || self.isCA", message: 'spec.issuer.kind SelfSigned needs spec.isCA: true' },
      { rule: NAMED, message: 'a certificate needs spec.commonName, spec.dnsNames, spec.ipAddresses, spec.uris or spec.emailAddresses' },
      { rule: `!has(self.renewBefore) || duration(self.renewBefore) < duration(has(self.duration) ? self.duration : self.isCA ? '${AUTHORITY_DURATION}' : '${LEAF_DURATION}')`, message: 'spec.renewBefore must be shorter than spec.duration', fieldPath: '.renewBefore' },
      { rule: '!self.isCA || !has(self.proxy)', message: 'a CA certificate is not served by a sidecar; remove spec.proxy or spec.isCA', fieldPath: '.proxy' },
    ],
  },
);

export const TenantCertificateStatus = Type.Object(certificateStatus, { description: 'How far the operator has got.' });

export type TenantCertificateSpec = Static<typeof TenantCertificateSpec>;
export type TenantCertificateStatus = Static<typeof TenantCertificateStatus>;
export type ProxySpec = Static<typeof ProxySpec>;
export type ListenerSpec = Static<typeof Listener>;
export type ListenerTlsSpec = Static<typeof ListenerTls>;
export type RouteSpec = Static<typeof Route>;
export type ClientRule = Static<typeof Client>;
export type UpstreamSpec = Static<typeof Upstream>;
export type UpstreamTlsSpec = Static<typeof UpstreamTls>;
export type TrustSource = Static<typeof TrustSourceSchema>;
export type IssuerReference = Static<typeof IssuerReferenceSchema>;
export type Engine = (typeof ENGINES)[number];
export type TlsVersion = (typeof TLS_VERSIONS)[number];
export type ClientAuth = (typeof CLIENT_AUTH)[number];
export type Usage = (typeof USAGES)[number];
export type Algorithm = (typeof ALGORITHMS)[number];
export type RevocationReason = (typeof REVOCATION_REASONS)[number];

export interface TenantCertificate {
  apiVersion: string;
  kind: 'TenantCertificate';
  metadata: ObjectMeta;
  spec: TenantCertificateSpec;
  status?: TenantCertificateStatus;
}
