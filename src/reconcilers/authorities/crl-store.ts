// The CRLs of an authority as they are kept in the Secret `<ca>-crl` beside its CA: for each key that signs, the state and the signed CRL,
// and all that are in force together in `ca.crl`, for whoever wants a file.
import { createHash } from 'node:crypto';
import { CRL_BUNDLE_KEY, crlKeys, readCrlState, writeCrlState } from '../../issuance/crl-state.ts';
import type { CrlState } from '../../issuance/crl-state.ts';
import { inspectCertificate } from '../../pki/inspect-certificate.ts';
import type { StoredAnchor } from './authority.ts';
import type { ReconcilerContext } from '../reconciler-context.ts';
import { readState, writeState } from './state-secret.ts';
import type { State, StateReference } from './state-secret.ts';

export function crlSecretName(caName: string): string {
  return `${caName}-crl`;
}

/** A CRL is found by its issuer's name and believed by its key: who shares both shares the CRL. */
export function crlIssuerId({ pem }: StoredAnchor): string {
  const certificate = inspectCertificate(pem);
  if (certificate === undefined) throw new Error('a stored anchor is not a certificate');
  return createHash('sha256').update(certificate.content.subject).update(certificate.content.publicKey).digest('hex');
}

export interface Signed {
  readonly state: CrlState;
  readonly pem: string;
}

/** `malformed`: the state is there and cannot be read, which nobody may take for an empty one. */
export type StoredCrlState =
  | { readonly kind: 'none' }
  | { readonly kind: 'malformed'; readonly pem: string | undefined }
  | ({ readonly kind: 'read' } & Signed);

export class CrlStore {
  readonly #state: State;
  readonly #reference: StateReference;

  constructor(context: Pick<ReconcilerContext, 'caches'>, reference: StateReference) {
    this.#reference = reference;
    this.#state = readState(context, reference) ?? {};
  }

  get isThere(): boolean {
    return Object.keys(this.#state).length > 0;
  }

  /** Where people find it. */
  get place(): string {
    return `Secret ${this.#reference.namespace}/${this.#reference.name}`;
  }

  read(id: string): StoredCrlState {
    const keys = crlKeys(id);
    const [text, pem] = [this.#state[keys.state], this.#state[keys.crl]];
    if (text === undefined) return { kind: 'none' };
    const state = readCrlState(text);
    return state === undefined || pem === undefined ? { kind: 'malformed', pem } : { kind: 'read', state, pem };
  }

  /** One write for all that is new. What was revoked by issuers that are retired is remembered: they may come back. */
  async write(context: ReconcilerContext, signed: ReadonlyMap<string, Signed>, inForce: readonly string[]): Promise<void> {
    const next: Record<string, string> = { ...this.#state };
    for (const [id, { state, pem }] of signed) Object.assign(next, { [crlKeys(id).state]: writeCrlState(state), [crlKeys(id).crl]: pem });
    next[CRL_BUNDLE_KEY] = inForce.map((id) => next[crlKeys(id).crl] ?? '').join('');
    await writeState(context, this.#reference, next);
  }
}

/** More than this does not fit into a Secret, whose bound is 1 MiB. */
export const LARGEST_SECRET = 1_000_000;

export function sizeOf({ state, pem }: Signed): number {
  // The CRL stands there twice: by itself and in the bundle.
  return writeCrlState(state).length + 2 * pem.length;
}
