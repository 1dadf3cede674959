// What is unusual about a certificate though all is well. Pure.
import { CONDITION } from '../../api/conditions.ts';
import type { DesiredCertificate } from '../../issuance/desired-certificate.ts';
import { writeInstant } from '../../issuance/instant.ts';
import type { Authority, Notice } from '../authorities/authority.ts';
import type { OwnedSecret } from '../owned-secret.ts';

export function certificateNotices(secret: OwnedSecret | undefined, desired: DesiredCertificate, authority: Authority | undefined): Notice[] {
  return [...clipped(secret, desired, authority), ...(authority?.notices ?? [])];
}

/** The lifetime asked for did not fit into the issuer's. */
function clipped(secret: OwnedSecret | undefined, { request: { durationMs } }: DesiredCertificate, authority: Authority | undefined): Notice[] {
  if (secret?.stored.state !== 'Read' || authority === undefined) return [];
  const { notBefore, notAfter } = secret.stored;
  const { notAfter: end } = authority.issuer;
  if (notAfter.getTime() !== end.getTime() || notAfter.getTime() - notBefore.getTime() >= durationMs) return [];
  return [{ type: CONDITION.validityClipped, status: 'True', reason: 'EndsWithIssuer', message: `spec.duration does not fit: the certificate ends with the CA of ${authority.name}, at ${writeInstant(end)}` }];
}
