// Spans of time as the API writes them (`168h`, `1h30m`), in milliseconds.

const UNIT_MS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000 };

/** Milliseconds of a Go duration of hours, minutes and seconds; throws on anything else (the CRD's pattern admits nothing else). */
export function parseDurationMs(text: string): number {
  const parts = [...text.matchAll(/(\d{1,7})([hms])/g)];
  if (parts.length === 0 || parts.map(([whole]) => whole).join('') !== text) {
    throw new RangeError(`"${text.slice(0, 40)}" is not a duration such as 168h or 1h30m`);
  }
  return parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * (UNIT_MS[unit ?? ''] ?? 0), 0);
}
