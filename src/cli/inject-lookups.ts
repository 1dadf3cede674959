// Answers what a decision depends on: first from the manifests themselves, which may hold certificate and workload together, then from the cluster.
import type { Engine, TenantCertificate } from '../api/tenant-certificate.ts';
import { decideInjection, requestedCertificate } from '../injection/decide-injection.ts';
import type { ClusterReader } from './inject-io.ts';
import type { Decide } from './inject-object.ts';
import type { ManifestObject } from './manifest-files.ts';

export interface DecideOptions {
  readonly objects: readonly ManifestObject[];
  /** These win over the operator's. */
  readonly images: Partial<Readonly<Record<Engine, string>>>;
  readonly fallbackImages: Readonly<Record<Engine, string>>;
  /** undefined: no cluster is asked. */
  readonly cluster: (() => Promise<ClusterReader>) | undefined;
  readonly defaultNamespace: string;
  /** Random. */
  readonly newProbeToken: () => string;
}

export function decideFrom(options: DecideOptions): Decide {
  return async (pod, namespace) => {
    const name = requestedCertificate(pod);
    const plain = { namespace: { name: namespace }, certificate: undefined, images: { ...options.fallbackImages, ...options.images }, kubernetesVersion: undefined, newProbeToken: options.newProbeToken };
    // Nothing is looked up for a pod that has not opted in.
    if (name === undefined) return decideInjection(pod, plain);
    const cluster = await options.cluster?.();
    const certificate = certificateIn(options, name, namespace) ?? (await cluster?.certificate(namespace, name));
    const labels = labelsIn(options, namespace) ?? (await cluster?.namespaceLabels(namespace)) ?? {};
    const images = { ...options.fallbackImages, ...(await cluster?.operatorImages()), ...options.images };
    return decideInjection(pod, { ...plain, namespace: { name: namespace, labels }, certificate, images, kubernetesVersion: await cluster?.kubernetesVersion() });
  };
}

function certificateIn({ objects, defaultNamespace }: DecideOptions, name: string, namespace: string): TenantCertificate | undefined {
  const found = objects.find(({ kind, metadata }) => kind === 'TenantCertificate' && metadata?.name === name && (metadata.namespace ?? defaultNamespace) === namespace);
  return found as TenantCertificate | undefined;
}

function labelsIn({ objects }: DecideOptions, namespace: string): Readonly<Record<string, string>> | undefined {
  const found = objects.find(({ kind, metadata }) => kind === 'Namespace' && metadata?.name === namespace);
  return found === undefined ? undefined : found.metadata?.labels ?? {};
}
