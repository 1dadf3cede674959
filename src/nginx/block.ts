// Lines of nginx.conf, and blocks of lines with their indentation.

export type Lines = readonly string[];

export function block(head: string, lines: Lines): string[] {
  return [`${head} {`, ...lines.map((line) => (line === '' ? '' : `  ${line}`)), '}'];
}

/** Parts one after another with an empty line between them; empty parts leave none. */
export function paragraphs(...parts: readonly Lines[]): string[] {
  return parts.flatMap((part) => (part.length === 0 ? [] : ['', part].flat())).slice(1);
}

/** `lines` if the condition's value is there, else nothing. */
export function when<T>(value: T | undefined, lines: (value: T) => Lines): Lines {
  return value === undefined ? [] : lines(value);
}
