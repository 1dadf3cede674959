// What the commands inject, uninject and explain talk to: streams, and the cluster as far as they read it.
import type { Engine, TenantCertificate } from '../api/tenant-certificate.ts';
import type { ConnectionOptions } from './cluster-connection.ts';

export interface Output {
  write(text: string): unknown;
}

/** Read-only; each answer is undefined where there is no such object. */
export interface ClusterReader {
  /** Namespace of the current context. */
  readonly namespace: string;
  certificate(namespace: string, name: string): Promise<TenantCertificate | undefined>;
  namespaceLabels(namespace: string): Promise<Readonly<Record<string, string>> | undefined>;
  /** A Pod, Deployment, StatefulSet, DaemonSet, CronJob or Job. */
  object(kind: string, namespace: string, name: string): Promise<object | undefined>;
  kubernetesVersion(): Promise<string | undefined>;
  /** What the operator of the cluster injects; empty where it cannot be told. */
  operatorImages(): Promise<Partial<Record<Engine, string>>>;
}

export interface InjectIo {
  readonly stdin: AsyncIterable<string | Uint8Array>;
  readonly stdout: Output;
  readonly stderr: Output;
  /** Images where neither a flag nor the operator in the cluster says any. */
  readonly images: Readonly<Record<Engine, string>>;
  /** Random. */
  readonly newProbeToken: () => string;
  /** Called at most once, and only when something has to be looked up; throws where there is no cluster. */
  readonly cluster: (connection: ConnectionOptions) => Promise<ClusterReader>;
}
