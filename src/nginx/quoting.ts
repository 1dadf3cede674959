// One quoter for each context of nginx.conf in which a value of the API appears. One rule: whatever the value, the text made here is
// exactly one argument of one directive and holds no variable; what cannot be said in a context throws Unquotable.

/** nginx refuses an argument longer than its buffer of 4096 bytes (NGX_CONF_BUFFER). */
const MAX_ARGUMENT_BYTES = 4000;

/** Thrown for a value that nginx cannot take. The message goes to people, so it says what, not where. */
export class Unquotable extends Error {
  override readonly name = 'Unquotable';
}

// oxlint-disable-next-line no-control-regex -- control characters are what is refused here
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/;

function quote(text: string): string {
  if (CONTROL.test(text)) throw new Unquotable('contains a control character');
  const quoted = `"${text.replaceAll(/[\\"]/g, String.raw`\$&`).replaceAll('\n', String.raw`\n`).replaceAll('\r', String.raw`\r`).replaceAll('\t', String.raw`\t`)}"`;
  if (Buffer.byteLength(quoted) > MAX_ARGUMENT_BYTES) throw new Unquotable('is too long for one argument of nginx');
  return quoted;
}

/** A value that nginx interpolates (return, proxy_set_header, rewrite target): a dollar sign comes from the variable $dollar. */
export function interpolated(text: string): string {
  return quote(text.replaceAll('$', '${dollar}'));
}

/** A value that nginx takes as it is (default_type). */
export function literal(text: string): string {
  return quote(text);
}

/** A regular expression as an argument or, with `~` in front, as a key of a `map`. `pattern` is built with `escapeRegex`. */
export function regexKey(pattern: string): string {
  return quote(`~${pattern}`);
}

export function regexArgument(pattern: string): string {
  return quote(pattern);
}

/** Matches `text` and nothing else, in PCRE, in any position of a pattern. Non-ASCII passes as UTF-8 bytes. */
export function escapeRegex(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what is escaped here
  return text.replaceAll(/[\\^$.|?*+()[\]{}]/g, String.raw`\$&`).replaceAll(/[\u0000-\u001f\u007f]/g, (character) => String.raw`\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

const WORD = /^[A-Za-z0-9_.:[\]+!@-]+$/;

/** A value that needs no quotes: names, addresses, lists of ciphers and groups. */
export function word(text: string): string {
  if (!WORD.test(text)) throw new Unquotable('contains a character that nginx cannot take here');
  return text;
}

/** A path of ours, relative to the configuration's directory. */
export function filePath(path: string): string {
  if (!/^[A-Za-z0-9._/-]+$/.test(path) || path.split('/').includes('..')) throw new Unquotable('is not a plain path');
  return `../${path}`;
}

/** Text cut into pieces that each fit into one argument. */
export function pieces(text: string): string[] {
  const cut: string[] = [];
  // 400 characters are at most 1600 bytes of UTF-8, or 3600 of ${dollar}.
  const characters = Array.from(text);
  for (let start = 0; start < characters.length; start += 400) cut.push(characters.slice(start, start + 400).join(''));
  return cut;
}
