// The cluster a command talks to, chosen as kubectl chooses it.
import { KubeConfig } from '@kubernetes/client-node';
import { UsageError } from '../errors.ts';
import { ApiClient } from '../kube/api-client.ts';

export const CONNECTION_FLAGS = {
  namespace: { type: 'string', short: 'n', value: 'NAMESPACE', help: 'namespace; default: that of the context' },
  context: { type: 'string', value: 'CONTEXT', help: 'context of the kubeconfig; default: the current one' },
  kubeconfig: { type: 'string', value: 'FILE', help: 'kubeconfig; default: $KUBECONFIG, then ~/.kube/config' },
} as const;

export interface ConnectionOptions {
  readonly namespace?: string | undefined;
  readonly context?: string | undefined;
  readonly kubeconfig?: string | undefined;
}

export interface ClusterConnection {
  readonly client: ApiClient;
  readonly namespace: string;
}

export function connectCluster({ namespace, context, kubeconfig }: ConnectionOptions, version: string): ClusterConnection {
  const kubeConfig = new KubeConfig();
  try {
    if (kubeconfig === undefined) kubeConfig.loadFromDefault();
    else kubeConfig.loadFromFile(kubeconfig);
  } catch (error) {
    throw new Error('reading the kubeconfig', { cause: error });
  }
  if (context !== undefined) {
    if (kubeConfig.getContextObject(context) === null) throw new UsageError([`--context ${context.slice(0, 80)}: the kubeconfig has no such context`]);
    kubeConfig.setCurrentContext(context);
  }
  const current = kubeConfig.getContextObject(kubeConfig.getCurrentContext());
  return { client: new ApiClient(kubeConfig, { version }), namespace: namespace ?? current?.namespace ?? 'default' };
}
