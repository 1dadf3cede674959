// Names of ciphers and groups, judged by OpenSSL itself: Node's own, which the node engine serves with and whose names nginx's shares.
// One rule: each name is asked for alone, because a list with an unknown name among others is taken in silence, or stops nginx.
// oxlint-disable-next-line no-restricted-imports -- contexts are only made to ask OpenSSL: nothing is read and nothing connected
import { createSecureContext } from 'node:tls';
import { refuse } from './proxy-refused.ts';

/** What OpenSSL once had: written in many lists to keep it out, which is always right. */
const RETIRED = /^(?:SSLv2|EXP(?:ORT(?:40|56)?)?|LOW|MEDIUM|KRB5|DES|3DES|RC2|RC4|IDEA|SEED|MD5|DSS|aDSS|[ka]?(?:ECDH|DH)[rde]?|(?:[A-Z0-9]+-)*(?:DES-CBC3?|RC4|RC2-CBC|IDEA-CBC|SEED)-(?:SHA|MD5))$/;

/** `field`: path of the list. */
export function checkCiphers(ciphers: readonly string[], field: string): void {
  for (const [index, rule] of ciphers.entries()) {
    const at = `${field}[${index}]`;
    if (rule.startsWith('TLS_')) refuse(at, `"${rule}" is a suite of TLS 1.3 or an IANA name; list ciphers of TLS 1.2 by their OpenSSL names, the suites of TLS 1.3 are always on`);
    if (!isRule(rule, index)) refuse(at, `"${rule}" is no cipher and no rule that OpenSSL knows; openssl ciphers -v ALL lists the names`);
  }
  if (ciphers.length > 0 && !takes({ ciphers: ciphers.join(':') })) refuse(field, 'leaves no cipher for TLS 1.2');
}

/** `field`: path of the list. */
export function checkCurves(curves: readonly string[], field: string): void {
  for (const [index, curve] of curves.entries()) {
    if (!isGroup(curve)) refuse(`${field}[${index}]`, `"${curve}" is no key exchange group that OpenSSL knows; such as X25519MLKEM768, X25519, P-256 or P-384`);
  }
}

/** `!`, `+` or `-`, and keywords or one name, joined by `+`. OpenSSL knows DEFAULT at the beginning of a list only, and ignores it elsewhere. */
function isRule(rule: string, index: number): boolean {
  if (rule === 'DEFAULT') return index === 0;
  const words = rule.replace(/^[!+-]/, '').split('+');
  return words.every((word) => /^[A-Za-z0-9]/.test(word) && word !== 'DEFAULT' && (RETIRED.test(word) || takes({ ciphers: word })));
}

/** `auto` and DEFAULT are words for leaving the list out, each known in some places only; a leading `-` takes a group away. */
function isGroup(name: string): boolean {
  return /^(?!auto$|default$)[a-z0-9]/i.test(name) && takes({ ecdhCurve: name });
}

/** The empty `ca` keeps Node from reading those of the system. */
function takes(options: Parameters<typeof createSecureContext>[0]): boolean {
  try {
    createSecureContext({ ...options, ca: [] });
    return true;
  } catch {
    return false;
  }
}
