// Writes the ConfigMap of a certificate when it is not there, or not as it should be; and nothing otherwise.
import type { Refusal } from '../api/conditions.ts';
import type { ConfigMap, ObjectMeta } from '../api/object-meta.ts';
import { resources } from '../kube/resources.ts';
import type { CertificateRun } from './certificate-run.ts';
import { hashData, pruneConfigMap } from './owned-config-map.ts';
import type { OwnedConfigMap } from './owned-config-map.ts';
import { certificateNameOf } from './owned-secret.ts';
import { applyOwned, createOwned, hasStaleOwner } from './owned-writes.ts';

export async function writeConfigMap({ context, signal }: CertificateRun, wanted: ConfigMap): Promise<Refusal | undefined> {
  const { name, namespace } = wanted.metadata;
  const cached = context.caches.configMaps.get(`${namespace}/${name}`);
  const known = cached !== undefined && certificateNameOf(cached) === certificateNameOf(wanted) ? cached : undefined;
  if (known !== undefined && isAsWanted(known, wanted)) return undefined;
  const target = { client: context.client, resource: resources.ConfigMap, signal };
  const created = known === undefined ? await createOwned<ConfigMap>(target, wanted) : undefined;
  if (created?.kind === 'refused') return created.refusal;
  const written = created?.kind === 'written' ? created.object : await applyOwned<ConfigMap>(target, wanted, (known ?? created?.object)?.metadata);
  context.caches.configMaps.observe(pruneConfigMap(written));
  return undefined;
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
