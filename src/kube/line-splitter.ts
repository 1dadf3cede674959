/**
 * Cuts a byte stream into lines. Works on bytes, because a chunk may end within a character; holds at most one
 * unfinished line, and refuses one longer than any object can be.
 */
const NEWLINE = 0x0a;
/** An object in etcd is at most 1.5 MiB; as JSON with escapes it may be some times that. */
const LONGEST_LINE = 16 * 1024 * 1024;

export class LineSplitter {
  #parts: Buffer[] = [];
  #size = 0;

  /** The lines that this chunk completes, without their line ends and without empty ones. */
  push(chunk: Buffer): string[] {
    const lines: string[] = [];
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      const line = this.#complete(chunk.subarray(start, end));
      if (line !== '') lines.push(line);
      start = end + 1;
    }
    this.#keep(chunk.subarray(start));
    return lines;
  }

  #complete(last: Buffer): string {
    if (this.#parts.length === 0) return last.toString('utf8');
    const line = Buffer.concat([...this.#parts, last]).toString('utf8');
    this.#parts = [];
    this.#size = 0;
    return line;
  }

  #keep(rest: Buffer): void {
    if (rest.length === 0) return;
    this.#parts.push(rest);
    this.#size += rest.length;
    if (this.#size > LONGEST_LINE) throw new Error(`a line of a watch is longer than ${LONGEST_LINE} bytes`);
  }
}
