// The real world of the commands: the process's streams, the cluster of the kubeconfig, the clock, randomness.
import { randomBytes } from 'node:crypto';
import { OPTIONS } from '../config.ts';
import { connectCluster } from './cluster-connection.ts';
import type { ClusterConnection } from './cluster-connection.ts';
import { runCommandLine } from './command-line.ts';
import { clusterReader } from './inject-cluster.ts';

/** Runs one command against it; resolves to the exit code, with every connection closed. */
export async function runInProcess(args: readonly string[], version: string): Promise<number> {
  const open: ClusterConnection[] = [];
  const connect = (options: Parameters<typeof connectCluster>[0]) => {
    const connection = connectCluster(options, version);
    open.push(connection);
    return connection;
  };
  try {
    return await runCommandLine(args, {
      stdin: process.stdin,
      stdout: process.stdout,
      stderr: process.stderr,
      images: { nginx: OPTIONS.nginxImage.fallback, node: OPTIONS.nodeImage.fallback },
      newProbeToken: () => randomBytes(16).toString('hex'),
      connect,
      cluster: (options) => {
        const { client, namespace } = connect(options);
        return Promise.resolve(clusterReader(client, namespace));
      },
      now: Date.now,
    });
  } finally {
    await Promise.all(open.map(async ({ client }) => await client.close()));
  }
}
