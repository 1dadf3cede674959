// Keeps the NetworkPolicy of a TenantCertificate as it should be. One rule: a policy of somebody else is neither changed nor removed.
import { isDeepStrictEqual } from 'node:util';
import { CONDITION } from '../../api/conditions.ts';
import type { TenantCertificate } from '../../api/tenant-certificate.ts';
import type { ApiClient } from '../../kube/api-client.ts';
import { isAlreadyExists, isConflict, isNotFound } from '../../kube/api-error.ts';
import type { Cache } from '../../kube/cache.ts';
import type { KubeObject } from '../../kube/object.ts';
import { resources } from '../../kube/resources.ts';
import type { InjectedPod } from './injected-pod.ts';
import { buildNetworkPolicy, networkPolicyName } from './network-policy.ts';
import type { NetworkPolicy } from './network-policy.ts';
import { certificateNameOf } from '../owned-secret.ts';
import type { Said } from './pod-conditions.ts';

export type LivePolicy = NetworkPolicy & KubeObject;

export interface PolicyWriter {
  readonly client: Pick<ApiClient, 'get' | 'create' | 'applyServerSide' | 'delete'>;
  /** Those that carry our label. */
  readonly networkPolicies: Cache<LivePolicy>;
}

/** What is to be said of it in the certificate's status; nothing when no policy is wanted. */
export async function writeNetworkPolicy(writer: PolicyWriter, certificate: TenantCertificate, pods: readonly InjectedPod[], signal: AbortSignal): Promise<readonly Said[]> {
  const current = writer.networkPolicies.get(`${certificate.metadata.namespace}/${networkPolicyName(certificate)}`);
  if (certificate.spec.networkPolicy !== 'Managed' || certificate.metadata.deletionTimestamp !== undefined) {
    if (current !== undefined && isOurs(current, certificate)) await remove(writer, current, signal);
    return [];
  }
  const wanted: LivePolicy = buildNetworkPolicy(certificate, pods.flatMap(({ sidecar }) => sidecar?.appPort ?? []));
  if (current !== undefined && isOurs(current, certificate) && isDeepStrictEqual(current.spec, wanted.spec)) return [ready(wanted)];
  const isWritten = await write(writer, { wanted, certificate, isKnown: current !== undefined && isOurs(current, certificate) }, signal);
  return [isWritten ? ready(wanted) : notOwned(wanted)];
}

interface Wanted {
  readonly wanted: LivePolicy;
  readonly certificate: TenantCertificate;
  /** One of ours is there. */
  readonly isKnown: boolean;
}

/** False: somebody else's is there. */
async function write({ client, networkPolicies }: PolicyWriter, { wanted, certificate, isKnown }: Wanted, signal: AbortSignal): Promise<boolean> {
  if (!isKnown) {
    try {
      networkPolicies.observe(await client.create(resources.NetworkPolicy, wanted, { signal }));
      return true;
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
    }
    const { name, namespace } = wanted.metadata;
    const found = await client.get<LivePolicy>(resources.NetworkPolicy, { namespace, name }, { signal });
    if (!isOurs(found, certificate)) return false;
  }
  networkPolicies.observe(await client.applyServerSide(resources.NetworkPolicy, wanted, { signal }));
  return true;
}

async function remove({ client, networkPolicies }: PolicyWriter, policy: LivePolicy, signal: AbortSignal): Promise<void> {
  const { name, namespace, uid } = policy.metadata;
  try {
    await client.delete(resources.NetworkPolicy, { namespace, name }, { signal, ...(uid === undefined ? {} : { preconditions: { uid } }) });
  } catch (error) {
    // Gone already, or another one of that name is there now.
    if (!isNotFound(error) && !isConflict(error)) throw error;
  }
  networkPolicies.observeDeleted(policy);
}

function isOurs(policy: LivePolicy, { metadata }: TenantCertificate): boolean {
  return certificateNameOf(policy) === metadata.name;
}

const type = CONDITION.networkPolicyReady;

function ready({ metadata }: LivePolicy): Said {
  return { type, status: 'True', reason: 'Written', message: `NetworkPolicy ${metadata.name} closes the upstream ports, if the cluster's network enforces NetworkPolicies` };
}

function notOwned({ metadata }: LivePolicy): Said {
  return { type, status: 'False', reason: 'NetworkPolicyNotOwned', message: `NetworkPolicy ${metadata.name} exists and was not written for this TenantCertificate; it is left alone, and the upstream ports are not closed` };
}
