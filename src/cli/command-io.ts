// What a command has of the world around it.
import type { ClusterConnection, ConnectionOptions } from './cluster-connection.ts';
import type { InjectIo } from './inject-io.ts';

export interface CommandIo extends InjectIo {
  readonly connect: (options: ConnectionOptions) => ClusterConnection;
  readonly now: () => number;
}
