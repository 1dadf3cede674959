// The NetworkPolicy of spec.networkPolicy: Managed: every port of the certificate's pods is open to everyone, except those behind the
// sidecar. Pure. A policy cannot say "all but", so the open ports are ranges. Policies add up: beside a stricter one for the same pods
// this one opens what that one does not, which is why it is written on request only.
import { API_VERSION, LABEL, MANAGED_BY, OWN_ANNOTATION } from '../../api/names.ts';
import type { ObjectMeta } from '../../api/object-meta.ts';
import type { TenantCertificate } from '../../api/tenant-certificate.ts';
import { describeSidecar } from '../../proxy-model/sidecar-shape.ts';

export interface PolicyPort {
  readonly protocol: 'TCP' | 'UDP' | 'SCTP';
  readonly port?: number;
  readonly endPort?: number;
}

export interface NetworkPolicy {
  readonly apiVersion: 'networking.k8s.io/v1';
  readonly kind: 'NetworkPolicy';
  readonly metadata: ObjectMeta;
  readonly spec: {
    readonly podSelector: { readonly matchLabels: Readonly<Record<string, string>> };
    readonly policyTypes: readonly ['Ingress'];
    /** Without `from`: everyone. */
    readonly ingress: readonly [{ readonly ports: readonly PolicyPort[] }];
  };
}

const LAST_PORT = 65_535;

export function networkPolicyName({ metadata }: TenantCertificate): string {
  return `${metadata.name}-upstream-ports`;
}

/** `appPorts`: what the pods of this certificate say is the app's port; it differs from pod to pod. */
export function buildNetworkPolicy(certificate: TenantCertificate, appPorts: Iterable<number>): NetworkPolicy {
  const { name, namespace = '', uid = '' } = certificate.metadata;
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: {
      name: networkPolicyName(certificate),
      namespace,
      labels: { [LABEL.managedBy]: MANAGED_BY, [LABEL.certificate]: name },
      annotations: { [OWN_ANNOTATION.certificateName]: name },
      ownerReferences: [{ apiVersion: API_VERSION, kind: 'TenantCertificate', name, uid, controller: true, blockOwnerDeletion: false }],
    },
    spec: {
      podSelector: { matchLabels: { [LABEL.certificate]: name } },
      policyTypes: ['Ingress'],
      ingress: [{ ports: [...openPorts([...describeSidecar(certificate).loopbackPorts, ...appPorts]), { protocol: 'UDP' }, { protocol: 'SCTP' }] }],
    },
  };
}

/** TCP, all ports but these, in ascending ranges. */
export function openPorts(closed: readonly number[]): PolicyPort[] {
  const ascending = [...new Set(closed)].sort((a, b) => a - b);
  return [...ascending, LAST_PORT + 1].flatMap((end, index) => rangeOf((ascending[index - 1] ?? 0) + 1, end - 1));
}

function rangeOf(port: number, endPort: number): PolicyPort[] {
  if (endPort < port) return [];
  return [{ protocol: 'TCP', port, ...(endPort === port ? {} : { endPort }) }];
}
