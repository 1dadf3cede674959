import type { Refusal } from '../../api/conditions.ts';

/** Thrown where an authority cannot be brought up and people must act; whoever reconciles it publishes the refusal. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError';
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(refusal.message);
    this.refusal = refusal;
  }
}
