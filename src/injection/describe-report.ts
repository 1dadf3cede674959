// A report as text for people and as labels for programs. One rule: whatever tells of a decision (warnings, log, metric, Event, the
// command line) tells it from a report and in these words, bounded whatever the pod looks like.
import type { Finding } from './reasons.ts';
import type { Report } from './report.ts';

const SHOWN = 5;

/** What is wrong, and what to do about it; empty where nothing is. */
export function describeReport({ reasons }: Report): string {
  const shown = reasons.slice(0, SHOWN).map(describeFinding);
  const more = reasons.length - shown.length;
  return [...shown, ...(more > 0 ? [`and ${more} more reasons`] : [])].join('. ');
}

/** One line for each of the first findings. */
export function warningsOf({ reasons }: Report, intro: string): string[] {
  return reasons.slice(0, SHOWN).map((finding) => `tenant-mtls: ${intro}: ${describeFinding(finding)}`);
}

/** Each reason once: for labels of metrics and for logs. */
export function reasonsOf({ reasons }: Report): string[] {
  return [...new Set(reasons.map(({ reason }) => reason))];
}

function describeFinding({ message, remedy }: Finding): string {
  return `${message} (${remedy})`;
}
