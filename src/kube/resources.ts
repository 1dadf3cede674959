import { GROUP, VERSION } from '../api/names.ts';
import type { ObjectRef } from './object.ts';

/**
 * The kinds we talk to and where the API server keeps them. A kind missing here cannot be requested,
 * so this table is also the list to compare the RBAC rules with.
 */
export type Resource = {
  readonly kind: string;
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly namespaced: boolean;
};

function namespaced(kind: string, plural: string, group = '', version = 'v1'): Resource {
  return { kind, group, version, plural, namespaced: true };
}

function clusterScoped(kind: string, plural: string, group = '', version = 'v1'): Resource {
  return { kind, group, version, plural, namespaced: false };
}

export const resources = {
  ConfigMap: namespaced('ConfigMap', 'configmaps'),
  Event: namespaced('Event', 'events'),
  Namespace: clusterScoped('Namespace', 'namespaces'),
  Node: clusterScoped('Node', 'nodes'),
  Pod: namespaced('Pod', 'pods'),
  Secret: namespaced('Secret', 'secrets'),
  Service: namespaced('Service', 'services'),
  ServiceAccount: namespaced('ServiceAccount', 'serviceaccounts'),
  DaemonSet: namespaced('DaemonSet', 'daemonsets', 'apps'),
  Deployment: namespaced('Deployment', 'deployments', 'apps'),
  ReplicaSet: namespaced('ReplicaSet', 'replicasets', 'apps'),
  StatefulSet: namespaced('StatefulSet', 'statefulsets', 'apps'),
  CronJob: namespaced('CronJob', 'cronjobs', 'batch'),
  Job: namespaced('Job', 'jobs', 'batch'),
  NetworkPolicy: namespaced('NetworkPolicy', 'networkpolicies', 'networking.k8s.io'),
  Lease: namespaced('Lease', 'leases', 'coordination.k8s.io'),
  Role: namespaced('Role', 'roles', 'rbac.authorization.k8s.io'),
  RoleBinding: namespaced('RoleBinding', 'rolebindings', 'rbac.authorization.k8s.io'),
  ClusterRole: clusterScoped('ClusterRole', 'clusterroles', 'rbac.authorization.k8s.io'),
  ClusterRoleBinding: clusterScoped('ClusterRoleBinding', 'clusterrolebindings', 'rbac.authorization.k8s.io'),
  CustomResourceDefinition: clusterScoped('CustomResourceDefinition', 'customresourcedefinitions', 'apiextensions.k8s.io'),
  MutatingWebhookConfiguration: clusterScoped(
    'MutatingWebhookConfiguration',
    'mutatingwebhookconfigurations',
    'admissionregistration.k8s.io',
  ),
  Tenant: clusterScoped('Tenant', 'tenants', GROUP, VERSION),
  TenantCertificate: namespaced('TenantCertificate', 'tenantcertificates', GROUP, VERSION),
} as const satisfies Record<string, Resource>;

export function apiVersionOf(resource: Resource): string {
  return resource.group === '' ? resource.version : `${resource.group}/${resource.version}`;
}

/** The path of all objects of a kind, in one namespace or, without one, in the whole cluster. */
export function collectionPath(resource: Resource, namespace?: string): string {
  const root = resource.group === '' ? '/api' : '/apis';
  const scope = namespace === undefined || !resource.namespaced ? '' : `/namespaces/${encodeURIComponent(namespace)}`;
  return `${root}/${apiVersionOf(resource)}${scope}/${resource.plural}`;
}

export function objectPath(resource: Resource, ref: ObjectRef, subresource?: string): string {
  if (ref.name === '') throw new TypeError(`a ${resource.kind} was addressed without a name`);
  if (resource.namespaced && ref.namespace === undefined) {
    throw new TypeError(`${resource.kind} ${ref.name} was addressed without a namespace`);
  }
  const path = `${collectionPath(resource, ref.namespace)}/${encodeURIComponent(ref.name)}`;
  return subresource === undefined ? path : `${path}/${subresource}`;
}
