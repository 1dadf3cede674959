// spec.proxy as a user writes it, with the defaults of the schema, and trust sources with content that needs no certificate.
import { Default } from 'typebox/value';
import { ProxySpec } from '../../src/api/proxy-spec.ts';
import type { ProxySpec as Spec } from '../../src/api/tenant-certificate.ts';
import { describeTrustSource } from '../../src/proxy-model/trust-lookup.ts';
import type { TrustLookup, TrustMaterial } from '../../src/proxy-model/trust-lookup.ts';

/** What the API server makes of `spec`: defaults filled in. */
export function aProxySpec(spec: object): Spec {
  return Default(ProxySpec, structuredClone(spec)) as Spec;
}

export function aTrustMaterial(name: string, { tenant, crl }: { tenant?: string; crl?: boolean } = {}): TrustMaterial {
  return {
    certificates: [{ pem: `certificate of ${name}\n`, sha256: Buffer.from(name).toString('hex').padEnd(64, '0').slice(0, 64), subject: `CN=${name} authority` }],
    crls: crl === true ? [{ pem: `CRL of ${name}\n`, number: '1', nextUpdate: 1_900_000_000, issuerSHA256: 'aa' }] : [],
    ...(tenant === undefined ? {} : { tenant }),
  };
}

/** Every source there is; Tenants have no CRL here, others where they name a key for it. */
export const anyTrust: TrustLookup = (source) => {
  if (source.kind === 'OwnIssuer') return aTrustMaterial('own');
  const tenant = source.kind === 'Tenant' ? { tenant: source.name ?? '' } : {};
  return aTrustMaterial(describeTrustSource(source), { ...tenant, crl: source.crlKey !== undefined });
};
