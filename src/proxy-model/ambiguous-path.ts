// Paths that one program reads so and the next one otherwise: `/admin/../public`, `/admin/..%2fpublic`, `/public/..;/admin`, `/public//x`.
// Rule (ADR 10): where a listener's routes look at paths, such a request is refused, so that what was judged is what the upstream will serve.
import type { ListenerModel } from './model.ts';

/**
 * Over a request target, for JavaScript and PCRE alike, whatever the case: an empty segment, a backslash, an escaped slash, backslash or dot,
 * or a dot segment (also with parameters behind `;`) before the query.
 */
export const AMBIGUOUS_PATH = String.raw`^[^?]*(?://|\\|%2f|%5c|%2e|/\.{1,2}(?:[/;?#]|%3b|$))`;

const PATTERN = new RegExp(AMBIGUOUS_PATH, 'i');

export function isAmbiguousPath(target: string): boolean {
  return PATTERN.test(target);
}

/** Where every route takes every path, the spelling is between client and upstream. */
export function judgesPaths({ routes }: Pick<ListenerModel, 'routes'>): boolean {
  return routes.some(({ path }) => path !== '/');
}
