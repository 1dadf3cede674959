import { readFile } from 'node:fs/promises';
import type { RequestOptions } from 'node:https';
import { isIPv6 } from 'node:net';

/**
 * Where the API server is and how to log in. In a pod that is three files and two variables, read here; a kubeconfig is
 * read by client-node, which is loaded only then: it takes 45 MB, and an operator in a pod has no use for it.
 */
export type ClusterAccess = {
  getCurrentCluster(): { readonly server: string; readonly proxyUrl?: string | undefined } | null;
  /** Adds ca, and whatever proves who we are. */
  applyToHTTPSOptions(options: RequestOptions): Promise<void>;
};

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

export type PodEnvironment = { readonly KUBERNETES_SERVICE_HOST?: string | undefined; readonly KUBERNETES_SERVICE_PORT?: string | undefined };

/** `kubeconfig`: path of a file; '' stands for the pod's ServiceAccount or, outside a pod, what kubectl would use. */
export async function findCluster(kubeconfig: string, env: PodEnvironment): Promise<ClusterAccess> {
  if (kubeconfig === '' && env.KUBERNETES_SERVICE_HOST !== undefined) return podAccess(env, SERVICE_ACCOUNT);
  const { KubeConfig } = await import('@kubernetes/client-node');
  const access = new KubeConfig();
  if (kubeconfig === '') access.loadFromDefault();
  else access.loadFromFile(kubeconfig);
  return access;
}

/** The token is a projected volume that the kubelet renews: it is read again each time. */
export function podAccess({ KUBERNETES_SERVICE_HOST: host = '', KUBERNETES_SERVICE_PORT: port = '443' }: PodEnvironment, folder: string): ClusterAccess {
  return {
    getCurrentCluster: () => ({ server: `https://${isIPv6(host) ? `[${host}]` : host}:${port}` }),
    applyToHTTPSOptions: async (options) => {
      const [ca, token] = await Promise.all([readFile(`${folder}/ca.crt`), readFile(`${folder}/token`, 'utf8')]);
      options.ca = ca;
      options.headers = { authorization: `Bearer ${token.trim()}` };
    },
  };
}
