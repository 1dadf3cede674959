// Findings about a pod as one text for people: what is wrong, and what to do about it. One rule: bounded, whatever the pod looks like.
import type { Finding } from '../injection/reasons.ts';

const SHOWN = 5;

export function describeFindings(findings: readonly Finding[]): string {
  const shown = findings.slice(0, SHOWN).map(describeFinding);
  const more = findings.length - shown.length;
  return [...shown, ...(more > 0 ? [`and ${more} more reasons`] : [])].join('. ');
}

export function describeFinding({ message, remedy }: Finding): string {
  return `${message} (${remedy})`;
}

/** Each reason once: for labels of metrics and for logs. */
export function reasonsOf(findings: readonly Finding[]): string[] {
  return [...new Set(findings.map(({ reason }) => reason))];
}
