/**
 * Thrown by a reconcile that would fail in the same way however often it is tried: the key is not requeued and waits
 * for the next change of its object.
 */
export class TerminalError extends Error {
  override readonly name = 'TerminalError';
}
