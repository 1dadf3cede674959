// Writes a decided sidecar into a pod. inject(inject(pod)) = inject(pod), byte for byte; a pod that is injected already keeps
// what others have added to it, to our container too.
import { LABEL, OWN_ANNOTATION } from '../api/names.ts';
import { buildSidecar } from './built-sidecar.ts';
import { isOurContainer, findOurContainer } from './own-parts.ts';
import { annotationsOf } from './pod.ts';
import type { Container, Pod, PodMeta, PodSpec, Volume } from './pod.ts';
import { mergeContainer } from './merge-container.ts';
import { rewriteProbes, restoreProbes, writeOriginals } from './rewrite-probes.ts';
import type { Sidecar } from './sidecar.ts';
import { withoutOurMetadata } from './uninject.ts';

/** Without these kubectl logs and exec would choose the first container. */
const DEFAULT_CONTAINER_KEYS = ['kubectl.kubernetes.io/default-container', 'kubectl.kubernetes.io/default-logs-container'];

export function injectSidecar(pod: Pod, sidecar: Sidecar): Pod {
  const original = restoreProbes(pod);
  const { container, volumes, templateHash } = buildSidecar(sidecar);
  const spec = original.spec ?? { containers: [] };
  const ours = {
    ...forKubectl(withoutOurMetadata(original)),
    ...originalProbes(original, sidecar),
    [OWN_ANNOTATION.templateHash]: templateHash,
  };
  const injected: Pod = {
    ...original,
    metadata: addMetadata(withoutOurMetadata(original), sidecar.certificate, ours),
    spec: addParts(spec, mergeContainer(findOurContainer(original), container), volumes),
  };
  return rewriteProbes(injected, sidecar.probes);
}

function addMetadata({ metadata }: Pod, certificate: string, annotations: Readonly<Record<string, string>>): PodMeta {
  return { ...metadata, labels: { ...metadata?.labels, [LABEL.certificate]: certificate }, annotations: { ...metadata?.annotations, ...annotations } };
}

function forKubectl(pod: Pod): Readonly<Record<string, string>> {
  const app = pod.spec?.containers[0]?.name;
  const keys = app === undefined ? [] : DEFAULT_CONTAINER_KEYS.filter((key) => annotationsOf(pod)[key] === undefined);
  return keys.length === 0 ? {} : { ...Object.fromEntries(keys.map((key) => [key, app ?? ''])), [OWN_ANNOTATION.added]: keys.join(',') };
}

function originalProbes(pod: Pod, { probes }: Sidecar): Readonly<Record<string, string>> {
  const originals = writeOriginals(pod, probes);
  return originals === undefined ? {} : { [OWN_ANNOTATION.originalProbes]: originals };
}

/** SHA-256 of the sidecar as it would be written into a pod that has none: what the annotation `template-sha256` of a current pod says. */
export function sidecarTemplateHash(sidecar: Sidecar): string {
  return buildSidecar(sidecar).templateHash;
}

/** First of the init containers, so that those of the app have it already; volumes stay where they are, or come last. */
function addParts(spec: PodSpec, container: Container, volumes: readonly Volume[]): PodSpec {
  const others = (spec.initContainers ?? []).filter((each) => !isOurContainer(each));
  return { ...spec, initContainers: [container, ...others], volumes: volumes.reduce(upsertVolume, spec.volumes ?? []) };
}

function upsertVolume(volumes: readonly Volume[], volume: Volume): readonly Volume[] {
  return volumes.some(({ name }) => name === volume.name) ? volumes.map((each) => (each.name === volume.name ? volume : each)) : [...volumes, volume];
}
