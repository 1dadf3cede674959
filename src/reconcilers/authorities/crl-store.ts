// The CRLs of an authority as they are kept in the Secret `<ca>-crl` beside its CA: for each key that signs, the state and the signed CRL,
// and all that are in force together in `ca.crl`, for whoever wants a file.
import { CRL_BUNDLE_KEY, crlKeys, readCrlState, writeCrlState } from '../../issuance/crl-state.ts';
import type { CrlState } from '../../issuance/crl-state.ts';
import { HOUR_MS, later } from '../../issuance/instant.ts';
import { authorityId } from '../../pki/authority-id.ts';
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
  return authorityId(certificate.content);
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
  /** What is to be written; absent: nothing is new. */
  #next: State | undefined;

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

  /**
   * Beside the others that are new, for one write. False, and nothing is changed, where all of it together does not fit into the Secret.
   * Without `now` nothing is forgotten.
   */
  add(id: string, { state, pem }: Signed, { inForce, now }: { readonly inForce: readonly string[]; readonly now: Date | undefined }): boolean {
    const known = now === undefined ? this.#state : withoutExpired(this.#state, inForce, now);
    const next = { ...(this.#next ?? known), [crlKeys(id).state]: writeCrlState(state), [crlKeys(id).crl]: pem };
    const whole = { ...next, [CRL_BUNDLE_KEY]: inForce.map((each) => next[crlKeys(each).crl] ?? '').join('') };
    if (sizeOf(whole) > LARGEST_SECRET) return false;
    this.#next = whole;
    return true;
  }

  async write(context: ReconcilerContext): Promise<void> {
    if (this.#next !== undefined) await writeState(context, this.#reference, this.#next);
  }
}

/** More than this does not fit into a Secret, whose bound is 1 MiB. */
const LARGEST_SECRET = 1_000_000;

function sizeOf(state: State): number {
  return Object.entries(state).reduce((sum, [key, text]) => sum + key.length + text.length, 0);
}

/** A clock that is ahead for a while must not make anything be forgotten. */
const FORGOTTEN_AFTER_MS = 35 * 24 * HOUR_MS;

/** What was revoked by issuers that are retired is remembered until it has expired: they may come back. What cannot be read is left. */
function withoutExpired(stored: State, inForce: readonly string[], now: Date): State {
  const left: Record<string, string> = { ...stored };
  for (const id of Object.keys(stored).flatMap((key) => /^([0-9a-f]{64})\.json$/u.exec(key)?.[1] ?? [])) {
    const [keys, state] = [crlKeys(id), readCrlState(stored[crlKeys(id).state] ?? '')];
    if (state === undefined || inForce.includes(id)) continue;
    const entries = state.entries.filter(({ notAfter }) => later(notAfter, FORGOTTEN_AFTER_MS) > now);
    if (entries.length > 0 || later(state.nextUpdate, FORGOTTEN_AFTER_MS) > now) left[keys.state] = writeCrlState({ ...state, entries });
    else for (const key of [keys.state, keys.crl]) delete left[key];
  }
  return left;
}
