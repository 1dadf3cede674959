// Writes the ConfigMap of a certificate when it is not there, or not as it should be; and nothing otherwise.
import type { Refusal } from '../../api/conditions.ts';
import type { ConfigMap, ObjectMeta } from '../../api/object-meta.ts';
import { resources } from '../../kube/resources.ts';
import type { CertificateRun } from './certificate-run.ts';
import { hashData, pruneConfigMap } from '../owned-config-map.ts';
import type { OwnedConfigMap } from '../owned-config-map.ts';
import { certificateNameOf } from '../owned-secret.ts';
import { applyOwned, createOwned, hasStaleOwner } from '../owned-writes.ts';
import type { Target } from '../owned-writes.ts';

export async function writeConfigMap({ context, signal }: CertificateRun, wanted: ConfigMap): Promise<Refusal | undefined> {
  const { client, caches } = context;
  const { name, namespace } = wanted.metadata;
  const cached = caches.configMaps.get(`${namespace}/${name}`);
  const known = cached !== undefined && certificateNameOf(cached) === certificateNameOf(wanted) ? cached : undefined;
  if (known !== undefined && isAsWanted(known, wanted)) return undefined;
  const target = { client, resource: resources.ConfigMap, signal };
  const written = known === undefined ? await createOrApply(target, wanted) : await applyOwned(target, wanted, known.metadata);
  if ('reason' in written) return written;
  caches.configMaps.observe(pruneConfigMap(written));
  return undefined;
}

async function createOrApply(target: Target, wanted: ConfigMap): Promise<ConfigMap | Refusal> {
  const created = await createOwned(target, wanted);
  if (created.kind === 'refused') return created.refusal;
  return created.kind === 'written' ? created.object : await applyOwned(target, wanted, created.object.metadata);
}

function isAsWanted({ dataHash, metadata }: OwnedConfigMap, wanted: ConfigMap): boolean {
  return dataHash === hashData(wanted.data ?? {}) && hasMetadata(metadata, wanted.metadata);
}

/** Whether everything wanted is there; others may have added what they like. */
export function hasMetadata(is: ObjectMeta, wanted: ObjectMeta): boolean {
  const owned = (wanted.ownerReferences ?? []).every(({ uid }) => is.ownerReferences?.some((owner) => owner.uid === uid));
  return contains(is.labels, wanted.labels) && contains(is.annotations, wanted.annotations) && owned && !hasStaleOwner(is, wanted);
}

function contains(record: Readonly<Record<string, string>> = {}, part: Readonly<Record<string, string>> = {}): boolean {
  return Object.entries(part).every(([key, value]) => record[key] === value);
}
