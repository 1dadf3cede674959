// What leaf and authority certificates contain. One rule: each has exactly one profile, `leafExtensions` and
// `authorityExtensions`, and every name of the request is checked here and goes in unchanged.
import { authorityConstraints, computeKeyId, encodeExtension, NOT_AN_AUTHORITY, OID, remember, subjectKeyExtension } from './certificate-extensions.ts';
import type { EncodedExtension } from './certificate-extensions.ts';
import { encodeSubject, isEmptySubject } from './distinguished-name.ts';
import { InvalidRequestError } from './invalid-request-error.ts';
import type { CertificateRequest } from './issue-certificate.ts';
import type { KeyDescription } from './key-specification.ts';
import { encodeNameConstraints } from './name-constraints.ts';
import type { PrivateKey } from './private-key.ts';
import type { CertificateParts } from './sign-certificate.ts';
import { canonicalNames, encodeAlternativeNames, hasAlternativeNames } from './subject-alternative-names.ts';
import { encodeExtendedKeyUsage, encodeKeyUsage } from './usages.ts';
import type { Bearer, Usage } from './usages.ts';

type ProfileParts = Pick<CertificateParts, 'subject' | 'publicKey' | 'extensions'>;

/** Encodes the request. `issuerPathLen`: what the issuer's basicConstraints leave for authorities below it. */
export function profileParts(request: CertificateRequest, key: PrivateKey, issuerPathLen: number | undefined): ProfileParts {
  const names = canonicalNames(request);
  const isEmpty = isEmptySubject(request.subject);
  if (isEmpty && !hasAlternativeNames(names)) throw new InvalidRequestError('spec.commonName', 'a certificate needs a subject or a name');
  if (isEmpty && request.isCA) throw new InvalidRequestError('spec.commonName', 'an authority needs a subject');
  const profile = request.isCA ? authorityExtensions(request, issuerPathLen) : leafExtensions(request, key.description);
  const alternative = hasAlternativeNames(names)
    ? [encodeExtension(OID.subjectAlternativeName, isEmpty ? 'critical' : 'plain', encodeAlternativeNames(names))]
    : [];
  const subjectKey = subjectKeyExtension(computeKeyId(key.publicKey));
  return { subject: encodeSubject(request.subject), publicKey: key.publicKey, extensions: [...profile, subjectKey, ...alternative] };
}

const usageCache = new Map<string, readonly EncodedExtension[]>();

function usageExtensions(usages: readonly Usage[], bearer: Bearer): readonly EncodedExtension[] {
  return remember(usageCache, `${bearer}:${usages.join()}`, () => {
    const extended = encodeExtendedKeyUsage(usages);
    const keyUsage = encodeExtension(OID.keyUsage, 'critical', encodeKeyUsage(usages, bearer));
    return extended === undefined ? [keyUsage] : [keyUsage, encodeExtension(OID.extendedKeyUsage, 'plain', extended)];
  });
}

function leafExtensions(request: CertificateRequest, key: KeyDescription): EncodedExtension[] {
  if (request.nameConstraints !== undefined) throw new InvalidRequestError('spec.isCA', 'only an authority has name constraints');
  return [NOT_AN_AUTHORITY, ...usageExtensions(request.usages, key.algorithm === 'RSA' ? 'RsaLeaf' : 'Leaf')];
}

function authorityExtensions(request: CertificateRequest, issuerPathLen: number | undefined): EncodedExtension[] {
  if (issuerPathLen === 0) throw new InvalidRequestError('spec.isCA', 'the issuer may not sign authorities (path length 0)');
  const limits = [request.maxPathLen, issuerPathLen === undefined ? undefined : issuerPathLen - 1].filter((limit) => limit !== undefined);
  const constraints = request.nameConstraints
    ? [encodeExtension(OID.nameConstraints, 'critical', encodeNameConstraints(request.nameConstraints))]
    : [];
  return [
    authorityConstraints(limits.length === 0 ? undefined : Math.min(...limits)),
    ...usageExtensions(request.usages, 'Authority'),
    ...constraints,
  ];
}
