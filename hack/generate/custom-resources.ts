// The kinds as CustomResourceDefinitions: the schemas of src/api plus names, printer columns and the status subresource.
import type { TSchema } from 'typebox';
import { GROUP, VERSION } from '../../src/api/names.ts';
import { TenantCertificateSpec, TenantCertificateStatus } from '../../src/api/tenant-certificate.ts';
import { TenantSpec, TenantStatus } from '../../src/api/tenant.ts';

interface Column {
  name: string;
  type: 'string' | 'integer' | 'date';
  jsonPath: string;
  description: string;
  priority?: 1;
}

export interface Kind {
  kind: string;
  plural: string;
  singular: string;
  shortNames: readonly string[];
  scope: 'Namespaced' | 'Cluster';
  description: string;
  spec: TSchema;
  status: TSchema;
  columns: readonly Column[];
}

const ready: Column = { name: 'Ready', type: 'string', jsonPath: ".status.conditions[?(@.type=='Ready')].status", description: 'Whether it can be used.' };
const reason: Column = { name: 'Reason', type: 'string', jsonPath: ".status.conditions[?(@.type=='Ready')].reason", description: 'Why (not).', priority: 1 };
const age: Column = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', description: 'Age.' };
const pods: Column = { name: 'Pods', type: 'string', jsonPath: '.status.pods.summary', description: 'Pods that have loaded the current files, of all with the sidecar.' };
const expires: Column = { name: 'Expires', type: 'string', jsonPath: '.status.notAfter', description: 'End of validity.' };

export const KINDS: readonly Kind[] = [
  {
    kind: 'TenantCertificate',
    plural: 'tenantcertificates',
    singular: 'tenantcertificate',
    shortNames: ['tcert', 'tcerts'],
    scope: 'Namespaced',
    description: 'A certificate that the operator issues and renews, and what a TLS sidecar does with it.',
    spec: TenantCertificateSpec,
    status: TenantCertificateStatus,
    columns: [
      ready,
      { name: 'Secret', type: 'string', jsonPath: '.status.secretName', description: 'Secret with the certificate.' },
      { name: 'Issuer', type: 'string', jsonPath: '.status.issuer', description: 'Who signs.' },
      expires,
      { name: 'Renews', type: 'string', jsonPath: '.status.renewalTime', description: 'When it is renewed.' },
      pods,
      age,
      reason,
      { name: 'Serial', type: 'string', jsonPath: '.status.serialNumber', description: 'Serial number.', priority: 1 },
      { name: 'Revision', type: 'integer', jsonPath: '.status.revision', description: 'Certificates issued so far.', priority: 1 },
    ],
  },
  {
    kind: 'Tenant',
    plural: 'tenants',
    singular: 'tenant',
    shortNames: [],
    scope: 'Cluster',
    description: 'A PKI boundary: an authority of its own, and the policy under which namespaces get certificates from it.',
    spec: TenantSpec,
    status: TenantStatus,
    columns: [
      ready,
      expires,
      { name: 'Certificates', type: 'integer', jsonPath: '.status.certificates.total', description: 'Certificates of the tenant.' },
      pods,
      age,
      reason,
      { name: 'CRL', type: 'string', jsonPath: '.status.crl.number', description: 'Number of the CRL.', priority: 1 },
      { name: 'Phase', type: 'string', jsonPath: '.status.rotation.phase', description: 'Phase of a replacement of the authority.', priority: 1 },
    ],
  },
];

/** A plain copy of a schema, without TypeBox's own markers; a field with a default is not required. */
function structural(schema: TSchema): unknown {
  return JSON.parse(JSON.stringify(schema), (_, value) => (isObjectSchema(value) ? withoutDefaulted(value) : value));
}

interface ObjectSchema {
  properties: Record<string, { default?: unknown }>;
  required?: string[];
}

function isObjectSchema(value: unknown): value is ObjectSchema {
  return typeof value === 'object' && value !== null && 'properties' in value && 'required' in value && Array.isArray(value.required);
}

function withoutDefaulted({ required = [], ...schema }: ObjectSchema): ObjectSchema {
  const left = required.filter((name) => schema.properties[name]?.default === undefined);
  return left.length === 0 ? schema : { ...schema, required: left };
}

export function customResourceDefinition(kind: Kind): object {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${kind.plural}.${GROUP}`, labels: { 'app.kubernetes.io/name': 'tenant-mtls' } },
    spec: {
      group: GROUP,
      scope: kind.scope,
      names: { kind: kind.kind, listKind: `${kind.kind}List`, plural: kind.plural, singular: kind.singular, shortNames: kind.shortNames, categories: ['tenant-mtls'] },
      versions: [
        {
          name: VERSION,
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: kind.columns,
          schema: {
            openAPIV3Schema: {
              type: 'object',
              description: kind.description,
              required: ['spec'],
              'x-kubernetes-validations': [{ rule: 'size(self.metadata.name) <= 63', message: 'metadata.name must have at most 63 characters: it becomes the value of a label' }],
              properties: {
                apiVersion: { type: 'string' },
                kind: { type: 'string' },
                metadata: { type: 'object' },
                spec: structural(kind.spec),
                status: structural(kind.status),
              },
            },
          },
        },
      ],
    },
  };
}
