import type { KubeObject } from './object.ts';

/**
 * Which Events are worth writing. The same thing said again about the same object within ten minutes counts up one
 * Event; an object about which too much is said falls silent for a while. Memory is bounded.
 */
export type EventNote = {
  readonly type: 'Normal' | 'Warning';
  /** CamelCase, from a closed set. */
  readonly reason: string;
  readonly message: string;
};

export type Series = {
  readonly key: string;
  readonly object: KubeObject;
  readonly note: EventNote;
  readonly firstAt: number;
  lastAt: number;
  count: number;
  /** The name under which the API server knows it, once written. */
  writtenAs?: string;
};

type Allowance = { tokens: number; at: number };

const SAME_FOR_MS = 10 * 60_000;
/** As client-go: 25 different Events about one object at once, then one in five minutes. */
const BURST = 25;
const REFILL_MS = 5 * 60_000;
const MOST_REMEMBERED = 4096;

export class EventSeries {
  readonly #series = new Map<string, Series>();
  readonly #allowances = new Map<string, Allowance>();

  get(key: string): Series | undefined {
    return this.#series.get(key);
  }

  /** Counts the note; undefined if the object has used up its allowance. */
  note(object: KubeObject, note: EventNote, now: number): Series | undefined {
    const subject = object.metadata?.uid ?? `${object.kind}/${object.metadata?.namespace}/${object.metadata?.name}`;
    if (!this.#isAllowed(subject, now)) return undefined;
    const key = [subject, note.type, note.reason, note.message].join('\n');
    const known = this.#series.get(key);
    const isSame = known !== undefined && now - known.lastAt < SAME_FOR_MS;
    const series = isSame ? known : { key, object: identity(object), note, firstAt: now, lastAt: now, count: 0 };
    series.count += 1;
    series.lastAt = now;
    remember(this.#series, key, series);
    return series;
  }

  #isAllowed(subject: string, now: number): boolean {
    const { tokens, at } = this.#allowances.get(subject) ?? { tokens: BURST, at: now };
    const filled = Math.min(BURST, tokens + (now - at) / REFILL_MS);
    const isAllowed = filled >= 1;
    remember(this.#allowances, subject, { tokens: isAllowed ? filled - 1 : filled, at: now });
    return isAllowed;
  }
}

/** What an Event says of an object; the rest of it would be kept in memory for as long as the series. */
function identity({ apiVersion, kind, metadata = {} }: KubeObject): KubeObject {
  const { namespace, name, uid, resourceVersion } = metadata;
  return JSON.parse(JSON.stringify({ apiVersion, kind, metadata: { namespace, name, uid, resourceVersion } })) as KubeObject;
}

/** Puts the entry last and forgets the first when there are too many: a Map keeps the order of insertion. */
function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= MOST_REMEMBERED) return;
  for (const oldest of map.keys()) return void map.delete(oldest);
}
