// The authorities that sign here, as the last reconcile of each left them: what may sign now, and what others must trust.
// One rule: a certificate is issued only by an authority whose anchors are already stored.
import type { Condition, Refusal } from '../../api/conditions.ts';
import type { IssuerReference } from '../../api/tenant-certificate.ts';
import type { CrlState } from '../../issuance/crl-state.ts';
import type { Issuer } from '../../pki/issuer.ts';

export interface StoredAnchor {
  readonly pem: string;
  readonly sha256: string;
  /** RFC 4514, as nginx prints it. */
  readonly subject: string;
}

export interface StoredCrl {
  readonly pem: string;
  readonly number: string;
  readonly nextUpdate: Date;
  /** CA certificate whose key signed it. */
  readonly issuerSHA256: string;
}

/** What the CRLs of an authority say; there is one for each key whose anchor is published. */
export interface Revocations {
  /** CA certificates whose revocations are published. */
  readonly issuers: ReadonlySet<string>;
  /** What was published last, of all of them. */
  readonly published: CrlState | undefined;
  readonly has: (issuerSHA256: string, serialNumber: string) => boolean;
}

export type Notice = Omit<Condition, 'lastTransitionTime' | 'observedGeneration'>;

export interface Authority {
  /** For messages: `Secret shop/shop-ca`, `Tenant shop`. */
  readonly name: string;
  /** Who signs, unless `waiting`. */
  readonly issuer: Issuer;
  readonly anchor: StoredAnchor;
  /** What belongs into every bundle: the newest first; during a replacement also those before it. */
  readonly anchors: readonly StoredAnchor[];
  /** CA certificates (SHA-256) that `anchors` stand for. */
  readonly issuers: readonly string[];
  /** CA certificates (SHA-256) whose certificates need no replacing now. */
  readonly accepted: readonly string[];
  /** Present: nobody may sign now, because of this. */
  readonly waiting?: string;
  /** One for each of `anchors`, or none. */
  readonly crls: readonly StoredCrl[];
  /** Present: CRLs are kept. */
  readonly revocations?: Revocations;
  /** What everyone with a certificate of this authority should know. */
  readonly notices: readonly Notice[];
  readonly tenant?: string;
}

/** `revokedId`: it is refused because its CA is revoked, and this is the CA's `authorityId`. */
export type AuthorityState = { readonly kind: 'ready'; readonly authority: Authority } | { readonly kind: 'refused'; readonly refusal: Refusal; readonly revokedId?: string };

/** `Secret/<namespace>/<name>` or `Tenant/<name>`. */
export function authorityKey(namespace: string, issuer: IssuerReference): string {
  return issuer.kind === 'Tenant' ? `Tenant/${issuer.name ?? ''}` : `Secret/${namespace}/${issuer.name ?? ''}`;
}

export class Authorities {
  readonly #states = new Map<string, AuthorityState>();
  /** By key, the names (DER as base64) of those above its CA. */
  readonly #above = new Map<string, readonly string[]>();
  readonly #onWanted: (key: string) => void;
  readonly #onChange: (key: string, state: AuthorityState | undefined) => void;
  readonly #onRevoked: () => void;

  /**
   * `onWanted`: somebody asks for an authority that has not been looked at yet. `onChange`: one has changed, or is not known any more.
   * `onRevoked`: another CA is revoked, whose anchor may stand anywhere.
   */
  constructor(onWanted: (key: string) => void, onChange: (key: string, state: AuthorityState | undefined) => void, onRevoked = () => {}) {
    this.#onWanted = onWanted;
    this.#onChange = onChange;
    this.#onRevoked = onRevoked;
  }

  /** Undefined: not known yet; the caller is told by `onChange`. */
  get(key: string): AuthorityState | undefined {
    const state = this.#states.get(key);
    if (state === undefined) this.#onWanted(key);
    return state;
  }

  publish(key: string, state: AuthorityState): void {
    const before = this.#states.get(key);
    this.#states.set(key, state);
    if (revokedId(state) !== undefined && revokedId(state) !== revokedId(before)) this.#onRevoked();
    if (before === undefined || fingerprint(before) !== fingerprint(state)) this.#onChange(key, state);
  }

  /** Keys of the authorities that one of these CA certificates (SHA-256) belongs to. */
  signing(issuers: readonly string[]): string[] {
    return [...this.#states].flatMap(([key, state]) => (state.kind === 'ready' && state.authority.issuers.some((sha256) => issuers.includes(sha256)) ? [key] : []));
  }

  /** Why this CA is revoked, by its `authorityId`; undefined when nobody here knows that it is. */
  findRevoked(id: string): Refusal | undefined {
    for (const state of this.#states.values()) if (state.kind === 'refused' && state.revokedId === id) return state.refusal;
    return undefined;
  }

  /** Whose word ends the authority: told before it is published, for as long as it is known. */
  placeUnder(key: string, issuerNames: readonly string[]): void {
    this.#above.set(key, issuerNames);
  }

  /** Keys of the authorities that have one of these above them, itself or by others. */
  under(issuerNames: readonly string[]): string[] {
    return [...this.#above].flatMap(([key, above]) => (above.some((name) => issuerNames.includes(name)) ? [key] : []));
  }

  /** Of the CRL that ends first. */
  earliestCrlEnd(): Date | undefined {
    const ends = [...this.#states.values()].flatMap((state) => (state.kind === 'ready' ? state.authority.crls.map(({ nextUpdate }) => nextUpdate) : []));
    return ends.length === 0 ? undefined : ends.reduce((first, end) => (end < first ? end : first));
  }

  forget(key: string): void {
    this.#above.delete(key);
    if (this.#states.delete(key)) this.#onChange(key, undefined);
  }
}

function revokedId(state: AuthorityState | undefined): string | undefined {
  return state?.kind === 'refused' ? state.revokedId : undefined;
}

function fingerprint(state: AuthorityState): string {
  if (state.kind === 'refused') return `${state.refusal.reason} ${state.refusal.message}`;
  const { issuer, anchors, accepted, waiting = '', crls, revocations, notices } = state.authority;
  return JSON.stringify([
    issuer.sha256, anchors.map(({ sha256 }) => sha256), accepted, waiting, crls.map(({ number, nextUpdate }) => [number, nextUpdate]), [...(revocations?.issuers ?? [])], String(revocations?.published?.number), notices,
  ]);
}
