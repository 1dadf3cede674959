// Reads and writes manifests as kubectl would understand them. YAML 1.2 (ours) and YAML 1.1 (kubectl's) disagree about a few plain scalars;
// those are refused rather than guessed, because `0440` is 440 to the one and 288 to the other.
import { CORE_SCHEMA, NOT_RESOLVED, Schema, defineScalarTag, dump, load, mergeTag } from 'js-yaml';

const TRAPS: readonly { readonly pattern: RegExp; readonly why: string }[] = [
  { pattern: /^[-+]?0[0-9_]+$/, why: 'a number with a leading zero is octal for kubectl: write it in decimal, or quote it' },
  { pattern: /^[-+]?[0-9][0-9]*_[0-9_]*$/, why: 'a number with underscores is one number for kubectl and text for others: remove them, or quote it' },
  { pattern: /^[-+]?0(o[0-7]+|b[01]+)$/, why: 'kubectl and others read this number differently: write it in decimal, or quote it' },
  { pattern: /^(y|Y|yes|Yes|YES|n|N|no|No|NO|on|On|ON|off|Off|OFF)$/, why: 'kubectl reads it as true or false: write true or false, or quote it' },
];

/** A plain scalar that kubectl would read differently. */
export class AmbiguousScalarError extends Error {
  override readonly name = 'AmbiguousScalarError';
}

/** Comes first, resolves nothing, and throws on a trap. */
const trapTag = defineScalarTag<never>('tag:tenant-mtls.dev,2026:trap', {
  implicit: true,
  implicitFirstChars: '-+0123456789yYnNoO'.split(''),
  resolve: (source) => {
    const trap = TRAPS.find(({ pattern }) => pattern.test(source));
    if (trap !== undefined) throw new AmbiguousScalarError(`${source.slice(0, 40)}: ${trap.why}`);
    if (/^[-+]?\d{16,}$/.test(source) && !Number.isSafeInteger(Number(source))) throw new AmbiguousScalarError(`${source.slice(0, 40)}: too large a number to be kept exactly: quote it`);
    return NOT_RESOLVED;
  },
  identify: () => false,
});

const LENIENT = CORE_SCHEMA.withTags(mergeTag);
const STRICT = new Schema([trapTag, ...LENIENT.tags]);

// Aliases multiply: a few lines can stand for gigabytes once written out.
const MAX_ALIASES = 100;

/** One document; traps are read in YAML 1.2's way. Throws on what is no YAML. */
export function parseLeniently(text: string): unknown {
  return load(text, { schema: LENIENT, maxAliases: MAX_ALIASES });
}

/** One document; throws an AmbiguousScalarError on a trap. */
export function parseStrictly(text: string): unknown {
  return load(text, { schema: STRICT, maxAliases: MAX_ALIASES });
}

/** As kubectl prints it; ambiguous text is quoted. */
export function writeYaml(value: unknown): string {
  return dump(value, { lineWidth: -1, noRefs: true, seqNoIndent: true });
}
