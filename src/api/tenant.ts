// The cluster-scoped kind Tenant, a PKI boundary: schema, and the types that follow from it.
import { Type } from 'typebox';
import type { Static } from 'typebox';
import { PrivateKeySpec, RevocationReason } from './certificate-identity.ts';
import { ALGORITHMS, USAGES } from './closed-sets.ts';
import { duration, flag, listOf, mapOfStrings, objectName, oneOf, record, text } from './schema-parts.ts';
import { tenantStatus } from './status-schema.ts';
import type { ObjectMeta } from './object-meta.ts';

const patterns = (what: string, maxLength = 253) =>
  Type.Optional(listOf(text(maxLength, { description: `A pattern: * is one label, ** several.`, pattern: '^[^\\s\\x00-\\x1f\\x7f]+$' }), 64, { description: `${what} that may be asked for; absent: none.` }));

const attributes = (what: string) => Type.Optional(listOf(text(128, { description: 'A value.' }), 16, { description: `${what} that may be asked for; absent: none.` }));

export const NamespaceSelector = record(
  {
    names: Type.Optional(listOf(text(63, { description: 'Name of a namespace.' }), 256, { description: 'Namespaces by name.', unique: true })),
    selector: Type.Optional(
      record(
        {
          matchLabels: Type.Optional(mapOfStrings(32, { description: 'Labels that must be there.' })),
          matchExpressions: Type.Optional(
            listOf(
              record(
                {
                  key: text(317, { description: 'Label.' }),
                  operator: oneOf(['In', 'NotIn', 'Exists', 'DoesNotExist'] as const, { description: 'How it is compared.' }),
                  values: Type.Optional(listOf(text(63, { description: 'A value.', minLength: 0 }), 64, { description: 'Values of In and NotIn.' })),
                },
                { description: 'A requirement.' },
              ),
              16,
              { description: 'Requirements, all of which must hold.' },
            ),
          ),
        },
        { description: 'Namespaces by label; empty: none.' },
      ),
    ),
  },
  { description: 'Namespaces that may use the tenant.', rules: [{ rule: 'has(self.names) != has(self.selector)', message: 'exactly one of names and selector' }] },
);

export const Allow = record(
  {
    commonNames: patterns('Common names', 64),
    dnsNames: patterns('DNS names'),
    uris: patterns('URIs', 2048),
    emailAddresses: patterns('Mail addresses'),
    ipAddresses: Type.Optional(listOf(text(49, { description: 'A network.', rules: [{ rule: 'isCIDR(self)', message: 'must be a CIDR such as 10.0.0.0/8' }] }), 32, { description: 'Networks whose addresses may be asked for; absent: none.' })),
    subject: Type.Optional(
      record(
        {
          organizations: attributes('Organizations'),
          organizationalUnits: attributes('Organizational units'),
          countries: attributes('Countries'),
          provinces: attributes('Provinces'),
          localities: attributes('Localities'),
        },
        { description: 'Subject attributes that may be asked for; absent: none.' },
      ),
    ),
    usages: Type.Optional(listOf(oneOf(USAGES, { description: 'A usage.' }), 12, { description: 'Usages; absent: server auth and client auth.', unique: true })),
    isCA: flag({ description: 'Whether intermediates may be asked for.', default: false }),
    maxDuration: Type.Optional(duration({ description: 'Longest lifetime; absent: 2160h.', minimum: '10m' })),
    algorithms: Type.Optional(listOf(oneOf(ALGORITHMS, { description: 'An algorithm.' }), 3, { description: 'Key algorithms; absent: ECDSA.', unique: true })),
  },
  { description: 'What certificates of the tenant may say. Everything not allowed is refused.', default: {} },
);

export const TenantSpec = record(
  {
    issuer: record(
      { kind: oneOf(['Secret'] as const, { description: 'Kind of the issuer.', default: 'Secret' }), name: objectName({ description: 'A CA Secret in the operator\'s namespace.' }) },
      { description: 'Who signs the tenant\'s authority.' },
    ),
    namespaces: NamespaceSelector,
    allow: Allow,
    authority: Type.Optional(
      record(
        {
          duration: Type.Optional(duration({ description: 'Lifetime; absent: 43800h.', minimum: '1h' })),
          commonName: Type.Optional(text(64, { description: 'CN of the authority; absent: <metadata.name>.' })),
          subject: Type.Optional(
            record(
              {
                organizations: attributes('Organizations'), organizationalUnits: attributes('Organizational units'), countries: attributes('Countries'),
                provinces: attributes('Provinces'), localities: attributes('Localities'),
              },
              { description: 'Other attributes of the authority\'s subject.' },
            ),
          ),
          privateKey: PrivateKeySpec,
        },
        { description: 'The tenant\'s own CA.' },
      ),
    ),
    crl: Type.Optional(record({ duration: Type.Optional(duration({ description: 'Life of a CRL; absent: 168h.', minimum: '10m' })) }, { description: 'The tenant\'s CRL.' })),
    revoked: Type.Optional(
      listOf(
        record(
          {
            serialNumber: Type.Optional(text(64, { description: 'Serial number as openssl prints it.', pattern: '^[0-9A-Fa-f]+$' })),
            certificateSHA256: Type.Optional(text(64, { description: 'SHA-256 of the certificate.', pattern: '^[0-9a-f]{64}$' })),
            certificate: Type.Optional(
              record({ namespace: text(63, { description: 'Namespace.' }), name: objectName({ description: 'Name.' }) }, { description: 'Every unexpired certificate of a TenantCertificate.' }),
            ),
            reason: RevocationReason,
          },
          {
            description: 'A certificate that is no longer valid.',
            rules: [{ rule: '[has(self.serialNumber), has(self.certificateSHA256), has(self.certificate)].filter(x, x).size() == 1', message: 'exactly one of serialNumber, certificateSHA256 and certificate' }],
          },
        ),
        1024,
        { description: 'Certificates that are no longer valid.' },
      ),
    ),
    renew: Type.Optional(text(64, { description: 'Change it to any other value to have the authority replaced.' })),
    deletionPolicy: Type.Optional(oneOf(['Retain', 'Delete'] as const, { description: 'What happens to the authority\'s Secret; absent: Retain.' })),
  },
  { description: 'A PKI boundary.' },
);

export const TenantStatus = Type.Object(tenantStatus, { description: 'How far the operator has got.' });

export type TenantSpec = Static<typeof TenantSpec>;
export type TenantStatus = Static<typeof TenantStatus>;
export type TenantAllow = Static<typeof Allow>;
export type NamespaceSelector = Static<typeof NamespaceSelector>;

export interface Tenant {
  apiVersion: string;
  kind: 'Tenant';
  metadata: ObjectMeta;
  spec: TenantSpec;
  status?: TenantStatus;
}
