// Beside the anchors it is written down that CRLs are kept: a CRL Secret that has vanished is not taken for one that never was, and what was
// lost with it is said until the CA that signed it is replaced.
import { CRL_MARK_KEY, anchorSecretName } from './anchor-store.ts';
import type { AuthoritySource } from './authority-source.ts';
import type { ReconcilerContext } from '../reconciler-context.ts';
import { readState, writeState } from './state-secret.ts';
import type { StateReference } from './state-secret.ts';

export interface CrlMark {
  readonly wasKept: boolean;
  /** CA certificates (SHA-256) whose revocations may be incomplete. */
  readonly incomplete: readonly string[];
}

export function readCrlMark(context: Pick<ReconcilerContext, 'caches'>, source: AuthoritySource): CrlMark {
  const text = readState(context, referenceOf(source))?.[CRL_MARK_KEY];
  return { wasKept: text !== undefined, incomplete: text?.match(/[0-9a-f]{64}/gu) ?? [] };
}

/** Whatever is known already is not written again. */
export async function writeCrlMark(context: ReconcilerContext, source: AuthoritySource, incomplete: readonly string[]): Promise<void> {
  const state = readState(context, referenceOf(source)) ?? {};
  const text = ['CRLs are kept', ...incomplete].join('\n');
  if (state[CRL_MARK_KEY] !== text) await writeState(context, referenceOf(source), { ...state, [CRL_MARK_KEY]: text });
}

function referenceOf({ ca: { namespace, name }, key }: AuthoritySource): StateReference {
  return { namespace, name: anchorSecretName(name), authority: key };
}
