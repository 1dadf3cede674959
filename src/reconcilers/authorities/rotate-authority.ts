// Leads an authority through its replacement: measures the gates, asks `planAuthority`, and stores each step before anyone acts on it.
// Every run takes all steps that are open; what waits is looked at again soon.
import { acceptedIssuers, anchorsToPublish, planAuthority, signingAuthority } from '../../issuance/plan-authority.ts';
import type { AuthorityPlan } from '../../issuance/plan-authority.ts';
import type { AuthorityIdentity, RotationState } from '../../issuance/rotation-state.ts';
import { makeAnchor } from '../../pki/anchor.ts';
import type { Issuer } from '../../pki/issuer.ts';
import { anchorSecretName, describeAnchor, readAnchors, writeAnchors } from './anchor-store.ts';
import type { AnchorStore } from './anchor-store.ts';
import type { StoredAnchor } from './authority.ts';
import { findListed } from './listed-authority.ts';
import { signers } from './authority-source.ts';
import type { AuthoritySource } from './authority-source.ts';
import type { ReconcilerContext } from '../reconciler-context.ts';
import { measureGates, openGates } from './rotation-gates.ts';
import type { GateFacts, Measured } from './rotation-gates.ts';
import type { StateReference } from './state-secret.ts';

export interface Rotation {
  readonly state: RotationState;
  /** Who signs now, or would if it were not `waiting`. */
  readonly issuer: Issuer;
  readonly waiting?: string;
  /** In the order of `anchorsToPublish`, with the CA certificates they stand for. */
  readonly published: readonly { readonly sha256: string; readonly anchor: StoredAnchor }[];
  readonly accepted: readonly string[];
  /** What the present phase waits for, for people; absent at rest. */
  readonly progress?: string;
  /** `shop/hello`: whom it waits for. */
  readonly behind: readonly string[];
}

/** A replacement has three steps; more in one run would be a circle. */
const MOST_STEPS = 8;

export async function rotateAuthority(context: ReconcilerContext, source: AuthoritySource): Promise<Rotation> {
  const reference: StateReference = { namespace: source.ca.namespace, name: anchorSecretName(source.ca.name), authority: source.key };
  for (let step = 0; step < MOST_STEPS; step += 1) {
    const store = readAnchors(context, reference);
    const { plan, behind } = planNext(context, source, store);
    if (plan.kind === 'stay') return await describe(context, reference, { source, store, plan, behind });
    await takeStep(context, reference, { source, store, plan });
  }
  throw new Error(`the replacement of ${source.name} goes round in circles`);
}

type Stay = AuthorityPlan & { kind: 'stay' };
type Move = AuthorityPlan & { kind: 'move' };

function planNext(context: ReconcilerContext, { key, observed }: AuthoritySource, { rotation, anchors }: AnchorStore): { plan: AuthorityPlan; behind: readonly string[] } {
  const phase = rotation?.phase ?? 'Stable';
  const facts = rotation === undefined || phase === 'Stable' ? SHUT : measureGates(context.caches, key, measured(context, { key, rotation, anchors }));
  const writtenForMs = context.gateClock.waitedMs(key, phase, phase === 'Prepared' ? facts.writtenEverywhere : facts.reissuedAll);
  const gates = { ...openGates(facts, phase, writtenForMs), waitedMs: writtenForMs };
  const plan = planAuthority(rotation, { observed: identify(observed), minimumWaitMs: facts.inUse ? context.rotationWaitMs : 0, gates }, context.now());
  return { plan, behind: facts.behind };
}

/** At rest there is nothing to measure. */
const SHUT: GateFacts = { writtenEverywhere: false, reissuedAll: false, loadedEverywhere: false, inUse: true, behind: [] };

function measured({ convergedManifest, gateClock }: ReconcilerContext, { key, rotation, anchors }: { key: string; rotation: RotationState; anchors: AnchorStore['anchors'] }): Measured {
  const phaseMs = gateClock.waitedMs(`${key} ${rotation.active.sha256}`, rotation.phase, true);
  return { convergedManifest, phaseMs, activeSHA256: rotation.active.sha256, anchors: anchorsToPublish(rotation).flatMap((sha256) => anchors.get(sha256) ?? []) };
}

function identify({ sha256, notBefore, notAfter }: Issuer): AuthorityIdentity {
  return { sha256, notBefore, notAfter };
}

async function takeStep(context: ReconcilerContext, reference: StateReference, { source, store, plan }: { source: AuthoritySource; store: AnchorStore; plan: Move }): Promise<void> {
  const rotation = withoutLost(plan.state, source, store);
  await writeAnchors(context, reference, { rotation, anchors: await anchorsOf(rotation, source, store) });
  context.log.info({ authority: source.name, phase: rotation.phase, active: rotation.active.sha256, retiring: rotation.retiring.map(({ sha256 }) => sha256), detail: plan.message }, 'authority moved on');
}

/** A CA of which neither key nor anchor is left can be in no bundle any more. */
function withoutLost(state: RotationState, source: AuthoritySource, { anchors }: AnchorStore): RotationState {
  const available = signers(source);
  const retiring = state.retiring.filter(({ sha256 }) => anchors.has(sha256) || available.has(sha256));
  return retiring.length === 0 && state.retiring.length > 0 ? { ...state, phase: 'Stable', retiring } : { ...state, retiring };
}

async function anchorsOf(rotation: RotationState, source: AuthoritySource, store: AnchorStore): Promise<ReadonlyMap<string, StoredAnchor>> {
  const available = signers(source);
  const anchors = new Map<string, StoredAnchor>();
  for (const sha256 of anchorsToPublish(rotation)) {
    const issuer = available.get(sha256);
    const anchor = store.anchors.get(sha256) ?? (issuer === undefined ? undefined : describeAnchor((await makeAnchor(issuer)).pem));
    if (anchor !== undefined) anchors.set(sha256, anchor);
  }
  return anchors;
}

async function describe(context: ReconcilerContext, reference: StateReference, { source, store, plan, behind }: { source: AuthoritySource; store: AnchorStore; plan: Stay; behind: readonly string[] }): Promise<Rotation> {
  const { state, waitingFor } = plan;
  const anchors = await anchorsOf(state, source, store);
  // Somebody has taken one out of the Secret: put back before it is used, because a twin made anew is another certificate.
  if ([...anchors.keys()].some((sha256) => !store.anchors.has(sha256))) await writeAnchors(context, reference, { rotation: state, anchors });
  const signer = signers(source).get(signingAuthority(state, maySign(context, source)) ?? '');
  const published = [...anchors].map(([sha256, anchor]) => ({ sha256, anchor }));
  return {
    state, published, behind,
    issuer: signer ?? source.observed,
    accepted: acceptedIssuers(state),
    ...(signer === undefined ? { waiting: `${source.name} is being replaced and the one before cannot sign, because its key is gone or it is revoked: nothing is signed until the new anchor is in every bundle` } : {}),
    ...(waitingFor === 'Nothing' ? {} : { progress: PROGRESS[waitingFor] }),
  };
}

/** One that is revoked may still sign its CRL, and nothing else. */
function maySign(context: ReconcilerContext, source: AuthoritySource): ReadonlySet<string> {
  return new Set([...signers(source)].flatMap(([sha256, issuer]) => (findListed(context, issuer, source.name) === undefined ? [sha256] : [])));
}

const PROGRESS: Readonly<Record<Exclude<Stay['waitingFor'], 'Nothing'>, string>> = {
  AnchorsWritten: 'the new anchor is being added to every bundle, and pods are loading it',
  CertificatesReissued: 'certificates are being issued by the new authority, and pods are loading them',
  MinimumWait: 'pods are given time to load what was written',
};
