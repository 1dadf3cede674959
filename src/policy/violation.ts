// What policy finds wrong with a request: for programs (reason, field, rule) and for people (message).
import type { Refusal } from '../api/conditions.ts';
import type { RefuseReason } from '../api/conditions.ts';

export interface Violation {
  readonly reason: RefuseReason & ('PolicyViolation' | 'NamespaceNotAllowed' | 'TenantNotFound' | 'NameCollision');
  /** Where it stands in the TenantCertificate: `spec.dnsNames[1]`. */
  readonly field: string;
  /** The rule of the Tenant that refused: `allow.dnsNames`. */
  readonly rule: string;
  readonly message: string;
}

const SHOWN = 3;

/** One refusal for a condition: the first violations in full and how many more there are. */
export function refuseFor(violations: readonly [Violation, ...Violation[]]): Refusal {
  const [{ reason, field, rule }] = violations;
  const more = violations.length > SHOWN ? [`and ${violations.length - SHOWN} more`] : [];
  return { reason, field, rule, message: [...violations.slice(0, SHOWN).map(({ message }) => message), ...more].join('; ') };
}

const LONGEST_QUOTE = 80;

/** Text of a user as a message may show it: on one line, in ASCII, so that no mark of direction and no look-alike deceives the reader. */
export function quote(text: string): string {
  const shown = text.length > LONGEST_QUOTE ? `${text.slice(0, LONGEST_QUOTE)}…` : text;
  return JSON.stringify(shown).replace(/[^\x20-\x7e…]/gu, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}
