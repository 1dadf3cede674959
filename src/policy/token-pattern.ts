// Patterns over sequences (labels of a name, segments of a path): `*` stands for one element, `**` for one or more.
// Both questions are answered in time proportional to the product of the lengths, whatever the input.

/** `rest` takes any number of elements, none included; `**` is read as `one` and `rest`. */
export type Token = { readonly kind: 'literal'; readonly text: string } | { readonly kind: 'one' } | { readonly kind: 'rest' };

export type Pattern = readonly Token[];

export function literal(text: string): Token {
  return { kind: 'literal', text };
}

/** A wildcard is a whole element; an element that merely contains one is refused with `undefined`. */
export function parseElements(elements: readonly string[], parseLiteral: (element: string) => string | undefined): Pattern | undefined {
  const tokens: Token[] = [];
  for (const element of elements) {
    const text = parseLiteral(element);
    if (element === '*') tokens.push({ kind: 'one' });
    else if (element === '**') tokens.push({ kind: 'one' }, { kind: 'rest' });
    else if (text === undefined) return undefined;
    else tokens.push(literal(text));
  }
  return tokens;
}

/** Whether the elements, all taken literally, are one of those that the pattern stands for. */
export function matches(pattern: Pattern, elements: readonly string[]): boolean {
  return overlap(pattern, elements.map(literal));
}

/**
 * Whether some sequence is matched by both. Row by row over a table: cell (i, j) says whether what is left of `a` from i on and
 * of `b` from j on have a sequence in common.
 */
export function overlap(a: Pattern, b: Pattern): boolean {
  let below: boolean[] = [];
  for (let i = a.length; i >= 0; i -= 1) {
    const row: boolean[] = [];
    for (let j = b.length; j >= 0; j -= 1) {
      row[j] = cellOverlaps({ first: a[i], second: b[j], down: below[j] ?? false, right: row[j + 1] ?? false, diagonal: below[j + 1] ?? false });
    }
    below = row;
  }
  return below[0] ?? false;
}

interface Cell {
  readonly first: Token | undefined;
  readonly second: Token | undefined;
  /** The answers with the first, the second, or both tokens used up. */
  readonly down: boolean;
  readonly right: boolean;
  readonly diagonal: boolean;
}

function cellOverlaps({ first, second, down, right, diagonal }: Cell): boolean {
  // A `rest` ends here, or takes one more element of the other side: to skip either token is one of the two.
  if (first?.kind === 'rest' || second?.kind === 'rest') return down || right;
  if (first === undefined || second === undefined) return first === second;
  return diagonal && meets(first, second);
}

function meets(first: Token, second: Token): boolean {
  return first.kind !== 'literal' || second.kind !== 'literal' || first.text === second.text;
}
