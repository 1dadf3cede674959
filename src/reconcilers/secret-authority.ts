// A CA Secret -> an authority that signs. What is wrong with it is said to every certificate that needs it.
import type { Refusal } from '../api/conditions.ts';
import { parseDurationMs } from '../api/duration.ts';
import { CRL_ANNOTATION } from '../api/names.ts';
import { DEFAULT_CRL_LIFE } from './authority-source.ts';
import { bringUpAuthority } from './bring-up-authority.ts';
import { isRefusal, readCaSecret } from './read-ca-secret.ts';
import type { ReconcilerContext } from './reconciler-context.ts';

/** Publishes the state of authority `Secret/<namespace>/<name>`; while the Secret is not known yet, nothing. */
export async function reconcileSecretAuthority(context: ReconcilerContext, key: string): Promise<{ readonly requeueAfterMs?: number }> {
  const [, namespace = '', name = ''] = key.split('/');
  const reference = context.referencedSecrets.get({ namespace, name });
  if (reference.state === 'unknown') return {};
  if (reference.state === 'absent') return refuse(context, key, { reason: 'IssuerNotFound', message: `Secret ${namespace}/${name} does not exist` });
  const secret = reference.object;
  const observed = readCaSecret(secret);
  if (isRefusal(observed)) return refuse(context, key, observed);
  const crl = { wanted: secret.metadata.annotations?.[CRL_ANNOTATION] === 'true', lifeMs: parseDurationMs(DEFAULT_CRL_LIFE), revoked: [] };
  const broughtUp = await bringUpAuthority(context, { key, name: `Secret ${namespace}/${name}`, ca: { namespace, name }, observed, earlier: [], crl });
  return broughtUp?.requeueAfterMs === undefined ? {} : { requeueAfterMs: broughtUp.requeueAfterMs };
}

function refuse({ authorities }: ReconcilerContext, key: string, refusal: Refusal): { readonly requeueAfterMs?: number } {
  authorities.publish(key, { kind: 'refused', refusal });
  return {};
}
