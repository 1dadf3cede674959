// Decides what a replica does about the webhook's own CA and its serving certificate. Pure. One rule: an authority signs only
// after its certificate has been in the caBundle for a while, and leaves the caBundle only after all it can have signed has expired.
//
//   stored        newest      previous     what happens
//   absent        -           -            any replica creates the first authority; a leaf is signed at once, nobody trusts anything yet
//   [A]           A           -            at 2/3 of its life the leader stores [B, A] and publishes both
//   [B, A]        B unseen    A signs      until B has been in the caBundle for 30 s
//   [B, A]        B signs     A idle       until every leaf of A has expired; then [B]
//
// All times are compared with the wall clock anew at each check, so a suspended machine or a jump of the clock is a case like any other.

export interface Lifetime {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

export interface StoredAuthority extends Lifetime {
  readonly sha256: string;
}

export interface ServingState {
  readonly role: 'leader' | 'follower';
  /** Newest first. Empty: the Secret is there, but holds no authority that can be read. */
  readonly stored: readonly StoredAuthority[] | 'absent' | 'unknown';
  /** What each webhook of the registration trusts; `absent` when there is no registration to write to. */
  readonly bundles: readonly (readonly StoredAuthority[])[] | 'absent';
  /** For how long this replica has seen an authority in every bundle, by SHA-256. */
  readonly distributedForMs: ReadonlyMap<string, number>;
  readonly leaf: (Lifetime & { readonly issuerSHA256: string }) | undefined;
}

export type RotateReason = 'Unreadable' | 'Expired' | 'NotYetValid' | 'RenewalDue';
export type SignReason = 'NoLeaf' | 'LeafExpired' | 'LeafNotYetValid' | 'LeafDue' | 'AuthorityReplaced';

export type ServingAction =
  | { readonly do: 'create' }
  /** Store a new authority in front of the one to keep. */
  | { readonly do: 'rotate'; readonly keep: string | undefined; readonly reason: RotateReason }
  /** Store these only. */
  | { readonly do: 'retire'; readonly keep: string }
  /** Write these into the caBundle of every webhook. */
  | { readonly do: 'publish'; readonly authorities: readonly string[] }
  | { readonly do: 'sign'; readonly issuer: string; readonly reason: SignReason };

const DAY_MS = 86_400_000;
export const AUTHORITY_LIFETIME_MS = 365 * DAY_MS;
export const LEAF_LIFETIME_MS = 7 * DAY_MS;
/** API servers learn of a changed registration by a watch, within a second or so. */
export const DISTRIBUTION_MS = 30_000;
/** All replicas check every 10 s: by then each has left an authority that is no longer stored (the Secret was deleted by hand). */
export const STRANGER_GRACE_MS = 120_000;

export function planServingAuthority(state: ServingState, now: Date): ServingAction[] {
  return [planStore(state, now), planPublication(state), planLeaf(state, now)].filter((action) => action !== undefined);
}

function planStore({ role, stored, distributedForMs }: ServingState, now: Date): ServingAction | undefined {
  if (stored === 'unknown') return undefined;
  if (stored === 'absent') return { do: 'create' };
  if (role === 'follower') return undefined;
  const [newest] = stored;
  const reason = rotateReason(newest, now);
  if (reason !== undefined) return { do: 'rotate', keep: (stored.find((each) => isValid(each, now)) ?? newest)?.sha256, reason };
  return planRetirement(stored, distributedForMs, now);
}

function planRetirement(stored: readonly StoredAuthority[], distributedForMs: ServingState['distributedForMs'], now: Date): ServingAction | undefined {
  const [newest, previous] = stored;
  if (newest === undefined || previous === undefined) return undefined;
  const isDistributed = (distributedForMs.get(newest.sha256) ?? 0) >= DISTRIBUTION_MS;
  // A day for the switch itself, then as long as the last leaf of the previous one can live.
  const isIdle = now.getTime() > newest.notBefore.getTime() + DAY_MS + LEAF_LIFETIME_MS;
  return isDistributed && isIdle ? { do: 'retire', keep: newest.sha256 } : undefined;
}

function rotateReason(newest: StoredAuthority | undefined, now: Date): RotateReason | undefined {
  if (newest === undefined) return 'Unreadable';
  if (now >= newest.notAfter) return 'Expired';
  if (now < newest.notBefore) return 'NotYetValid';
  return isDue(newest, now) ? 'RenewalDue' : undefined;
}

function planPublication({ role, stored, bundles, distributedForMs }: ServingState): ServingAction | undefined {
  if (role === 'follower' || bundles === 'absent' || stored === 'unknown' || stored === 'absent' || stored.length === 0) return undefined;
  const known = stored.map(({ sha256 }) => sha256);
  const isFresh = (distributedForMs.get(known[0] ?? '') ?? 0) < STRANGER_GRACE_MS;
  const strangers = bundles.flat().map(({ sha256 }) => sha256).filter((sha256) => !known.includes(sha256));
  const wanted = isFresh ? [...new Set([...known, ...strangers.slice(0, 4)])] : known;
  const isPublished = bundles.every((bundle) => bundle.length === wanted.length && wanted.every((sha256) => bundle.some((each) => each.sha256 === sha256)));
  return isPublished ? undefined : { do: 'publish', authorities: wanted };
}

function planLeaf(state: ServingState, now: Date): ServingAction | undefined {
  const { stored, leaf } = state;
  if (stored === 'unknown' || stored === 'absent') return undefined;
  const usable = stored.filter((each) => isValid(each, now));
  const trusted = findTrusted(usable, state);
  const reason = signReason(leaf, trusted, now);
  if (reason === undefined) return undefined;
  const own = usable.find(({ sha256 }) => sha256 === leaf?.issuerSHA256);
  const published = usable.find(({ sha256 }) => state.distributedForMs.has(sha256));
  // Without a leaf that is trusted nothing can get worse: take what is at hand rather than wait.
  const issuer = trusted ?? (reason === 'LeafDue' ? own : undefined) ?? published ?? usable[0];
  return issuer === undefined ? undefined : { do: 'sign', issuer: issuer.sha256, reason };
}

/** The newest authority that every API server has had the time to learn of. */
function findTrusted(usable: readonly StoredAuthority[], { bundles, distributedForMs }: ServingState): StoredAuthority | undefined {
  if (bundles === 'absent') return usable[0];
  return usable.find(({ sha256 }) => (distributedForMs.get(sha256) ?? 0) >= DISTRIBUTION_MS);
}

function signReason(leaf: ServingState['leaf'], trusted: StoredAuthority | undefined, now: Date): SignReason | undefined {
  if (leaf === undefined) return 'NoLeaf';
  if (now >= leaf.notAfter) return 'LeafExpired';
  if (now < leaf.notBefore) return 'LeafNotYetValid';
  if (trusted !== undefined && trusted.sha256 !== leaf.issuerSHA256) return 'AuthorityReplaced';
  return isDue(leaf, now) ? 'LeafDue' : undefined;
}

function isValid({ notBefore, notAfter }: Lifetime, now: Date): boolean {
  return notBefore <= now && now < notAfter;
}

/** Two thirds of the life have passed. */
function isDue({ notBefore, notAfter }: Lifetime, now: Date): boolean {
  return now.getTime() - notBefore.getTime() >= ((notAfter.getTime() - notBefore.getTime()) * 2) / 3;
}
