// Points in time from numbers and text. The one place of this folder that builds a Date, so that nothing here can read the clock.

export const SECOND_MS = 1000;
export const MINUTE_MS = 60_000;
export const HOUR_MS = 3_600_000;

export function instant(epochMs: number): Date {
  // oxlint-disable-next-line no-restricted-globals -- a conversion, not a clock
  return new Date(epochMs);
}

/** `text` as RFC 3339 writes it, or `undefined` when it is no time. */
export function parseInstant(text: string | undefined): Date | undefined {
  if (text === undefined) return undefined;
  // oxlint-disable-next-line no-restricted-globals -- a conversion, not a clock
  const parsed = new Date(text);
  return Number.isNaN(parsed.getTime()) ? undefined : parsed;
}

export function later(time: Date, ms: number): Date {
  return instant(time.getTime() + ms);
}

export function earliest(first: Date, ...others: readonly Date[]): Date {
  return others.reduce((least, each) => (each < least ? each : least), first);
}

/** Without the fraction: Kubernetes writes whole seconds, and a time must compare equal after it went through a status. */
export function wholeSecond(time: Date): Date {
  return instant(Math.floor(time.getTime() / SECOND_MS) * SECOND_MS);
}

/** As Kubernetes writes times: whole seconds, UTC. */
export function writeInstant(time: Date): string {
  return wholeSecond(time).toISOString().replace('.000Z', 'Z');
}
