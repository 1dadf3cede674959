// JSON lines on a stream. Lines of one turn of the event loop are written together: a write for each request would cost more than the request.
// Rule: the message is constant, data stands in fields, and nothing secret is ever handed in.

export type LogLevel = 'info' | 'warn' | 'error';
export type LogFields = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

export interface Log {
  /** What happens to the proxy itself, and the audit of refusals. */
  event(level: LogLevel, message: string, fields?: LogFields): void;
  /** The access log: fields only, as the nginx engine writes them. */
  access(fields: LogFields): void;
}

export interface LineSink {
  write(text: string): unknown;
}

export function createLog(sink: LineSink, now: () => Date): Log {
  let pending: string[] = [];
  const flush = () => {
    const lines = pending;
    pending = [];
    sink.write(lines.join(''));
  };
  const write = (line: LogFields) => {
    if (pending.length === 0) setImmediate(flush);
    pending.push(`${JSON.stringify({ time: now().toISOString(), ...line })}\n`);
  };
  return { event: (level, message, fields = {}) => write({ level, msg: message, ...fields }), access: write };
}
