// Facts for the tests of planning, valid unless a test says otherwise.
import type { TenantCertificate, TenantCertificateSpec } from '../../src/api/tenant-certificate.ts';
import { desireCertificate } from '../../src/issuance/desired-certificate.ts';
import type { DesiredCertificate } from '../../src/issuance/desired-certificate.ts';
import type { StoredPair, UsableIssuer } from '../../src/issuance/issuance-facts.ts';
import { requestHash } from '../../src/issuance/request-hash.ts';

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;
export const ISSUED_AT = Date.UTC(2026, 10, 1);
const BACKDATED_MS = 5 * MINUTE;

export const at = (ms: number) => new Date(ISSUED_AT + ms);

export function aTenantCertificate(spec: Partial<TenantCertificateSpec> = {}, annotations: Record<string, string> = {}): TenantCertificate {
  return {
    apiVersion: 'tenant-mtls.dev/v1alpha1',
    kind: 'TenantCertificate',
    metadata: { name: 'hello', namespace: 'shop', uid: 'uid-1', annotations },
    spec: {
      issuer: { kind: 'Secret', name: 'shop-ca' }, commonName: 'hello.shop.example', isCA: false,
      privateKey: { algorithm: 'ECDSA', rotationPolicy: 'Always' }, networkPolicy: 'Unmanaged', ...spec,
    },
  };
}

export function desired(spec: Partial<TenantCertificateSpec> = {}, annotations: Record<string, string> = {}): DesiredCertificate {
  return desireCertificate(aTenantCertificate(spec, annotations));
}

export function anIssuer(overrides: Partial<UsableIssuer> = {}): UsableIssuer {
  return { state: 'Usable', sha256: 'a'.repeat(64), name: 'Secret shop/shop-ca', notBefore: at(-365 * DAY), notAfter: at(1500 * DAY), mayIssueCA: true, ...overrides };
}

/** What issuing for `wanted` at `now` stores. */
export function aStoredPair(overrides: Partial<StoredPair> = {}, wanted = desired(), { issuer = anIssuer(), now = at(0) } = {}): StoredPair {
  return {
    state: 'Read', keyMatches: true, requestHash: requestHash(wanted.request), issuerSHA256: issuer.sha256,
    notBefore: new Date(Math.max(now.getTime() - BACKDATED_MS, issuer.notBefore.getTime())),
    notAfter: new Date(Math.min(now.getTime() + wanted.request.durationMs, issuer.notAfter.getTime())),
    ...(wanted.renewToken === undefined ? {} : { renewedToken: wanted.renewToken }),
    ...overrides,
  };
}
