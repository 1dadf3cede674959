// The results as tables, and beside them what was aimed at.
import { median, printTable } from '../machine-load.ts';
import type { ReloadResult } from './reloads.ts';
import { FIGURES, type Figure, type Result } from './rounds.ts';

const DIGITS: Readonly<Record<Figure, number>> = { handshakeMs: 3, perSecond: 0, requestMicros: 1, secondsPerGiB: 2, addedP50: 2, addedP99: 2, idleMiB: 0, loadedMiB: 0, bulkMiB: 0 };

function spread(values: readonly number[], digits: number): string {
  return `${median(values).toFixed(digits)} [${Math.min(...values).toFixed(digits)}..${Math.max(...values).toFixed(digits)}]`;
}

/** Two tables, so that each fits on a screen. */
export function printRounds(results: readonly Result[]): void {
  const names = [...new Set([...results].sort((a, b) => a.round - b.round).map(({ name }) => name))];
  const table = (figures: readonly Figure[]) => {
    const rows = names.map((name) => {
      const own = results.filter((result) => result.name === name);
      return [name].concat(figures.map((figure) => spread(own.map(({ figures: all }) => all[figure]), DIGITS[figure])));
    });
    printTable(['', ...figures.map((figure) => FIGURES[figure])], rows);
    console.log();
  };
  table(['handshakeMs', 'perSecond', 'requestMicros', 'secondsPerGiB']);
  table(['addedP50', 'addedP99', 'idleMiB', 'loadedMiB', 'bulkMiB']);
}

export function printReloads(results: readonly ReloadResult[]): void {
  const rows = results.map(({ name, reloads, count, failed, p50, p99, worst }) => [name, String(reloads), String(count), String(failed), p50.toFixed(2), p99.toFixed(2), worst.toFixed(1)]);
  printTable(['a reload a second, both at once', 'reloads', 'requests', 'failed', 'p50 ms', 'worst p99 ms of 5 s', 'worst ms'], rows);
  console.log();
}

interface Goal {
  readonly what: string;
  readonly figure: Figure;
  readonly of: string;
  /** Absent: the figure itself counts, not a ratio. */
  readonly to?: string;
  readonly atMost?: number;
}

const GOALS: readonly Goal[] = [
  { what: 'nginx sidecar : nginx with the same headers, CPU per request', figure: 'requestMicros', of: 'nginx sidecar', to: 'nginx, same headers', atMost: 1.1 },
  { what: 'nginx sidecar : nginx without headers, CPU per request', figure: 'requestMicros', of: 'nginx sidecar', to: 'nginx, no headers', atMost: 1.1 },
  { what: 'node sidecar : bare pipe, CPU per request', figure: 'requestMicros', of: 'node sidecar', to: 'node pipe', atMost: 1.25 },
  { what: 'node sidecar : nginx sidecar, CPU per request', figure: 'requestMicros', of: 'node sidecar', to: 'nginx sidecar' },
  { what: 'node sidecar : nginx sidecar, CPU per handshake', figure: 'handshakeMs', of: 'node sidecar', to: 'nginx sidecar', atMost: 1.2 },
  { what: 'bare pipe : nginx sidecar, CPU per handshake', figure: 'handshakeMs', of: 'node pipe', to: 'nginx sidecar' },
  { what: 'node sidecar, MiB under requests', figure: 'loadedMiB', of: 'node sidecar', atMost: 150 },
  { what: 'node sidecar, MiB after a download', figure: 'bulkMiB', of: 'node sidecar', atMost: 150 },
];

export function printGoals(results: readonly Result[], reloads: readonly ReloadResult[]): void {
  const rows = GOALS.map(({ what, figure, of, to, atMost }) => {
    const values = results.filter(({ name }) => name === of).map(({ round, figures }) => figures[figure] / (to === undefined ? 1 : valueOf(results, { name: to, round, figure })));
    return [what, spread(values, to === undefined ? 0 : 2), atMost === undefined ? '' : `<= ${atMost}`, atMost === undefined ? '' : verdict(median(values) <= atMost)];
  });
  const lost = reloads.map(({ name, reloads: count, failed }) => [`${name}, failed requests in ${count} reloads`, String(failed), '0', verdict(failed === 0)]);
  printTable(['goal', 'measured', 'aim', ''], [...rows, ...lost]);
}

function valueOf(results: readonly Result[], wanted: { name: string; round: number; figure: Figure }): number {
  return results.find(({ name, round }) => name === wanted.name && round === wanted.round)?.figures[wanted.figure] ?? Number.NaN;
}

function verdict(isMet: boolean): string {
  return isMet ? 'met' : 'missed';
}
