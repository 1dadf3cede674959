// Proves that the API server reaches the webhook: a pod that must be refused is created with dryRun, and refused in our words.
// One rule: only our own refusal counts as an answer; nothing is ever stored.
import { ANNOTATION } from '../api/names.ts';
import type { Clock } from '../controller/clock.ts';
import type { ApiClient } from '../kube/api-client.ts';
import { ApiError } from '../kube/api-error.ts';
import type { KubeObject } from '../kube/object.ts';
import { resources } from '../kube/resources.ts';
import { REFUSED } from './mutate-pod.ts';

/** The registration calls the webhook about a pod of this name in the operator's namespace, in a dry run only. */
export const SELF_TEST_POD = 'tenant-mtls-self-test';

/** Refused without asking anybody for anything: it is no name. */
const NO_CERTIFICATE = '(self-test)';

export type SelfTestOutcome = 'Answered' | 'NotCalled' | 'Unreachable' | 'Unknown';

export interface SelfTestResult {
  readonly outcome: SelfTestOutcome;
  /** For people; empty when answered. */
  readonly message: string;
}

export interface SelfTestOptions {
  readonly client: Pick<ApiClient, 'create'>;
  /** The operator's. */
  readonly namespace: string;
}

const CALL_MS = 10_000;

export async function testWebhook({ client, namespace }: SelfTestOptions): Promise<SelfTestResult> {
  try {
    await client.create(resources.Pod, buildPod(namespace), { query: { dryRun: 'All' }, timeoutMs: CALL_MS });
    return { outcome: 'NotCalled', message: 'the API server did not call the webhook: is its MutatingWebhookConfiguration installed?' };
  } catch (error) {
    return judge(error);
  }
}

function judge(error: unknown): SelfTestResult {
  const message = error instanceof Error ? error.message : String(error);
  if (message.includes(REFUSED)) return { outcome: 'Answered', message: '' };
  const isUnreachable = error instanceof ApiError && message.includes('failed calling webhook');
  return { outcome: isUnreachable ? 'Unreachable' : 'Unknown', message };
}

function buildPod(namespace: string): KubeObject {
  const container = { name: 'none', image: 'tenant-mtls.dev/none' };
  const metadata = { name: SELF_TEST_POD, namespace, annotations: { [ANNOTATION.certificate]: NO_CERTIFICATE } };
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers: [container] } } as KubeObject;
}

const EVERY_MS = 60_000;
/** After a failure, and at the start, when the caBundle is still on its way. */
const RETRY_MS = 5000;

/** Tests until the signal is aborted, and reports every result. */
export async function keepTesting(options: SelfTestOptions & { readonly clock: Clock; readonly onResult: (result: SelfTestResult) => void }, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const result = await testWebhook(options);
    if (signal.aborted) return;
    options.onResult(result);
    await options.clock.sleep(result.outcome === 'Answered' ? EVERY_MS : RETRY_MS, signal);
  }
}
