import { ApiError, type Status } from './api-error.ts';
import { LineSplitter } from './line-splitter.ts';
import { parseJson } from './json.ts';
import type { KubeObject } from './object.ts';

/**
 * Reads one watch from its first line to its end. The API server ends it in good order after `timeoutSeconds`;
 * everything else, silence included, is an error. Bookmarks come about once a minute, so silence means a dead peer.
 */
export type WatchEvent<T> = { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK'; readonly object: T };

type Line<T> = WatchEvent<T> | { readonly type: 'ERROR'; readonly object: Status };

export type WatchSession<T> = {
  readonly open: (signal: AbortSignal) => Promise<AsyncIterable<Buffer>>;
  readonly onEvent: (event: WatchEvent<T>) => void;
  /** Nothing heard for this long: the watch is given up. */
  readonly silenceMs: number;
  readonly signal: AbortSignal;
};

export class WatchSilent extends Error {
  override readonly name = 'WatchSilent';

  constructor(silenceMs: number) {
    super(`nothing came from the watch for ${silenceMs} ms`);
  }
}

export async function readWatch<T extends KubeObject>(session: WatchSession<T>): Promise<void> {
  const { open, onEvent, silenceMs, signal } = session;
  const ending = new AbortController();
  const end = (): void => ending.abort(signal.reason);
  signal.addEventListener('abort', end);
  const watchdog = setTimeout(() => ending.abort(new WatchSilent(silenceMs)), silenceMs);
  try {
    const splitter = new LineSplitter();
    for await (const chunk of await open(ending.signal)) {
      watchdog.refresh();
      for (const line of splitter.push(chunk)) onEvent(parseLine(line));
    }
  } finally {
    clearTimeout(watchdog);
    signal.removeEventListener('abort', end);
    // Frees the connection when the reading ended because of an error.
    ending.abort();
  }
}

function parseLine<T>(text: string): WatchEvent<T> {
  const line = parseJson(text, 'a line of the watch') as Line<T>;
  if (line.type === 'ERROR') throw new ApiError('watch', line.object);
  return line;
}
