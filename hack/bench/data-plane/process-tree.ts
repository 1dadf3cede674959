// CPU time and memory of a process with all its descendants, ended ones included.
import { readdirSync, readFileSync } from 'node:fs';
import { processSeconds, residentMiB } from '../machine-load.ts';

const NANOSECONDS = 1e9;
const TICKS_PER_SECOND = 100;

/** Threads that live in nanoseconds; with those that have ended, and with descendants that have, in ticks of 10 ms. */
export function treeSeconds(root: number): number {
  return treeOf(root).reduce((sum, pid) => sum + ownSeconds(pid) + endedChildrenSeconds(pid), 0);
}

export function treeMiB(root: number): number {
  return treeOf(root).reduce((sum, pid) => sum + residentMiB(pid), 0);
}

function treeOf(pid: number): number[] {
  return [pid, ...tasksOf(pid).flatMap((task) => (read(`/proc/${pid}/task/${task}/children`) ?? '').split(' ').filter(Boolean).flatMap((child) => treeOf(Number(child))))];
}

/** Each of the two is too little only: one knows no thread that has ended, the other counts whole ticks. */
function ownSeconds(pid: number): number {
  const threads = tasksOf(pid).reduce((sum, task) => sum + Number((read(`/proc/${pid}/task/${task}/schedstat`) ?? '0').split(' ')[0]) / NANOSECONDS, 0);
  return Math.max(threads, processSeconds(pid));
}

function endedChildrenSeconds(pid: number): number {
  const fields = (read(`/proc/${pid}/stat`) ?? '').replace(/^.*\) /s, '').split(' ');
  return (Number(fields[13] ?? 0) + Number(fields[14] ?? 0)) / TICKS_PER_SECOND;
}

function tasksOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
