// When a certificate is renewed: `renewBefore` its end, or after two thirds of the lifetime that was really issued.
import type { DesiredCertificate } from './desired-certificate.ts';
import { later, wholeSecond } from './instant.ts';

export interface Validity {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/**
 * In whole seconds, always before `notAfter`. A certificate that was cut short by its issuer's end is renewed after
 * two thirds at the latest: a `renewBefore` meant for the full duration could lie before its beginning.
 */
export function renewalTime({ request, renewBeforeMs }: DesiredCertificate, { notBefore, notAfter }: Validity): Date {
  const lifetimeMs = notAfter.getTime() - notBefore.getTime();
  const thirdMs = lifetimeMs / 3;
  const cutShort = lifetimeMs < request.durationMs;
  const beforeMs = cutShort ? Math.min(renewBeforeMs ?? thirdMs, thirdMs) : (renewBeforeMs ?? thirdMs);
  return wholeSecond(later(notAfter, -beforeMs));
}
