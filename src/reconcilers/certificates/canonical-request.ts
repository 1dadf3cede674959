// What policy judges: the request in the spelling that its certificate will contain, name by name at its place.
import type { Refusal } from '../../api/conditions.ts';
import type { CertificateRequest } from '../../issuance/desired-certificate.ts';
import { InvalidRequestError } from '../../pki/invalid-request-error.ts';
import { canonicalSpellings } from '../../pki/subject-alternative-names.ts';
import { requestedNames } from '../../policy/check-policy.ts';
import type { Violation } from '../../policy/violation.ts';

export function inCanonicalSpelling(request: CertificateRequest): CertificateRequest | Refusal {
  try {
    return { ...request, ...canonicalSpellings(request) };
  } catch (error) {
    if (error instanceof InvalidRequestError) return { reason: 'InvalidSpec', field: error.field, message: error.message };
    throw error;
  }
}

/** Tells who asked for an international name which spelling was judged. */
export function explainSpelling(asked: CertificateRequest, violations: readonly Violation[]): Violation[] {
  const international = new Set(requestedNames(asked).filter(({ name }) => /[^\x20-\x7e]/u.test(name)).map(({ field }) => field));
  return violations.map((each) => (
    international.has(each.field) ? { ...each, message: `${each.message}; international names are judged in their xn-- form, so ask for that` } : each
  ));
}
