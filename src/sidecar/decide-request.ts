// What happens to a request: refused, redirected, or sent along a route. Pure.
import type { RedirectModel } from '../proxy-model/model.ts';
import { isAmbiguousPath, judgesPaths } from '../proxy-model/ambiguous-path.ts';
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
const NOT_IMPLEMENTED: Decision = { kind: 'refuse', status: 501, reason: 'bad_request' };
const VERSION_NOT_SUPPORTED: Decision = { kind: 'refuse', status: 505, reason: 'bad_request' };
/** TRACE would send a client the headers that are meant for the app. */
const NOT_ALLOWED: Decision = { kind: 'refuse', status: 405, reason: 'bad_request' };

type Request = Pick<Exchange, 'method' | 'target' | 'rawHeaders' | 'httpVersion'>;

interface Client {
  readonly policy: HeaderPolicy;
  readonly remoteAddress: string;
}

/** The client first, then the request: one that is refused learns nothing from how its request is judged. */
export function decideRequest(request: Request, { verdict, view, identityHeaders }: Access, { policy, remoteAddress }: Client): Decision {
  const { redirect } = view.model;
  if (verdict.kind === 'deny' && redirect === undefined) return DENIALS[verdict.reason];
  const headers = requestHeaders(request.rawHeaders, policy, { remoteAddress, identityHeaders });
  const refusal = refuseMessage(request, headers, policy);
  if (refusal !== undefined) return refusal;
  const target = parseTarget(request.target);
  if (target === undefined) return BAD_REQUEST;
  if (redirect !== undefined) return decideRedirect(redirect, headers, target);
  if (judgesPaths(view.model) && isAmbiguousPath(target.raw)) return BAD_REQUEST;
  const route = verdict.kind === 'deny' ? undefined : selectRoute(verdict.routes, target);
  return route === undefined ? DENIALS.no_route : { kind: 'route', route, target, headers };
}

/** What servers may take for different things. */
function refuseMessage({ method, httpVersion }: Request, { hasOtherCoding, isChunked, host, hosts }: RequestHeaders, policy: HeaderPolicy): Decision | undefined {
  if (httpVersion === 'other') return VERSION_NOT_SUPPORTED;
  if (method === 'TRACE') return NOT_ALLOWED;
  if (hasOtherCoding) return NOT_IMPLEMENTED;
  if (isChunked && httpVersion === '1.0') return BAD_REQUEST; // RFC 9112, 6.1: its framing is faulty
  // Exactly one Host; HTTP/1.0 knows requests without.
  const hasGoodHost = host === undefined ? httpVersion === '1.0' : hosts === 1 && policy.isHost(host);
  return hasGoodHost ? undefined : BAD_REQUEST;
}

function decideRedirect(redirect: RedirectModel, { host }: RequestHeaders, { raw }: RequestTarget): Decision {
  const location = redirectTarget(redirect, host, raw);
  return location === undefined ? BAD_REQUEST : { kind: 'redirect', status: redirect.statusCode, location };
}
