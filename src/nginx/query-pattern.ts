// A query parameter as a pattern over $args. nginx's $arg_NAME is of no use: it is empty for names such as match[], and not decoded.
import { Unquotable, escapeRegex } from './quoting.ts';

/** Matches `name=value` whatever of it is percent-encoded; a space may be a plus. */
export function queryPattern(name: string, value: string): string {
  return `(?:^|&)${encoded(name)}${value === '' ? '=?' : `=${encoded(value)}`}(?:&|$)`;
}

function encoded(text: string): string {
  return Array.from(text, (character) => {
    const code = character.charCodeAt(0);
    if (code > 126) throw new Unquotable('is not printable ASCII');
    const literal = mayStandRaw(character) ? [escapeRegex(character)] : [];
    return `(?:${[...literal, ...(character === ' ' ? [String.raw`\+`] : []), percent(code)].join('|')})`;
  }).join('');
}

/** `&` and `+` mean something else when raw, `%` starts an escape, a space and `#` cannot be there. */
function mayStandRaw(character: string): boolean {
  return !'&+% #'.includes(character);
}

function percent(code: number): string {
  const digits = Array.from(code.toString(16).padStart(2, '0'), (digit) => (digit > '9' ? `[${digit}${digit.toUpperCase()}]` : digit));
  return `%${digits.join('')}`;
}
