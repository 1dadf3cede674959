// Which patterns of a Tenant's `allow` stand for any name at all. One rule: a pattern that policy does not understand, or whose
// names no certificate can contain, allows nothing, is left out of the constraints of the authority, and is told to people.
import { isIPv6 } from 'node:net';
import type { TenantAllow } from '../api/tenant.ts';
import { NAME_KINDS, PARSERS } from './name-kinds.ts';
import type { NameKind } from './name-kinds.ts';
import { quote } from './violation.ts';

/** One sentence for each pattern that allows nothing, naming its field. */
export function unusablePatterns(allow: TenantAllow): string[] {
  return NAME_KINDS.flatMap((kind) => (allow[kind] ?? []).flatMap((pattern, index) => (
    isUsable(kind, pattern) ? [] : [`spec.allow.${kind}[${index}] ${quote(pattern)} allows nothing: ${explain(kind, pattern)}`]
  )));
}

/** `allow` with those patterns only that stand for names. */
export function usableAllow(allow: TenantAllow): TenantAllow {
  const kept = NAME_KINDS.map((kind) => [kind, allow[kind]?.filter((pattern) => isUsable(kind, pattern))] as const);
  return { ...allow, ...Object.fromEntries(kept.filter(([, patterns]) => patterns !== undefined)) };
}

function isUsable(kind: NameKind, pattern: string): boolean {
  return PARSERS[kind].parsePattern(pattern) !== undefined && (kind !== 'uris' || hasHost(pattern));
}

const HOST = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/u;

/** URIs without an authority (`urn:`) need none; certificates write hosts in lower case. */
function hasHost(uri: string): boolean {
  const authority = /^[^:/?#]+:\/\/([^/?#]*)/u.exec(uri)?.[1]?.replace(/:\d{1,5}$/u, '');
  return authority === undefined || HOST.test(authority) || (authority.startsWith('[') && authority.endsWith(']') && isIPv6(authority.slice(1, -1)));
}

const FORMS: Readonly<Record<NameKind, string>> = {
  commonNames: 'a wildcard must be a whole label between dots',
  dnsNames: 'it must be labels between single dots, of which * and ** may be whole ones',
  uris: 'it must be scheme://host/path with a lower-case host, and * and ** may be whole segments of the path',
  emailAddresses: 'it must be a mailbox or * at a domain of labels, of which * and ** may be whole ones',
};

function explain(kind: NameKind, pattern: string): string {
  return /^[ -~]*$/u.test(pattern) ? FORMS[kind] : `${FORMS[kind]}; international names are written in their xn-- form`;
}
