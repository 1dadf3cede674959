// Every serial number that ever stood in a Secret of a namespace: whoever issues a certificate twice is caught, even when the second
// one replaced the first within milliseconds.
import { X509Certificate } from 'node:crypto';
import type { Secret } from '../../src/api/object-meta.ts';
import { Informer } from '../../src/kube/informer.ts';
import type { KubeObject } from '../../src/kube/object.ts';
import { resources } from '../../src/kube/resources.ts';
import type { Cluster } from './cluster.ts';
import { textOf } from './tenant-certificates.ts';

const QUIET = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

export class SerialWatch {
  /** By the Secret's name. */
  readonly serials = new Map<string, Set<string>>();
  readonly #stop = new AbortController();

  static async start({ admin, cleanups }: Cluster, namespace: string): Promise<SerialWatch> {
    const watch = new SerialWatch();
    const informer = new Informer<Secret & KubeObject>({ client: admin, logger: QUIET, resource: resources.Secret, namespace });
    informer.cache.onChange((_, __, secret) => {
      if (secret !== undefined) watch.#note(secret);
    });
    void informer.run(watch.#stop.signal);
    cleanups.push(async () => watch.stop());
    await informer.whenSynced();
    return watch;
  }

  stop(): void {
    this.#stop.abort();
  }

  /** Secrets that had more than one certificate. */
  get issuedTwice(): string[] {
    return [...this.serials].filter(([, serials]) => serials.size > 1).map(([name]) => name);
  }

  #note(secret: Secret): void {
    if (secret.metadata.annotations?.['tenant-mtls.dev/certificate-name'] === undefined) return;
    const serials = this.serials.get(secret.metadata.name) ?? new Set();
    this.serials.set(secret.metadata.name, serials.add(new X509Certificate(textOf(secret, 'tls.crt')).serialNumber));
  }
}
