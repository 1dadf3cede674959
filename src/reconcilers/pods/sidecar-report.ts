// Reads what a pod answers at /status. One rule: a pod is not to be trusted. Only the few fields needed are taken, each in one narrow
// form; text of theirs is quoted, shortened and never mistaken for ours.
export interface SidecarReport {
  /** SHA-256 of the manifest that the running workers have loaded. */
  readonly manifestSHA256: string;
  /** Why the mounted files are not loaded, as the sidecar says it: quoted; absent when they are. */
  readonly pendingBecause?: string;
  /** Upstream ports that answer on the pod's own address, sorted. */
  readonly plaintextReachable: readonly number[];
}

const MOST_PORTS = 32;
const LONGEST_QUOTE = 160;

/** undefined: it is no status. */
export function readSidecarReport(body: string): SidecarReport | undefined {
  const status = parseRecord(body);
  const { manifestSHA256, plaintextReachable = [], state, message } = status ?? {};
  if (typeof manifestSHA256 !== 'string' || !/^[0-9a-f]{64}$/.test(manifestSHA256) || !isPorts(plaintextReachable)) return undefined;
  return {
    manifestSHA256,
    ...(state === 'pending' ? { pendingBecause: quoteStranger(typeof message === 'string' ? message : '') } : {}),
    plaintextReachable: [...new Set(plaintextReachable)].sort((a, b) => a - b),
  };
}

/** One line of printable ASCII between quotation marks, so that nobody takes it for our own words. */
export function quoteStranger(text: string): string {
  const printable = text.slice(0, LONGEST_QUOTE).replaceAll(/[^ -~]|["\\]/gu, '?');
  return text.length > LONGEST_QUOTE ? `"${printable}..."` : `"${printable}"`;
}

function parseRecord(body: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function isPorts(value: unknown): value is number[] {
  return Array.isArray(value) && value.length <= MOST_PORTS && value.every((port) => Number.isInteger(port) && port > 0 && port < 65_536);
}
