// Owners whose pods were refused because their certificate did not exist yet. One rule: memory is bounded and the oldest note goes
// first; a lost note costs only time, because controllers try again by themselves (with a back-off of up to 16 minutes).
import { formatKey } from '../kube/object.ts';
import type { PodOwner } from './mutate-pod.ts';

interface CertificateRef {
  readonly namespace: string;
  readonly name: string;
}

const MOST_CERTIFICATES = 4096;
const MOST_OWNERS = 64;

export class PendingOwners {
  /** By `namespace/name` of the certificate, then by uid of the owner. Maps keep the order of insertion. */
  readonly #owners = new Map<string, Map<string, PodOwner>>();

  get size(): number {
    return this.#owners.size;
  }

  add(certificate: CertificateRef, owner: PodOwner): void {
    const key = formatKey(certificate);
    const owners = this.#owners.get(key) ?? new Map<string, PodOwner>();
    remember(owners, { key: owner.reference.uid, value: owner, most: MOST_OWNERS });
    remember(this.#owners, { key, value: owners, most: MOST_CERTIFICATES });
  }

  /** The owners that wait for this certificate; they are forgotten here. */
  take({ namespace, name }: CertificateRef): PodOwner[] {
    const key = formatKey({ namespace, name });
    const owners = this.#owners.get(key);
    this.#owners.delete(key);
    return [...(owners?.values() ?? [])];
  }
}

function remember<T>(map: Map<string, T>, { key, value, most }: { key: string; value: T; most: number }): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= most) return;
  for (const oldest of map.keys()) return void map.delete(oldest);
}
