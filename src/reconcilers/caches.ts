// The informers of the operator. All replicas run them, because the webhook needs what they know; only the leader acts on them.
// One rule: a selector or a pruning function on everything, so that memory follows what we own and not the cluster.
import { LABEL, MANAGED_BY } from '../api/names.ts';
import type { Namespace } from '../api/object-meta.ts';
import type { TenantCertificate } from '../api/tenant-certificate.ts';
import type { Tenant } from '../api/tenant.ts';
import { desireCertificate } from '../issuance/desired-certificate.ts';
import type { ApiClient } from '../kube/api-client.ts';
import { Informer } from '../kube/informer.ts';
import type { InformerOptions } from '../kube/informer.ts';
import type { Logger } from '../kube/logger.ts';
import type { KubeObject } from '../kube/object.ts';
import { resources } from '../kube/resources.ts';
import { authorityKey } from './authorities/authority.ts';
import { crlIssuerNames } from './authorities/listed-authority.ts';
import { certificateKeyOf, pruneInjectedPod } from './pods/injected-pod.ts';
import type { InjectedPod } from './pods/injected-pod.ts';
import type { NetworkPolicy } from './pods/network-policy.ts';
import { pruneConfigMap } from './owned-config-map.ts';
import { pruneSecret } from './owned-secret.ts';
import { INDEX } from './reconciler-context.ts';
import type { Caches } from './reconciler-context.ts';
import { trustReferences } from './certificates/trust-references.ts';

export type Informers = ReturnType<typeof createInformers>;

const OURS = `${LABEL.managedBy}=${MANAGED_BY}`;

/** Keeps what a hand-over of fields does not need: large annotations of kubectl and others. */
function pruneCertificate(certificate: TenantCertificate): TenantCertificate {
  const { 'kubectl.kubernetes.io/last-applied-configuration': _, ...annotations } = certificate.metadata.annotations ?? {};
  return { ...certificate, metadata: { ...certificate.metadata, annotations } };
}

/** `namespaces`: the only ones served; empty: all. */
export function createInformers(client: ApiClient, logger: Logger, namespaces: readonly string[]) {
  const common = { client, logger, namespaces };
  const certificates = new Informer<TenantCertificate>({
    ...common,
    resource: resources.TenantCertificate,
    prune: pruneCertificate,
    indexes: {
      [INDEX.authority]: ({ metadata, spec }) => (spec.issuer.kind === 'SelfSigned' ? [] : [authorityKey(metadata.namespace ?? '', spec.issuer)]),
      [INDEX.signedBy]: ({ status }) => [...new Set(status?.issued?.map(({ issuerSHA256 }) => issuerSHA256))],
      [INDEX.secretName]: (certificate) => [`${certificate.metadata.namespace}/${desireCertificate(certificate).secret.name}`],
      [INDEX.trust]: trustReferences,
    },
  });
  return {
    certificates,
    tenants: new Informer<Tenant>({ ...common, resource: resources.Tenant }),
    secrets: new Informer({ ...common, resource: resources.Secret, labelSelector: OURS, prune: pruneSecret, indexes: { [INDEX.crlIssuer]: crlIssuerNames } } satisfies InformerOptions<ReturnType<typeof pruneSecret>>),
    configMaps: new Informer({ ...common, resource: resources.ConfigMap, labelSelector: OURS, prune: pruneConfigMap } satisfies InformerOptions<ReturnType<typeof pruneConfigMap>>),
    namespaces: new Informer<Namespace>({ ...common, resource: resources.Namespace, metadataOnly: true }),
    networkPolicies: new Informer<NetworkPolicy & KubeObject>({ ...common, resource: resources.NetworkPolicy, labelSelector: OURS }),
    pods: new Informer<InjectedPod>({
      ...common,
      resource: resources.Pod,
      labelSelector: LABEL.certificate,
      prune: pruneInjectedPod,
      indexes: { [INDEX.certificate]: (pod) => [certificateKeyOf(pod) ?? []].flat() },
    }),
  };
}

export function cachesOf({ certificates, tenants, secrets, configMaps, namespaces }: Informers): Caches {
  return { certificates: certificates.cache, tenants: tenants.cache, secrets: secrets.cache, configMaps: configMaps.cache, namespaces: namespaces.cache };
}
