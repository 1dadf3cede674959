// The one place where a logger is made. Messages are constant and lower-case; data goes into fields.
import { pino } from 'pino';
import type { Logger } from 'pino';

export type { Logger } from 'pino';

const PRIVATE = /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(-----END [A-Z ]*PRIVATE KEY-----|$)/g;

/** JSON lines on stdout. Should a private key ever reach a line, it is cut out before it is written. */
export function createLogger(level: string): Logger {
  const stdout = pino.destination({ dest: 1, sync: true });
  return pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (label) => ({ level: label }) } },
    { write: (line: string) => stdout.write(line.includes('PRIVATE KEY') ? line.replaceAll(PRIVATE, '[private key]') : line) },
  );
}
