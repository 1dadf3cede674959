// How the builder's parts give up: one error that carries the refusal, caught in buildProxyModel and nowhere else.
import type { Refusal, RefuseReason } from '../api/conditions.ts';

export class ProxyRefused extends Error {
  override readonly name = 'ProxyRefused';
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(refusal.message);
    this.refusal = refusal;
  }
}

/** `field` is the path in the TenantCertificate; the message repeats it, as a condition has no other place for it. */
export function refuse(field: string, message: string, reason: RefuseReason = 'ProxyInvalid'): never {
  throw new ProxyRefused({ reason, field, message: `${field}: ${message}` });
}
