// How busy the machine was with other things while something was measured: CPU seconds of all processes less those measured.
import { readFileSync } from 'node:fs';

const TICKS_PER_SECOND = 100;

function totalSeconds(): number {
  const [, user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = (readFileSync('/proc/stat', 'utf8').split('\n')[0] ?? '').split(/\s+/).map(Number);
  return (user + nice + system + irq + softirq + steal) / TICKS_PER_SECOND;
}

/** User and system CPU seconds of a process so far; 0 when it is gone. */
export function processSeconds(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  } catch {
    return 0;
  }
}

/** Resident memory in MiB. */
export function residentMiB(pid: number): number {
  try {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}

export interface Load {
  readonly seconds: number;
  /** CPU seconds of each process asked about. */
  readonly measured: readonly number[];
  /** Share of all cores that others used, 0 to 1. */
  readonly others: number;
}

export function startMeasuring(pids: readonly number[], cores: number): () => Load {
  const begin = { at: performance.now(), total: totalSeconds(), each: pids.map(processSeconds) };
  return () => {
    const seconds = (performance.now() - begin.at) / 1000;
    const measured = pids.map((pid, index) => processSeconds(pid) - (begin.each[index] ?? 0));
    const others = totalSeconds() - begin.total - measured.reduce((sum, each) => sum + each, 0);
    return { seconds, measured, others: Math.max(0, others) / seconds / cores };
  };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
}

/** A table with aligned columns. */
export function printTable(head: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  for (const row of [head, widths.map((width) => '-'.repeat(width)), ...rows]) console.log(row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '));
}
