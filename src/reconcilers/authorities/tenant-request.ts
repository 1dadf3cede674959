// What a Tenant asks of its authority: subject, lifetime, key, and the constraints that follow from `allow`. Pure.
import { createHash } from 'node:crypto';
import { parseDurationMs } from '../../api/duration.ts';
import type { Tenant } from '../../api/tenant.ts';
import { resolveKey } from '../../issuance/desired-certificate.ts';
import type { CertificateRequest } from '../../issuance/desired-certificate.ts';
import { canonicalRequest } from '../../issuance/request-hash.ts';
import { nameConstraintsFor } from '../../pki/name-constraints.ts';
import type { NameConstraints } from '../../pki/name-constraints.ts';
import { usableAllow } from '../../policy/usable-patterns.ts';

const AUTHORITY_DURATION = '43800h';

export interface AuthorityRequest {
  readonly request: CertificateRequest;
  /** Without `maxPathLen`: as many authorities below it as the root allows. */
  readonly limits: { readonly nameConstraints: NameConstraints; readonly maxPathLen?: number };
  /** SHA-256 of all of it: another one asks for another authority. */
  readonly hash: string;
}

export function authorityRequest({ metadata, spec }: Tenant): AuthorityRequest {
  const { authority, allow } = spec;
  const request: CertificateRequest = {
    issuer: { kind: 'Secret', name: spec.issuer.name },
    subject: authoritySubject(metadata.name, authority),
    dnsNames: [], ipAddresses: [], uris: [], emailAddresses: [],
    isCA: true, usages: [],
    durationMs: parseDurationMs(authority?.duration ?? AUTHORITY_DURATION),
    key: resolveKey(authority?.privateKey),
  };
  const nameConstraints = nameConstraintsFor(usableAllow(allow));
  const limits = allow.isCA ? { nameConstraints } : { nameConstraints, maxPathLen: 0 };
  const hash = createHash('sha256').update(JSON.stringify([canonicalRequest(request), limits])).digest('hex');
  return { request, limits, hash };
}

const NO_ATTRIBUTES = { organizations: [], organizationalUnits: [], countries: [], provinces: [], localities: [] };

function authoritySubject(tenant: string, authority: Tenant['spec']['authority']): CertificateRequest['subject'] {
  return { ...NO_ATTRIBUTES, ...authority?.subject, commonName: authority?.commonName ?? tenant };
}

/** Two authorities of one name could sign for each other before a server that sees names only: the older Tenant has the name. */
export function findSameSubject(tenant: Tenant, tenants: Iterable<Tenant>): Tenant | undefined {
  const subject = subjectOf(tenant);
  for (const other of tenants) {
    if (other.metadata.name !== tenant.metadata.name && ageOf(other) < ageOf(tenant) && subjectOf(other) === subject) return other;
  }
  return undefined;
}

/** As OpenSSL, and so nginx and Node, compare names: whatever the case and the number of spaces. */
function subjectOf({ metadata, spec }: Tenant): string {
  return JSON.stringify(authoritySubject(metadata.name, spec.authority), (_, value: unknown) => (typeof value === 'string' ? value.trim().replaceAll(/\s+/g, ' ').toLowerCase() : value));
}

function ageOf({ metadata: { creationTimestamp = '9999', name } }: Tenant): string {
  return `${creationTimestamp} ${name}`;
}
