// The anchors of a CA and the phase of its replacement, kept in a Secret beside it: an ECDSA twin made anew would be another certificate
// at every start, and a CA that was overwritten has left nothing but its anchor.
// (A Secret, not a ConfigMap, for one reason: whoever may change a trust anchor decides whom pods believe.)
import { readRotationState, ROTATION_STATE_KEY, writeRotationState } from '../../issuance/rotation-state.ts';
import type { RotationState } from '../../issuance/rotation-state.ts';
import { inspectCertificate } from '../../pki/inspect-certificate.ts';
import type { StoredAnchor } from './authority.ts';
import type { ReconcilerContext } from '../reconciler-context.ts';
import { RefusedError } from './refused-error.ts';
import { readState, writeState } from './state-secret.ts';
import type { StateReference } from './state-secret.ts';

export function anchorSecretName(caName: string): string {
  return `${caName}-anchors`;
}

/** The key of what `crl-mark.ts` keeps in the same Secret. */
export const CRL_MARK_KEY = 'crl';

/** Of one CA. `anchors` by SHA-256 of the CA certificate. */
export interface AnchorStore {
  readonly rotation: RotationState | undefined;
  readonly anchors: ReadonlyMap<string, StoredAnchor>;
}

export function readAnchors(context: Pick<ReconcilerContext, 'caches'>, reference: StateReference): AnchorStore {
  const state = readState(context, reference) ?? {};
  const text = state[ROTATION_STATE_KEY];
  const rotation = text === undefined ? undefined : readRotationState(text);
  // To begin anew could retire an anchor that is in use.
  if (text !== undefined && rotation === undefined) throw malformed(reference, ROTATION_STATE_KEY);
  const anchors = Object.entries(state).flatMap(([key, pem]) => {
    const [, sha256] = /^([0-9a-f]{64})\.crt$/.exec(key) ?? [];
    return sha256 === undefined ? [] : [[sha256, readAnchor(reference, key, pem)] as const];
  });
  return { rotation, anchors: new Map(anchors) };
}

export async function writeAnchors(context: ReconcilerContext, reference: StateReference, { rotation, anchors }: AnchorStore): Promise<void> {
  const files = [...anchors].map(([sha256, { pem }]) => [`${sha256}.crt`, pem]);
  const mark = readState(context, reference)?.[CRL_MARK_KEY];
  await writeState(context, reference, { ...Object.fromEntries(files), ...(mark === undefined ? {} : { [CRL_MARK_KEY]: mark }), ...(rotation === undefined ? {} : { [ROTATION_STATE_KEY]: writeRotationState(rotation) }) });
}

function readAnchor(reference: StateReference, key: string, pem: string): StoredAnchor {
  const certificate = inspectCertificate(pem);
  if (certificate === undefined) throw malformed(reference, key);
  return { pem, sha256: certificate.sha256, subject: certificate.subject };
}

function malformed({ namespace, name }: StateReference, key: string): RefusedError {
  return new RefusedError({ reason: 'IssuerMalformed', message: `Secret ${namespace}/${name}, key ${key}, cannot be read; restore it, or remove the Secret when no replacement is under way` });
}

export function describeAnchor(pem: string): StoredAnchor {
  const certificate = inspectCertificate(pem);
  if (certificate === undefined) throw new Error('a stored anchor is not a certificate');
  return { pem, sha256: certificate.sha256, subject: certificate.subject };
}
