// The CRLs that may list certificates of an object: those of its issuer, and of those that it had before.
import { CONDITION } from '../../api/conditions.ts';
import type { TenantCertificateStatus } from '../../api/tenant-certificate.ts';
import { parseInstant } from '../../issuance/instant.ts';
import { writeSerial } from '../../issuance/revocations.ts';
import type { AuthorityState, Notice, Revocations } from '../authorities/authority.ts';
import type { CertificateRun } from './certificate-run.ts';

type Issued = NonNullable<TenantCertificateStatus['issued']>;

/** Who signs no CRL any more can revoke nothing. */
export function keptRevocations({ certificate, context: { authorities } }: CertificateRun, state: AuthorityState | 'self-signed'): Revocations[] {
  const before = authorities.signing(certificate.status?.issued?.map(({ issuerSHA256 }) => issuerSHA256) ?? []).map((key) => authorities.get(key));
  return [...new Set([state, ...before])].flatMap((each) => (each === undefined || each === 'self-signed' || each.kind === 'refused' ? [] : (each.authority.revocations ?? [])));
}

/** Its unexpired certificates: those that can come onto a CRL, and those that cannot though they should. */
export function splitIssued(run: CertificateRun, kept: readonly Revocations[]): { readonly listable: Issued; readonly unlisted: Issued } {
  const issuers = new Set(kept.flatMap((each) => [...each.issuers]));
  const issued = unexpired(run);
  return {
    listable: issued.filter(({ issuerSHA256 }) => issuers.has(issuerSHA256)),
    unlisted: issued.filter(({ issuerSHA256 }) => !issuers.has(issuerSHA256) && !needsNoCrl(run.context, issuerSHA256)),
  };
}

function unexpired({ certificate: { status }, agreedNow }: CertificateRun): Issued {
  return (status?.issued ?? []).filter(({ notAfter }) => (parseInstant(notAfter) ?? agreedNow) > agreedNow);
}

/** Its authority is there, and was never asked for a CRL. */
function needsNoCrl({ authorities }: CertificateRun['context'], issuerSHA256: string): boolean {
  return authorities.signing([issuerSHA256]).some((key) => {
    const state = authorities.get(key);
    return state?.kind === 'ready' && state.authority.revocations === undefined;
  });
}

/** Of a revoked object: as long as one of its certificates is on no CRL, others go on accepting it. */
export function notRevoked(run: CertificateRun, state: AuthorityState | 'self-signed'): Notice[] {
  if (run.desired.revoked === undefined) return [];
  const kept = keptRevocations(run, state);
  const missing = unexpired(run).filter(({ issuerSHA256, serialNumber }) => !kept.some((each) => each.has(issuerSHA256, writeSerial(serialNumber))));
  if (missing.length === 0) return [];
  const named = missing.slice(0, SHOWN).map(({ serialNumber }) => serialNumber).join(', ');
  return [{ type: CONDITION.notRevoked, status: 'True', reason: 'NotOnCRL', message: `${missing.length} of its certificates ${missing.length === 1 ? 'is' : 'are'} on no CRL, and others still accept ${missing.length === 1 ? 'it' : 'them'}: ${named}` }];
}

const SHOWN = 3;
