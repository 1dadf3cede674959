// Annotations of ours that do not exist: mostly slips of the pen, which would otherwise do nothing in silence. One rule: they are
// told, with the known one that is nearest, and nobody is refused for them, since a later version may know them.
import { ANNOTATION, GROUP, OWN_ANNOTATION } from '../api/names.ts';
import { annotationsOf } from './pod.ts';
import type { Pod } from './pod.ts';
import { quote } from './reasons.ts';

/** What every annotation of ours begins with. */
const PREFIX = `${GROUP}/`;

const SETTINGS: readonly string[] = Object.values(ANNOTATION);

/** Those that may stand on a workload, its pod template or a pod, whoever wrote them there. */
export const KNOWN_KEYS: readonly string[] = [...SETTINGS, ...Object.values(OWN_ANNOTATION)].sort();

const SHOWN = 5;

/** One line for each of the first unknown annotations of these objects. */
export function warnOfUnknown(objects: readonly Pick<Pod, 'metadata'>[]): string[] {
  const keys = new Set(objects.flatMap((object) => Object.keys(annotationsOf(object)).filter(isUnknown)));
  return [...keys].sort().slice(0, SHOWN).map((key) => `tenant-mtls: the annotation ${quote(key)} is not known and has no effect on a workload or pod; the nearest known one is ${nearest(key)}`);
}

function isUnknown(key: string): boolean {
  return key.startsWith(PREFIX) && !KNOWN_KEYS.includes(key);
}

/** A name has 63 characters at most; what is longer has not been checked by the API server yet. */
const LONGEST_NAME = 63;

function nearest(key: string): string {
  const name = key.slice(0, PREFIX.length + LONGEST_NAME);
  const distances = SETTINGS.map((setting) => ({
    setting,
    // Abbreviated is nearer than misspelt.
    distance: setting.startsWith(name) ? 0 : editDistance(name, setting),
  }));
  return distances.reduce((best, each) => (each.distance < best.distance ? each : best)).setting;
}

/** Characters to be put in, taken out or changed (Levenshtein). */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let index = 0; index < from.length; index += 1) {
    const next = [index + 1];
    for (let column = 1; column <= to.length; column += 1) {
      const changed = (row[column - 1] ?? 0) + (to[column - 1] === from[index] ? 0 : 1);
      next.push(Math.min(changed, (row[column] ?? 0) + 1, (next[column - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}
