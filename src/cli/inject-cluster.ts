// Reads from a real cluster what inject and explain ask for.
import type { TenantCertificate } from '../api/tenant-certificate.ts';
import type { ApiClient } from '../kube/api-client.ts';
import { isNotFound } from '../kube/api-error.ts';
import { resources } from '../kube/resources.ts';
import type { Resource } from '../kube/resources.ts';
import type { ClusterReader } from './inject-io.ts';

const WORKLOADS: Readonly<Record<string, Resource>> = {
  Pod: resources.Pod, Deployment: resources.Deployment, StatefulSet: resources.StatefulSet, DaemonSet: resources.DaemonSet, CronJob: resources.CronJob, Job: resources.Job,
};

export function clusterReader(client: ApiClient, namespace: string): ClusterReader {
  async function find<T>(resource: Resource, name: string, inNamespace?: string): Promise<T | undefined> {
    try {
      return await client.get<T>(resource, { namespace: inNamespace, name });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }
  return {
    namespace,
    certificate: async (inNamespace, name) => await find<TenantCertificate>(resources.TenantCertificate, name, inNamespace),
    namespaceLabels: async (name) => (await find<{ metadata: { labels?: Record<string, string> } }>(resources.Namespace, name))?.metadata.labels,
    object: async (kind, inNamespace, name) => {
      const resource = WORKLOADS[kind];
      return resource === undefined ? undefined : await find<object>(resource, name, inNamespace);
    },
    kubernetesVersion: async () => (await client.request<{ gitVersion?: string }>('GET', '/version')).gitVersion,
  };
}
