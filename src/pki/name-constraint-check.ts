// Whether the names of a certificate hold under an authority's name constraints. Used on what we issued, before it is
// stored; it follows RFC 5280 where OpenSSL and Go differ, taking the stricter reading.
import { BlockList, isIPv6 } from 'node:net';

import type { NameConstraints, Subtrees } from './name-constraints.ts';
import type { AlternativeNames } from './subject-alternative-names.ts';

/** The first name that the constraints forbid, or `undefined` when all hold. */
export function findConstraintViolation(names: AlternativeNames, constraints: NameConstraints): string | undefined {
  if (constraints.hasOthers) return 'a constraint on a kind of name that is not understood';
  return KINDS.flatMap(({ names: pick, subtrees, matches }) =>
    pick(names).filter((name) => {
      const permitted = subtrees(constraints.permitted);
      const isPermitted = permitted.length === 0 || permitted.some((subtree) => matches(name, subtree));
      return !isPermitted || subtrees(constraints.excluded).some((subtree) => matches(name, subtree));
    }),
  )[0];
}

const HOST_LABEL = '[0-9A-Za-z_](?:[0-9A-Za-z_-]*[0-9A-Za-z_])?';
const HOST_LIKE = new RegExp(`^${HOST_LABEL}(?:\\.${HOST_LABEL})+$`);

/**
 * The names of a leaf as OpenSSL judges them: without a DNS name among them, a common name that looks like one counts
 * (`NAME_CONSTRAINTS_check_CN`). Go looks at no common name.
 */
export function withCommonNames(names: AlternativeNames, commonNames: readonly string[]): AlternativeNames {
  return names.dnsNames.length > 0 ? names : { ...names, dnsNames: commonNames.filter((name) => HOST_LIKE.test(name)) };
}

interface Kind {
  readonly names: (names: AlternativeNames) => readonly string[];
  readonly subtrees: (subtrees: Subtrees) => readonly string[];
  readonly matches: (name: string, subtree: string) => boolean;
}

const KINDS: readonly Kind[] = [
  { names: (n) => n.dnsNames, subtrees: (s) => s.dnsNames, matches: isAtOrBelow },
  { names: (n) => n.uris, subtrees: (s) => s.uriHosts, matches: (uri, subtree) => hostMatches(hostOf(uri), subtree) },
  { names: (n) => n.emailAddresses, subtrees: (s) => s.emails, matches: mailboxMatches },
  { names: (n) => n.ipAddresses, subtrees: (s) => s.ipRanges, matches: isInRange },
];

function isAtOrBelow(name: string, subtree: string): boolean {
  const base = subtree.toLowerCase().replace(/^\./, '');
  const lower = name.toLowerCase();
  return base === '' || lower === base || lower.endsWith(`.${base}`);
}

function hostMatches(host: string, subtree: string): boolean {
  const base = subtree.toLowerCase();
  return base.startsWith('.') ? host.endsWith(base) : host === base;
}

function mailboxMatches(mailbox: string, subtree: string): boolean {
  const domain = mailbox.slice(mailbox.lastIndexOf('@') + 1).toLowerCase();
  if (!subtree.includes('@')) return hostMatches(domain, subtree);
  const at = subtree.lastIndexOf('@');
  return mailbox.slice(0, mailbox.lastIndexOf('@')) === subtree.slice(0, at) && domain === subtree.slice(at + 1).toLowerCase();
}

/** The host of a URI; empty where there is none, which no constraint matches. */
function hostOf(uri: string): string {
  const authority = /^[^:/?#]+:\/\/([^/?#]*)/.exec(uri)?.[1] ?? '';
  return authority.replace(/^.*@/, '').replace(/:\d*$/, '').toLowerCase();
}

function isInRange(address: string, range: string): boolean {
  const [network = '', prefix = ''] = range.split('/');
  const family = isIPv6(network) ? 'ipv6' : 'ipv4';
  if (isIPv6(address) !== isIPv6(network)) return false;
  const list = new BlockList();
  list.addSubnet(network, Number(prefix), family);
  return list.check(address, family);
}
