// Writes of Secrets and ConfigMaps that belong to a TenantCertificate. One rule: the first write is a create, so that an object of
// somebody else is never overwritten; a 409 leads to one read and a judgement by our annotation.
import type { Refusal } from '../api/conditions.ts';
import type { ConfigMap, ObjectMeta, OwnerReference, Secret } from '../api/object-meta.ts';
import { ApiError, isAlreadyExists, isForbidden, isInvalid, isNotFound } from '../kube/api-error.ts';
import type { ApiClient } from '../kube/api-client.ts';
import type { KubeObject } from '../kube/object.ts';
import type { Resource } from '../kube/resources.ts';
import { certificateNameOf } from './owned-secret.ts';
import { takeOverFields } from './take-over-fields.ts';

export type Written<T> = { readonly kind: 'written'; readonly object: T } | { readonly kind: 'found'; readonly object: T } | { readonly kind: 'refused'; readonly refusal: Refusal };

export interface Target {
  readonly client: ApiClient;
  readonly resource: Resource;
  readonly signal: AbortSignal;
}

type Owned = (Secret | ConfigMap) & KubeObject;

/**
 * Creates the object. `found`: ours was there already (a restored backup, or a cache that had lost it) and is given back
 * unchanged, for the caller to judge. `refused`: somebody else's is there.
 */
export async function createOwned<T extends Owned>({ client, resource, signal }: Target, object: T): Promise<Written<T>> {
  try {
    return { kind: 'written', object: await client.create(resource, object, { signal }) };
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
  }
  const found = await findOwned<T>({ client, resource, signal }, object);
  if (found === undefined) return await createOwned({ client, resource, signal }, object);
  return found;
}

/** Reads the object of that name; undefined when there is none. */
export async function findOwned<T extends Owned>({ client, resource, signal }: Target, wanted: T): Promise<Written<T> | undefined> {
  const { name, namespace } = wanted.metadata;
  try {
    const object = await client.get<T>(resource, { name, namespace }, { signal });
    if (isOurs(object, wanted)) return { kind: 'found', object };
    return { kind: 'refused', refusal: notOwned(resource, name, certificateNameOf(object)) };
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** It says so, or it says nothing any more and our certificate is its controller. */
function isOurs(object: Owned, wanted: Owned): boolean {
  const name = certificateNameOf(object);
  return name === certificateNameOf(wanted) || (name === undefined && (wanted.metadata.ownerReferences ?? []).some(({ uid }) => object.metadata.ownerReferences?.some((owner) => owner.uid === uid && owner.controller === true)));
}

/**
 * Later writes: server-side apply to the very object that was seen to be ours; another one of that name, which took its place
 * meanwhile, is a conflict. What we set before and leave out now is removed.
 */
export async function applyOwned<T extends Owned>({ client, resource, signal }: Target, wanted: T, current: ObjectMeta): Promise<T> {
  const object = current.uid === undefined ? wanted : { ...wanted, metadata: { ...wanted.metadata, uid: current.uid } };
  if (hasStaleOwner(current, object.metadata)) await client.mergePatch(resource, object.metadata, { metadata: { uid: current.uid, ownerReferences: owners(current, object.metadata) } }, { signal });
  const applied = await client.applyServerSide(resource, object, { signal });
  try {
    if (!(await takeOverFields({ client, resource, signal }, applied))) return applied;
    return await client.applyServerSide(resource, object, { signal });
  } catch {
    // Written it is, and whoever forgot that would write a second certificate; the next write tries again.
    return applied;
  }
}

const isCertificate = ({ kind }: OwnerReference) => kind === 'TenantCertificate';

/** An owner of our kind that is not the one wanted: of a restored backup, or of a policy that has changed. Two controllers would be refused. */
export function hasStaleOwner(is: ObjectMeta, { ownerReferences = [] }: ObjectMeta): boolean {
  return (is.ownerReferences ?? []).some((owner) => isCertificate(owner) && !ownerReferences.some(({ uid }) => uid === owner.uid));
}

function owners(is: ObjectMeta, { ownerReferences = [] }: ObjectMeta): OwnerReference[] {
  return [...(is.ownerReferences ?? []).filter((owner) => !isCertificate(owner)), ...ownerReferences];
}

const TOO_LARGE = 413;

/** What the API server will not take (a quota, a policy, a size) however often it is asked: for people to see. Anything else is thrown on. */
export function refusedWrite(error: unknown): Refusal {
  const isFinal = isForbidden(error) || isInvalid(error) || (error instanceof ApiError && error.code === TOO_LARGE);
  if (!isFinal) throw error;
  return { reason: 'WriteFailed', message: error.message.slice(0, 512) };
}

function notOwned({ kind }: Resource, name: string, owner: string | undefined): Refusal {
  const whose = owner === undefined ? 'was not written for a TenantCertificate' : `belongs to TenantCertificate ${owner}`;
  return {
    reason: kind === 'Secret' ? 'SecretNotOwned' : 'ConfigMapNotOwned',
    message: `${kind} ${name} exists and ${whose}; it is left alone. Remove it, or choose another ${kind === 'Secret' ? 'spec.secretName' : 'metadata.name'}`,
  };
}
