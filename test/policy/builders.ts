// Tenants and requests for the tests of policy; a request is modest unless a test says otherwise.
import type { Tenant, TenantAllow, TenantSpec } from '../../src/api/tenant.ts';
import type { PolicyRequest } from '../../src/policy/check-policy.ts';

export const SHOP = { name: 'shop', labels: { team: 'shop', tier: 'web' } };

export function aTenantSpec(allow: Partial<TenantAllow> = {}, rest: Partial<TenantSpec> = {}): TenantSpec {
  return { issuer: { kind: 'Secret', name: 'platform-root' }, namespaces: { names: ['shop'] }, allow: { isCA: false, ...allow }, ...rest };
}

export function aTenant(name: string, allow: Partial<TenantAllow>, creationTimestamp = '2026-01-01T00:00:00Z'): Tenant {
  return { apiVersion: 'tenant-mtls.dev/v1alpha1', kind: 'Tenant', metadata: { name, creationTimestamp }, spec: aTenantSpec(allow) };
}

export function aRequest({ subject, ...rest }: Partial<Omit<PolicyRequest, 'subject'>> & { subject?: Partial<PolicyRequest['subject']> } = {}): PolicyRequest {
  return {
    subject: { organizations: [], organizationalUnits: [], countries: [], provinces: [], localities: [], ...subject },
    dnsNames: [], ipAddresses: [], uris: [], emailAddresses: [], isCA: false, usages: ['server auth', 'client auth'],
    durationMs: 168 * 3_600_000, key: { algorithm: 'ECDSA' }, ...rest,
  };
}
