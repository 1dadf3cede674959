// Secrets in which an authority's state is kept: anchors and the phase of a replacement, CRLs. One rule: each write is guarded by the
// resourceVersion of what was read, and what is not marked as ours is never overwritten.
import { LABEL, MANAGED_BY, OWN_ANNOTATION } from '../../api/names.ts';
import type { Secret } from '../../api/object-meta.ts';
import { isAlreadyExists, isConflict, isNotFound } from '../../kube/api-error.ts';
import { resources } from '../../kube/resources.ts';
import { pruneSecret } from '../owned-secret.ts';
import type { OwnedSecret } from '../owned-secret.ts';
import type { ReconcilerContext } from '../reconciler-context.ts';
import { RefusedError } from './refused-error.ts';

export interface StateReference {
  readonly namespace: string;
  readonly name: string;
  /** Whose state it is: `Secret/shop/shop-ca`, `Tenant/shop`. */
  readonly authority: string;
}

/** Texts by key; empty when there is no such Secret yet. */
export type State = Readonly<Record<string, string>>;

export function readState({ caches }: Pick<ReconcilerContext, 'caches'>, reference: StateReference): State | undefined {
  const secret = cached({ caches }, reference);
  return secret && Object.fromEntries(Object.entries(secret.data ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]));
}

/** One that is there without its label is out of the cache's sight: it gets the label back, and is read. */
export async function findState(context: ReconcilerContext, reference: StateReference): Promise<void> {
  if (cached(context, reference) !== undefined) return;
  try {
    const found = await context.client.get<Secret>(resources.Secret, reference);
    if (isOf(found, reference.authority)) await putLabelBack(context, reference);
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

/** Throws when somebody else was faster; what is there now is then in the cache, and the next run reads it. */
export async function writeState(context: ReconcilerContext, reference: StateReference, state: State): Promise<void> {
  const before = cached(context, reference);
  const secret = stateSecret(reference, state);
  const written = before === undefined ? await create(context, reference, secret) : await replace(context, reference, withVersion(secret, before));
  context.caches.secrets.observe(pruneSecret(written));
}

function cached({ caches }: Pick<ReconcilerContext, 'caches'>, { namespace, name, authority }: StateReference): OwnedSecret | undefined {
  const secret = caches.secrets.get(`${namespace}/${name}`);
  return secret !== undefined && isOf(secret, authority) ? secret : undefined;
}

function isOf({ metadata: { annotations } }: Pick<Secret, 'metadata'>, authority: string): boolean {
  return annotations?.[OWN_ANNOTATION.authority] === authority;
}

function stateSecret({ namespace, name, authority }: StateReference, state: State): Secret {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace, labels: { [LABEL.managedBy]: MANAGED_BY }, annotations: { [OWN_ANNOTATION.authority]: authority } },
    data: Object.fromEntries(Object.entries(state).map(([key, text]) => [key, Buffer.from(text).toString('base64')])),
  };
}

function withVersion(secret: Secret, { metadata: { resourceVersion = '' } }: OwnedSecret): Secret {
  return { ...secret, metadata: { ...secret.metadata, resourceVersion } };
}

/** One that is there already is ours without its label (the cache does not see it), or somebody else's. */
async function create(context: ReconcilerContext, reference: StateReference, secret: Secret): Promise<Secret> {
  try {
    return await context.client.create<Secret>(resources.Secret, secret);
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
  }
  const found = await context.client.get<Secret>(resources.Secret, reference);
  if (!isOf(found, reference.authority)) {
    throw new RefusedError({ reason: 'SecretNotOwned', message: `Secret ${reference.namespace}/${reference.name} exists and was not written for ${reference.authority}; it is left alone` });
  }
  await putLabelBack(context, reference);
  throw new Error(`Secret ${reference.namespace}/${reference.name} was there already: it is read first`);
}

async function putLabelBack(context: ReconcilerContext, reference: StateReference): Promise<void> {
  const labelled = await context.client.mergePatch<Secret>(resources.Secret, reference, { metadata: { labels: { [LABEL.managedBy]: MANAGED_BY } } });
  context.caches.secrets.observe(pruneSecret(labelled));
}

async function replace(context: ReconcilerContext, reference: StateReference, secret: Secret): Promise<Secret> {
  try {
    return await context.client.replace<Secret>(resources.Secret, secret);
  } catch (error) {
    if (isConflict(error)) context.caches.secrets.observe(pruneSecret(await context.client.get<Secret>(resources.Secret, reference)));
    throw error;
  }
}
