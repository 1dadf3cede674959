// What happens to a request: refused, redirected, or sent along a route. Pure.
import type { DenialReason } from './authorize-peer.ts';
import { BAD_CERTIFICATE, NO_CERTIFICATE } from './answer-page.ts';
import type { Access } from './connection.ts';
import type { Exchange } from './exchange.ts';
import type { Route } from './listener-view.ts';
import { redirectTarget } from './redirect.ts';
import { requestHeaders, type HeaderPolicy, type RequestHeaders } from './request-headers.ts';
import { parseTarget, selectRoute, type RequestTarget } from './select-route.ts';

export type Decision =
  | { readonly kind: 'refuse'; readonly status: number; readonly reason: DenialReason | 'bad_request'; readonly detail?: string }
  | { readonly kind: 'redirect'; readonly status: number; readonly location: string }
  | { readonly kind: 'route'; readonly route: Route; readonly target: RequestTarget; readonly headers: RequestHeaders };

const DENIALS: Readonly<Record<DenialReason, Extract<Decision, { kind: 'refuse' }>>> = {
  no_certificate: { kind: 'refuse', status: 400, reason: 'no_certificate', detail: NO_CERTIFICATE },
  bad_certificate: { kind: 'refuse', status: 400, reason: 'bad_certificate', detail: BAD_CERTIFICATE },
  no_route: { kind: 'refuse', status: 503, reason: 'no_route' },
};
const BAD_REQUEST: Decision = { kind: 'refuse', status: 400, reason: 'bad_request' };

type Request = Pick<Exchange, 'target' | 'rawHeaders' | 'httpVersion'>;

/** The client first, then the request: one that is refused learns nothing from how its request is judged. */
export function decideRequest(request: Request, { verdict, view, identityHeaders }: Access, { policy, remoteAddress }: { policy: HeaderPolicy; remoteAddress: string }): Decision {
  const { redirect } = view.model;
  if (verdict.kind === 'deny' && redirect === undefined) return DENIALS[verdict.reason];
  const headers = requestHeaders(request.rawHeaders, policy, { remoteAddress, identityHeaders });
  const target = parseTarget(request.target);
  if (!hasGoodHost(request, headers, policy) || target === undefined) return BAD_REQUEST;
  if (redirect !== undefined) {
    const location = redirectTarget(redirect, headers.host, target.raw);
    return location === undefined ? BAD_REQUEST : { kind: 'redirect', status: redirect.statusCode, location };
  }
  const route = verdict.kind === 'deny' ? undefined : selectRoute(verdict.routes, target);
  return route === undefined ? DENIALS.no_route : { kind: 'route', route, target, headers };
}

/** Exactly one; HTTP/1.0 knows requests without. */
function hasGoodHost({ httpVersion }: Request, { host, hosts }: RequestHeaders, policy: HeaderPolicy): boolean {
  return host === undefined ? httpVersion === '1.0' : hosts === 1 && policy.isHost(host);
}
