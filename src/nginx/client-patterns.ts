// Client rules as keys over what nginx knows of a verified client: its subject, and the name of the issuer. Every pattern is anchored at
// both ends and takes the DN apart as RFC 4514 says: a looser one can be fooled by `O=x\,CN=alice`.
import type { ClientMatch, ListenerModel } from '../proxy-model/model.ts';
import { escapeValue } from '../proxy-model/subject-text.ts';
import { escapeRegex } from './quoting.ts';

/** Attributes before the first CN, which is the most specific one and the only one that counts; values may hold escaped separators. */
export const ATTRIBUTES_BEFORE_NAME = String.raw`(?:(?!CN=)[A-Za-z0-9.]+=(?:[^\\,+]|\\.)*[,+])*`;

/** A pattern over `$ssl_client_s_dn`, or over the issuer's name, a line feed (which a printed name cannot hold) and the subject. */
export type ClientPattern = { readonly over: 'subject' | 'issuer and subject'; readonly pattern: string };

export function clientPatterns(client: ClientMatch, listener: ListenerModel): ClientPattern[] {
  const subject = subjectPattern(client);
  if (client.tenant === undefined) return subject === undefined ? [] : [{ over: 'subject', pattern: `^${subject}$` }];
  const authorities = (listener.tls?.trust?.authorities ?? []).filter(({ tenant }) => tenant === client.tenant);
  return authorities.map((authority) => ({
    over: 'issuer and subject',
    pattern: String.raw`^${escapeRegex(printed(authority.subject))}\n${subject ?? String.raw`[^\n]+`}$`,
  }));
}

/** Undefined: any subject. Case counts, unlike in the plain keys of a `map`: hence a pattern for a whole DN, too. */
function subjectPattern({ subject, commonName }: ClientMatch): string | undefined {
  const whole = subject === undefined ? undefined : escapeRegex(printed(subject));
  const byName = commonName === undefined ? undefined : `${ATTRIBUTES_BEFORE_NAME}CN=${escapeRegex(printed(escapeValue(commonName)))}(?:[,+][^\\n]*)?`;
  return whole !== undefined && byName !== undefined ? `(?=${byName}$)${whole}` : whole ?? byName;
}

/** As OpenSSL prints a name for nginx (XN_FLAG_RFC2253): bytes beyond ASCII as \XX. */
function printed(name: string): string {
  return name.replaceAll(/[\u0080-\u{10ffff}]+/gu, (run) => Array.from(Buffer.from(run), (byte) => `\\${byte.toString(16).toUpperCase()}`).join(''));
}
