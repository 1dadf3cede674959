// An authority as planIssuance wants to know it.
import type { IssuerFacts } from '../../issuance/issuance-facts.ts';
import type { AuthorityState } from '../authorities/authority.ts';

export function issuerFacts(state: AuthorityState | 'self-signed'): IssuerFacts {
  if (state === 'self-signed') return { state: 'SelfSigned' };
  if (state.kind === 'refused') return { state: 'Refused', refusal: state.refusal };
  const { issuer, name, accepted, waiting } = state.authority;
  if (waiting !== undefined) return { state: 'Replacing', accepted, message: waiting };
  return {
    state: 'Usable',
    accepted,
    sha256: issuer.sha256,
    name,
    notBefore: issuer.notBefore,
    notAfter: issuer.notAfter,
    mayIssueCA: issuer.pathLen === undefined || issuer.pathLen > 0,
  };
}
