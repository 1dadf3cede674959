// What a peer may do under one view of its listener, and what a connected one may still do under the next.
import { authorizePeer, type Peer } from './authorize-peer.ts';
import type { Access, UnderWay } from './connection.ts';
import { identityHeaders } from './identity-headers.ts';
import type { ListenerView } from './listener-view.ts';
import type { Refusal } from './metrics.ts';
import { selectRoute } from './select-route.ts';
import { findTenant, reassess } from './trust.ts';

export function grantAccess(peer: Peer, view: ListenerView): Access {
  const { model, tls, routes } = view;
  const verdict = authorizePeer(peer, { routes, ...(model.tls === undefined ? {} : { clientAuth: model.tls.clientAuth }) });
  return { view, verdict, identityHeaders: tls === undefined ? [] : identityHeaders(peer, model.clientCertificateHeader, tls.ownUri) };
}

export type Renewal = { readonly kind: 'keep'; readonly peer: Peer; readonly access: Access } | { readonly kind: 'cut'; readonly reason: Refusal };

/** An HTTP connection without a route stays: its next request is answered with 503. */
export function renewAccess(peer: Peer, before: ListenerView, view: ListenerView): Renewal {
  const judged = judgeAgain(peer, before, view);
  if (typeof judged === 'string') return { kind: 'cut', reason: judged };
  const access = grantAccess(judged, view);
  if (view.model.protocol === 'TCP' && access.verdict.kind === 'deny') return { kind: 'cut', reason: access.verdict.reason };
  return { kind: 'keep', peer: judged, access };
}

/** Whether what has begun would still go to the same upstream: a stream or a WebSocket may never send another request that could be refused. */
export function mayGoOn({ verdict }: Access, { upstream, target }: UnderWay): boolean {
  if (verdict.kind === 'deny') return false;
  const route = target === undefined ? verdict.routes[0] : selectRoute(verdict.routes, target);
  return route?.upstream?.name === upstream;
}

function judgeAgain(peer: Peer, before: ListenerView, after: ListenerView): Peer | 'revoked' | 'not_trusted' {
  if (peer.kind !== 'verified') return peer;
  const trust = after.tls?.trust;
  if (trust === undefined) return 'not_trusted';
  const standing = reassess(before.tls?.trust ?? trust, trust, peer.certificate);
  if (standing !== 'trusted') return standing;
  const tenant = findTenant(trust, peer.certificate.x509);
  return { kind: 'verified', certificate: peer.certificate, ...(tenant === undefined ? {} : { tenant }) };
}
