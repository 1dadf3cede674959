// What the sidecars of a TenantCertificate's pods say of themselves, asked through the API server (which needs the right to get pods/proxy).
// One rule: a pod that cannot be asked is a line of its own, not a failure.
import { LABEL, SIDECAR } from '../api/names.ts';
import type { TenantCertificate } from '../api/tenant-certificate.ts';
import type { ApiClient } from '../kube/api-client.ts';
import { ApiError, isForbidden } from '../kube/api-error.ts';
import type { KubeObject } from '../kube/object.ts';
import { objectPath, resources } from '../kube/resources.ts';

export interface PodState {
  readonly pod: string;
  readonly sidecar: 'Ready' | 'NotReady';
  /** What it has loaded, compared with what it could load. */
  readonly files: 'current' | 'pending' | 'unknown';
  readonly serialNumber: string;
  readonly message: string;
}

type Pod = KubeObject & { readonly status?: { readonly initContainerStatuses?: readonly { readonly name: string; readonly ready?: boolean }[] } };
type Answer = Pick<PodState, 'files' | 'serialNumber' | 'message'>;
type Client = Pick<ApiClient, 'list' | 'request'>;

const AT_ONCE = 8;
const ASK_MS = 3000;

export async function readPods(client: Client, { metadata }: TenantCertificate): Promise<PodState[]> {
  const labelSelector = `${LABEL.certificate}=${metadata.name ?? ''}`;
  const { items } = await client.list<Pod>(resources.Pod, { namespace: metadata.namespace, labelSelector });
  const states: PodState[] = [];
  for (let first = 0; first < items.length; first += AT_ONCE) {
    states.push(...(await Promise.all(items.slice(first, first + AT_ONCE).map(async (pod) => await describePod(client, pod)))));
  }
  return states;
}

async function describePod(client: Client, pod: Pod): Promise<PodState> {
  const sidecar = pod.status?.initContainerStatuses?.find(({ name }) => name === SIDECAR.container);
  return { pod: pod.metadata?.name ?? '', sidecar: sidecar?.ready === true ? 'Ready' : 'NotReady', ...(await ask(client, pod)) };
}

async function ask(client: Client, { metadata }: Pod): Promise<Answer> {
  const path = objectPath(resources.Pod, { namespace: metadata?.namespace, name: `${metadata?.name ?? ''}:${SIDECAR.statusPort}` }, 'proxy/status');
  try {
    const { state, message = '', manifest } = await client.request<{ state?: string; message?: string; manifest?: { serialNumber?: string } }>('GET', path, undefined, { timeoutMs: ASK_MS, signal: AbortSignal.timeout(ASK_MS) });
    return { files: state === 'current' || state === 'pending' ? state : 'unknown', serialNumber: manifest?.serialNumber ?? '', message };
  } catch (error) {
    return { files: 'unknown', serialNumber: '', message: whyNot(error) };
  }
}

function whyNot(error: unknown): string {
  if (isForbidden(error)) return 'you may not get pods/proxy';
  return error instanceof ApiError ? `its sidecar did not answer (HTTP ${error.code})` : 'its sidecar did not answer';
}
