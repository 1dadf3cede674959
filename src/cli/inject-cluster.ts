// Reads from a real cluster what inject and explain ask for.
import type { Engine, TenantCertificate } from '../api/tenant-certificate.ts';
import { OPTIONS } from '../config.ts';
import type { Pod } from '../injection/pod.ts';
import type { ApiClient } from '../kube/api-client.ts';
import { isForbidden, isNotFound } from '../kube/api-error.ts';
import { resources } from '../kube/resources.ts';
import type { Resource } from '../kube/resources.ts';
import type { ClusterReader } from './inject-io.ts';

const WORKLOADS: Readonly<Record<string, Resource>> = {
  Pod: resources.Pod, Deployment: resources.Deployment, StatefulSet: resources.StatefulSet, DaemonSet: resources.DaemonSet, CronJob: resources.CronJob, Job: resources.Job,
};

interface Operator {
  readonly spec: { readonly template: Pod };
}

/** Whoever may not read the operator's Deployment gets the images of this program's version. */
async function readImages(find: () => Promise<Operator | undefined>): Promise<Partial<Record<Engine, string>>> {
  try {
    const variables = (await find())?.spec.template.spec?.containers.flatMap(({ env }) => env ?? []) ?? [];
    const nginx = variables.find(({ name }) => name === OPTIONS.nginxImage.env)?.value;
    const node = variables.find(({ name }) => name === OPTIONS.nodeImage.env)?.value;
    return { ...(nginx === undefined ? {} : { nginx }), ...(node === undefined ? {} : { node }) };
  } catch (error) {
    if (isForbidden(error)) return {};
    throw error;
  }
}

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
    operatorImages: async () => await readImages(async () => await find<Operator>(resources.Deployment, 'tenant-mtls', OPTIONS.namespace.fallback)),
    kubernetesVersion: async () => (await client.request<{ gitVersion?: string }>('GET', '/version')).gitVersion,
  };
}
