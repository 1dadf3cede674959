// Copies a body chunk by chunk: the source stands still while the sink is full, and nothing is kept back to fill a buffer.
import type { Readable, Writable } from 'node:stream';

interface RelayEvents {
  readonly onChunk: (bytes: number) => void;
  /** After the last chunk was handed over. */
  readonly onEnd: () => void;
}

/** Neither stream is ended or destroyed here. */
export function relayBody(source: Readable, sink: Writable, { onChunk, onEnd }: RelayEvents): void {
  let isWaiting = false;
  const resume = () => {
    isWaiting = false;
    source.resume();
  };
  source.on('data', (chunk: Buffer) => {
    onChunk(chunk.length);
    if (sink.write(chunk) || isWaiting) return;
    isWaiting = true;
    source.pause();
    sink.once('drain', resume);
  });
  source.once('end', onEnd);
}
