import type { Lease, LeaseClient, LeaseRecord } from '../controller/lease-claim.ts';
import type { ApiClient } from './api-client.ts';
import { isNotFound } from './api-error.ts';
import type { ObjectMeta } from './object.ts';
import { apiVersionOf, resources } from './resources.ts';

/** A coordination.k8s.io Lease as the leader election sees it; updates are guarded by the resourceVersion. */
type LeaseObject = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly spec?: {
    readonly holderIdentity?: string;
    readonly leaseDurationSeconds?: number;
    readonly acquireTime?: string;
    readonly renewTime?: string;
    readonly leaseTransitions?: number;
  };
};

export class LeaseStore implements LeaseClient {
  readonly #client: ApiClient;
  readonly #ref: { readonly namespace: string; readonly name: string };

  constructor(client: ApiClient, ref: { readonly namespace: string; readonly name: string }) {
    this.#client = client;
    this.#ref = ref;
  }

  async read(signal: AbortSignal): Promise<Lease | undefined> {
    try {
      return toLease(await this.#client.get<LeaseObject>(resources.Lease, this.#ref, { signal }));
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async create(record: LeaseRecord, signal: AbortSignal): Promise<Lease> {
    return toLease(await this.#client.create(resources.Lease, this.#object({ ...this.#ref }, record), { signal }));
  }

  async update({ record, version }: Lease, signal: AbortSignal): Promise<Lease> {
    const object = this.#object({ ...this.#ref, resourceVersion: version }, record);
    return toLease(await this.#client.replace(resources.Lease, object, { signal }));
  }

  #object(metadata: ObjectMeta, record: LeaseRecord): LeaseObject {
    return {
      apiVersion: apiVersionOf(resources.Lease),
      kind: resources.Lease.kind,
      metadata,
      spec: {
        holderIdentity: record.holder,
        leaseDurationSeconds: Math.ceil(record.durationMs / 1000),
        acquireTime: formatMicroTime(record.acquiredAt),
        renewTime: formatMicroTime(record.renewedAt),
        leaseTransitions: record.transitions,
      },
    };
  }
}

function toLease({ metadata, spec = {} }: LeaseObject): Lease {
  return {
    version: metadata.resourceVersion ?? '',
    record: {
      holder: spec.holderIdentity ?? '',
      durationMs: (spec.leaseDurationSeconds ?? 0) * 1000,
      acquiredAt: parseTime(spec.acquireTime),
      renewedAt: parseTime(spec.renewTime),
      transitions: spec.leaseTransitions ?? 0,
    },
  };
}

/** RFC 3339 with exactly six fraction digits: the API server's MicroTime takes nothing else. */
export function formatMicroTime(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '000Z');
}

function parseTime(text: string | undefined): number {
  return text === undefined ? 0 : Date.parse(text);
}
