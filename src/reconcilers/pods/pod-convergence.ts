// Has a pod loaded the files we wrote last, and if not, when to ask it again and when to have the kubelet look again. Pure: time and
// chance come in. A pod is asked and its kubelet nudged in this rhythm:
//
//     written ──ask──► behind ──touch──► asked every second ──still behind after 2 s──► touched again (4, 8, 16, 32 s later)
//                        │                                └──behind for long──► asked less and less often, every 30 s at last
//                        └──loaded──► current ──► asked after 5, 10, 20 s, then every 30 to 60 s
import type { Answer } from './ask-sidecar.ts';

/** What is remembered of one pod. Times are milliseconds since 1970. */
export interface PodRecord {
  readonly name: string;
  readonly firstSeenAt: number;
  /** In [0, 1): spreads the checks of many pods. */
  readonly jitter: number;
  readonly answer?: Answer;
  readonly askedAt?: number;
  readonly touchedAt?: number;
  /** Since when it has been behind; absent while it is current. */
  readonly pendingSince?: number;
  /** Its open port has been told of. */
  readonly isWarned?: true;
}

const FAST_MS = 1000;
const SLOW_MS = 30_000;
/** An app that has just started may open its port any moment: a pod is asked again when it is twice as old. */
const YOUNG_MS = 5000;
/** A pod that has been behind for this many intervals is asked in the next longer one. */
const PATIENCE = 10;
/** A sidecar that starts need not be nudged before it answers. */
const START_MS = 5000;
const FIRST_TOUCH_AGAIN_MS = 2000;
/** 2 + 4 + 8 + 16 + 32 s: by then the kubelet has looked by itself. */
const MOST_TOUCHES = 6;
const TOUCH_PREFIX = 16;

export function isCurrent({ answer }: PodRecord, expected: string | undefined): boolean {
  return answer?.kind === 'report' && answer.report.manifestSHA256 === expected;
}

/** The record as it is for these expected files: behind since now, or since before, or not at all. */
export function judgePod(record: PodRecord, expected: string, now: number): PodRecord {
  const { pendingSince = now, ...rest } = record;
  return isCurrent(record, expected) ? rest : { ...rest, pendingSince };
}

/** When the pod is to be asked (again). */
export function nextAskAt(record: PodRecord, now: number): number {
  const { askedAt, pendingSince, firstSeenAt, jitter } = record;
  if (askedAt === undefined) return now;
  if (pendingSince === undefined) return askedAt + Math.min(SLOW_MS * (1 + jitter), Math.max(YOUNG_MS, askedAt - firstSeenAt));
  return askedAt + Math.min(SLOW_MS, Math.max(FAST_MS, (now - pendingSince) / PATIENCE));
}

export interface Target {
  /** SHA-256 of the manifest that was written last. */
  readonly expected: string;
  /** The pod's annotation `refresh`. It counts the touches, so that a new leader goes on counting. */
  readonly refresh: string | undefined;
}

/** The value that the annotation `refresh` is to have now; undefined: leave the pod alone. */
export function planTouch(record: PodRecord, { expected, refresh }: Target, now: number): string | undefined {
  const { pendingSince, answer, firstSeenAt, touchedAt } = record;
  if (pendingSince === undefined || answer === undefined) return undefined;
  if (answer.kind === 'silent' && now < firstSeenAt + START_MS) return undefined;
  const touches = countTouches(expected, refresh);
  const again = touches === 0 || touchedAt === undefined ? 0 : touchedAt + FIRST_TOUCH_AGAIN_MS * 2 ** (touches - 1);
  return touches >= MOST_TOUCHES || now < again ? undefined : `${expected.slice(0, TOUCH_PREFIX)}.${touches + 1}`;
}

function countTouches(expected: string, refresh: string | undefined): number {
  const [prefix, count] = refresh?.split('.') ?? [];
  const touches = prefix === expected.slice(0, TOUCH_PREFIX) ? Number(count) : 0;
  return Number.isInteger(touches) && touches > 0 ? touches : 0;
}

export interface Convergence {
  readonly total: number;
  readonly current: number;
  /** Those that are behind, the slowest first. */
  readonly pending: readonly PodRecord[];
}

export function summarisePods(records: readonly PodRecord[]): Convergence {
  const pending = records
    .filter(({ pendingSince }) => pendingSince !== undefined)
    .sort((a, b) => (a.pendingSince ?? 0) - (b.pendingSince ?? 0) || (a.name < b.name ? -1 : 1));
  return { total: records.length, current: records.length - pending.length, pending };
}
