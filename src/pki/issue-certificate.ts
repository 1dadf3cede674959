// Issues certificates. One rule: the result is decided by request, issuer, key, serial and time alone, and contains the
// names of the request and no others. (ECDSA signatures are random, so only their bytes differ between two runs.)
import { profileParts } from './certificate-profile.ts';
import { exactBytes } from './der-schema.ts';
import type { SubjectFields } from './distinguished-name.ts';
import { InvalidRequestError } from './invalid-request-error.ts';
import type { Issuer } from './issuer.ts';
import type { NameConstraints } from './name-constraints.ts';
import type { PrivateKey } from './private-key.ts';
import { describeSigned, signCertificate } from './sign-certificate.ts';
import type { SignedCertificate } from './sign-certificate.ts';
import type { AlternativeNames } from './subject-alternative-names.ts';
import type { Usage } from './usages.ts';

export interface CertificateRequest extends Partial<AlternativeNames> {
  readonly subject: SubjectFields;
  readonly isCA: boolean;
  /** How many authorities may follow below; absent: as many as the issuer allows. */
  readonly maxPathLen?: number;
  readonly usages: readonly Usage[];
  readonly durationSeconds: number;
  readonly nameConstraints?: NameConstraints;
}

/** What must come from outside. `serial`: 8 to 20 random bytes; the top bit is cleared, serials are positive. */
export interface IssuingContext {
  readonly serial: Uint8Array;
  readonly now: Date;
  readonly key: PrivateKey;
}

export interface IssuedCertificate extends SignedCertificate {
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** The lifetime asked for did not fit into the issuer's, and was cut. */
  readonly clipped: boolean;
}

/** Clocks of pods and nodes may be behind ours by so much. */
const BACKDATED_MS = 5 * 60_000;

/** Signs the request. Throws InvalidRequestError naming the field, or RangeError when the issuer is not valid now. */
export async function issueCertificate(request: CertificateRequest, issuer: Issuer, context: IssuingContext): Promise<IssuedCertificate> {
  const validity = fitValidity(request, issuer, context.now);
  const der = await signCertificate(
    {
      ...profileParts(request, context.key, issuer.pathLen),
      issuer: exactBytes(issuer.subject),
      authorityKeyId: issuer.subjectKeyId,
      serial: context.serial,
      ...validity,
    },
    issuer.key,
  );
  const chain = issuer.isSelfSigned ? [] : [issuer.certificate, ...issuer.chain];
  return { ...describeSigned(der, chain), ...validity };
}

/** A root: signed with its own key, without AuthorityKeyIdentifier. `request.isCA` must be true. */
export async function selfSign(request: CertificateRequest, context: IssuingContext): Promise<IssuedCertificate> {
  if (!request.isCA) throw new InvalidRequestError('spec.isCA', 'a self-signed certificate must be an authority');
  const validity = fitValidity(request, undefined, context.now);
  const parts = profileParts(request, context.key, undefined);
  const der = await signCertificate({ ...parts, issuer: parts.subject, serial: context.serial, ...validity }, context.key);
  return { ...describeSigned(der, []), ...validity };
}

interface FittedValidity {
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly clipped: boolean;
}

function fitValidity(request: CertificateRequest, issuer: Issuer | undefined, now: Date): FittedValidity {
  if (!(request.durationSeconds > 0)) throw new InvalidRequestError('spec.duration', 'must be positive');
  const notBefore = Math.max(now.getTime() - BACKDATED_MS, issuer?.notBefore.getTime() ?? 0);
  const wanted = now.getTime() + request.durationSeconds * 1000;
  const notAfter = Math.min(wanted, issuer?.notAfter.getTime() ?? wanted);
  if (notAfter <= now.getTime() || notBefore > now.getTime()) throw new RangeError('the issuer is not valid at this time');
  return { notBefore: wholeSeconds(notBefore), notAfter: wholeSeconds(notAfter), clipped: notAfter < wanted };
}

function wholeSeconds(timeMs: number): Date {
  return new Date(Math.floor(timeMs / 1000) * 1000);
}
