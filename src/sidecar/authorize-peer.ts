// Which routes a peer may use. Pure: everything it needs about the connection is in `Peer`.
// Rule: fields of one client entry AND, entries OR; only a verified peer ever matches an entry.
import type { ClientAuth } from '../api/tenant-certificate.ts';
import type { ClientMatch } from '../proxy-model/model.ts';
import type { PeerCertificate } from './peer-certificate.ts';

/** What the handshake said about the other side. */
export type Peer =
  | { readonly kind: 'anonymous' }
  | { readonly kind: 'verified'; readonly certificate: PeerCertificate; readonly tenant?: string }
  | { readonly kind: 'unverified'; readonly certificate: PeerCertificate; readonly error: string };

export type DenialReason = 'no_certificate' | 'bad_certificate' | 'no_route';

export type Verdict<R> = { readonly kind: 'allow'; readonly routes: readonly R[] } | { readonly kind: 'deny'; readonly reason: DenialReason };

interface Rules<R> {
  /** Absent: plaintext. */
  readonly clientAuth?: ClientAuth;
  readonly routes: readonly R[];
}

/** Errors that mean "nobody we know signed it", which OptionalNoCA lets pass (the same five as nginx); expired and the like are refused even there. */
const UNKNOWN_SIGNER = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT', 'SELF_SIGNED_CERT_IN_CHAIN', 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'CERT_UNTRUSTED', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

export function authorizePeer<R extends { readonly clients?: readonly ClientMatch[] }>(peer: Peer, { clientAuth, routes }: Rules<R>): Verdict<R> {
  if (clientAuth === 'Required' && peer.kind === 'anonymous') return { kind: 'deny', reason: 'no_certificate' };
  if (peer.kind === 'unverified' && !(clientAuth === 'OptionalNoCA' && UNKNOWN_SIGNER.has(peer.error))) return { kind: 'deny', reason: 'bad_certificate' };
  const open = routes.filter(({ clients }) => clients === undefined || (peer.kind === 'verified' && clients.some((client) => matches(peer, client))));
  return open.length === 0 ? { kind: 'deny', reason: 'no_route' } : { kind: 'allow', routes: open };
}

type Verified = Extract<Peer, { kind: 'verified' }>;

const FIELDS: { readonly [F in keyof ClientMatch]-?: (peer: Verified, wanted: string) => boolean } = {
  tenant: (peer, wanted) => peer.tenant === wanted,
  commonName: ({ certificate }, wanted) => certificate.subject.commonName === wanted,
  subject: ({ certificate }, wanted) => certificate.subject.text === wanted,
  dnsName: ({ certificate }, wanted) => certificate.dnsNames.some((name) => name.toLowerCase() === wanted.toLowerCase()),
  uri: ({ certificate }, wanted) => certificate.uris.includes(wanted),
  publicKeySHA256: ({ certificate }, wanted) => certificate.publicKeySHA256 === wanted,
  certificateSHA256: ({ certificate }, wanted) => certificate.certificateSHA256 === wanted,
};

function matches(peer: Verified, client: ClientMatch): boolean {
  const wanted = Object.entries(client) as [keyof ClientMatch, string | undefined][];
  // An entry without a field, or with one this engine does not know, must never match everybody.
  return wanted.some(([, value]) => value !== undefined) && wanted.every(([field, value]) => value === undefined || (FIELDS[field]?.(peer, value) ?? false));
}
