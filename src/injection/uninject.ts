// The exact inverse of `injectSidecar`: uninject(inject(pod)) = pod, except that a list or map that was empty is absent afterwards.
import { LABEL, OWN_ANNOTATION } from '../api/names.ts';
import { findOurContainer, isOurContainer, isOurVolume } from './own-parts.ts';
import { annotationsOf } from './pod.ts';
import type { Pod, PodMeta, PodSpec } from './pod.ts';
import { restoreProbes } from './rewrite-probes.ts';

/** A pod without our container is returned as it is, whatever its annotations say. The opt-in annotation stays. */
export function uninject(pod: Pod): Pod {
  if (findOurContainer(pod) === undefined) return pod;
  const restored = withoutOurMetadata(restoreProbes(pod));
  return { ...restored, ...(restored.spec ? { spec: withoutOurParts(restored.spec) } : {}) };
}

/** Label and annotations; the annotations that we set for kubectl only where we set them. */
export function withoutOurMetadata(pod: Pod): Pod {
  if (findOurContainer(pod) === undefined || !pod.metadata) return pod;
  const annotations = annotationsOf(pod);
  const added = annotations[OWN_ANNOTATION.added]?.split(',') ?? [];
  const ours = [OWN_ANNOTATION.templateHash, OWN_ANNOTATION.originalProbes, OWN_ANNOTATION.added, ...added];
  return { ...pod, metadata: withoutKeys(pod.metadata, { labels: [LABEL.certificate], annotations: ours }) };
}

function withoutKeys(metadata: PodMeta, keys: { readonly labels: readonly string[]; readonly annotations: readonly string[] }): PodMeta {
  const kept = { ...metadata };
  for (const map of ['labels', 'annotations'] as const) {
    const rest = Object.entries(metadata[map] ?? {}).filter(([key]) => !keys[map].includes(key));
    if (rest.length === 0) delete kept[map];
    else kept[map] = Object.fromEntries(rest);
  }
  return kept;
}

function withoutOurParts(spec: PodSpec): PodSpec {
  const kept = { ...spec };
  const initContainers = (spec.initContainers ?? []).filter((container) => !isOurContainer(container));
  const volumes = (spec.volumes ?? []).filter((volume) => !isOurVolume(volume));
  if (initContainers.length === 0) delete kept.initContainers;
  else kept.initContainers = initContainers;
  if (volumes.length === 0) delete kept.volumes;
  else kept.volumes = volumes;
  return kept;
}
