// The fingerprint of what was asked for, kept beside the certificate: when it differs from the spec's, a new certificate is due.
// Rule: it covers exactly what is signed, so neither renewBefore nor labels, and not the order of what is a set.
import { createHash } from 'node:crypto';

import type { CertificateRequest } from './desired-certificate.ts';

/** Raise it only when the same request must yield another certificate: every certificate of every cluster is then issued again. */
const FORMAT = 1;

/** SHA-256 in lower-case hex. */
export function requestHash(request: CertificateRequest): string {
  return createHash('sha256').update(canonicalRequest(request)).digest('hex');
}

/** JSON of arrays only: unambiguous whatever the names contain, and independent of the order of keys. */
export function canonicalRequest({ issuer, subject, ...request }: CertificateRequest): string {
  return JSON.stringify([
    FORMAT,
    [issuer.kind ?? 'Secret', issuer.name ?? ''],
    [subject.commonName ?? null, subject.organizations, subject.organizationalUnits, subject.countries, subject.provinces, subject.localities],
    [asSet(request.dnsNames), asSet(request.ipAddresses), asSet(request.uris), asSet(request.emailAddresses)],
    [request.isCA, asSet(request.usages), request.durationMs],
    [request.key.algorithm, request.key.algorithm === 'Ed25519' ? null : request.key.size],
  ]);
}

function asSet(values: readonly string[]): string[] {
  return [...new Set(values)].sort();
}
