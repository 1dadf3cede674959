// From a CA to an authority that others may use: anchors stored, CRLs signed, then published. One place for CA Secrets and Tenants.
import { authorityId } from '../../pki/authority-id.ts';
import type { Authority } from './authority.ts';
import type { AuthoritySource } from './authority-source.ts';
import { keepCrls } from './keep-crls.ts';
import type { KeptCrls } from './keep-crls.ts';
import { findListed, issuerNames } from './listed-authority.ts';
import type { ReconcilerContext } from '../reconciler-context.ts';
import { readClocks } from './read-clocks.ts';
import { RefusedError } from './refused-error.ts';
import { rotateAuthority } from './rotate-authority.ts';
import type { Rotation } from './rotate-authority.ts';

export interface BroughtUp {
  readonly authority: Authority;
  readonly rotation: Rotation;
  readonly requeueAfterMs?: number;
}

/** Undefined: it was refused, and that was published. */
export async function bringUpAuthority(context: ReconcilerContext, source: AuthoritySource): Promise<BroughtUp | undefined> {
  if (isListed(context, source)) return undefined;
  try {
    const rotation = await rotateAuthority(context, source);
    const crls = await keepCrls(context, source, rotation);
    const authority = describeAuthority(source, rotation, crls);
    context.authorities.publish(source.key, { kind: 'ready', authority });
    context.metrics.crlEnds(context.authorities.earliestCrlEnd());
    return { authority, rotation, ...nextLook(context, rotation, crls) };
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error;
    context.authorities.publish(source.key, { kind: 'refused', refusal: error.refusal });
    return undefined;
  }
}

/** Placed first: whoever takes it off the CRL, or puts it there, wakes it. */
function isListed(context: ReconcilerContext, { key, ca, observed }: AuthoritySource): boolean {
  context.authorities.placeUnder(key, issuerNames(observed));
  const refusal = findListed(context, observed, `Secret ${ca.namespace}/${ca.name}`);
  if (refusal !== undefined) context.authorities.publish(key, { kind: 'refused', refusal, revokedId: authorityId(observed.content) });
  return refusal !== undefined;
}

function describeAuthority({ name, tenant }: AuthoritySource, { issuer, published, accepted, waiting }: Rotation, { crls, revocations, notices }: KeptCrls): Authority {
  const anchors = published.map(({ anchor }) => anchor);
  const issuers = published.map(({ sha256 }) => sha256);
  const anchor = published.find(({ sha256 }) => sha256 === issuer.sha256)?.anchor;
  if (anchor === undefined) throw new Error(`${name} has no anchor for the CA that signs`);
  return { name, issuer, anchor, anchors, issuers, accepted, crls, notices, ...(waiting && { waiting }), ...(revocations && { revocations }), ...(tenant && { tenant }) };
}

const LONGEST_POLL_MS = 5000;
const SHORTEST_POLL_MS = 200;

function nextLook(context: ReconcilerContext, { progress }: Rotation, { recheckAt }: KeptCrls): { requeueAfterMs?: number } {
  const waits = [
    ...(progress === undefined ? [] : [Math.min(LONGEST_POLL_MS, Math.max(SHORTEST_POLL_MS, context.rotationWaitMs / 10))]),
    ...(recheckAt === undefined ? [] : [Math.max(1000, recheckAt.getTime() - readClocks(context).now.getTime())]),
  ];
  return waits.length === 0 ? {} : { requeueAfterMs: Math.min(...waits) };
}
