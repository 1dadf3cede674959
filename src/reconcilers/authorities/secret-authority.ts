// A CA Secret -> an authority that signs. What is wrong with it is said to every certificate that needs it.
import type { Refusal } from '../../api/conditions.ts';
import { parseDurationMs } from '../../api/duration.ts';
import { CRL_ANNOTATION } from '../../api/names.ts';
import type { Secret } from '../../api/object-meta.ts';
import { authorityId } from '../../pki/authority-id.ts';
import type { Issuer } from '../../pki/issuer.ts';
import type { Notice } from './authority.ts';
import { DEFAULT_CRL_LIFE } from './authority-source.ts';
import type { AuthoritySource } from './authority-source.ts';
import { bringUpAuthority } from './bring-up-authority.ts';
import { isRefusal, readCaSecret } from './read-ca-secret.ts';
import { certificateNameOf } from '../owned-secret.ts';
import type { ReconcilerContext } from '../reconciler-context.ts';
import { findRevoked } from './revoked-authority.ts';

/** Publishes the state of authority `Secret/<namespace>/<name>`; while the Secret is not known yet, nothing. */
export async function reconcileSecretAuthority(context: ReconcilerContext, key: string): Promise<{ readonly requeueAfterMs?: number }> {
  const [, namespace = '', name = ''] = key.split('/');
  const reference = context.referencedSecrets.get({ namespace, name });
  if (reference.state === 'unknown') return {};
  if (reference.state === 'absent') return refuse(context, key, { reason: 'IssuerNotFound', message: `Secret ${namespace}/${name} does not exist` });
  const [revoked, observed] = [findRevoked(context, reference.object), readCaSecret(reference.object)];
  if (revoked !== undefined) return refuse(context, key, revoked, observed);
  return isRefusal(observed) ? refuse(context, key, observed) : await bringUp(context, { key, ca: { namespace, name }, observed, secret: reference.object });
}

async function bringUp(context: ReconcilerContext, { secret, ...found }: Pick<AuthoritySource, 'key' | 'ca' | 'observed'> & { secret: Secret }): Promise<{ readonly requeueAfterMs?: number }> {
  const { key, ca } = found;
  const crl = { wanted: asksForCrl(context, secret), lifeMs: parseDurationMs(DEFAULT_CRL_LIFE), revoked: [] };
  const before = noticesOf(context, key);
  const broughtUp = await bringUpAuthority(context, { ...found, name: `Secret ${ca.namespace}/${ca.name}`, earlier: [], crl });
  warn(context, secret, before, broughtUp?.authority.notices ?? []);
  return broughtUp?.requeueAfterMs === undefined ? {} : { requeueAfterMs: broughtUp.requeueAfterMs };
}

/** Itself, or the object that it was written for: `secretTemplate` takes none of our annotations. */
function asksForCrl({ caches }: ReconcilerContext, { metadata }: Secret): boolean {
  const owner = caches.certificates.get(`${metadata.namespace}/${certificateNameOf({ metadata })}`);
  return [metadata, owner?.metadata].some((each) => each?.annotations?.[CRL_ANNOTATION] === 'true');
}

function noticesOf({ authorities }: ReconcilerContext, key: string): readonly Notice[] {
  const state = authorities.get(key);
  return state?.kind === 'ready' ? state.authority.notices : [];
}

/** A Secret has no conditions: its certificates say it, and an Event on the Secret itself. */
function warn({ recordEvent }: ReconcilerContext, { metadata }: Secret, before: readonly Notice[], notices: readonly Notice[]): void {
  const known = new Set(before.map(({ reason }) => reason));
  for (const { reason, message } of notices) {
    if (!known.has(reason)) recordEvent({ apiVersion: 'v1', kind: 'Secret', metadata }, { type: 'Warning', reason, message });
  }
}

/** `revoked`: the CA that is. */
function refuse({ authorities }: ReconcilerContext, key: string, refusal: Refusal, revoked: Issuer | Refusal = refusal): { readonly requeueAfterMs?: number } {
  authorities.publish(key, { kind: 'refused', refusal, ...(isRefusal(revoked) ? {} : { revokedId: authorityId(revoked.content) }) });
  return {};
}
