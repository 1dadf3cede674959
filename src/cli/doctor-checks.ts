// What `doctor` looks at, in the order in which one thing needs the other.
import { readBundles } from '../admission/ca-bundle.ts';
import type { Registration } from '../admission/ca-bundle.ts';
import { testWebhook } from '../admission/self-test.ts';
import { OPTIONS } from '../config.ts';
import type { ApiClient } from '../kube/api-client.ts';
import { isNotFound } from '../kube/api-error.ts';
import type { KubeObject } from '../kube/object.ts';
import { resources } from '../kube/resources.ts';
import type { Resource } from '../kube/resources.ts';

export interface CheckResult {
  readonly check: string;
  readonly outcome: 'ok' | 'problem';
  readonly detail: string;
  /** What to do about it. */
  readonly remedy?: string;
}

type Client = Pick<ApiClient, 'get' | 'create' | 'request'>;

interface Check {
  readonly name: string;
  readonly run: (client: Client, operatorNamespace: string) => Promise<Omit<CheckResult, 'check'>>;
}

const INSTALL = 'install the operator: kubectl tenant-mtls install';

export const CHECKS: readonly Check[] = [
  { name: 'Kubernetes', run: kubernetes },
  { name: 'custom resources', run: customResources },
  { name: 'operator', run: operator },
  { name: 'webhook registration', run: registration },
  { name: 'webhook call', run: call },
];

function ok(detail: string): Omit<CheckResult, 'check'> {
  return { outcome: 'ok', detail };
}

function problem(detail: string, remedy: string): Omit<CheckResult, 'check'> {
  return { outcome: 'problem', detail, remedy };
}

async function find<T>(client: Client, resource: Resource, name: string, namespace?: string): Promise<T | undefined> {
  try {
    return await client.get<T>(resource, { namespace, name });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

async function kubernetes(client: Client) {
  const { gitVersion = 'unknown' } = await client.request<{ gitVersion?: string }>('GET', '/version');
  const [, major = '0', minor = '0'] = /^v?(\d+)\.(\d+)/.exec(gitVersion) ?? [];
  const isOld = Number(major) < 1 || (major === '1' && Number(minor) < 29);
  return isOld ? problem(gitVersion, 'upgrade to Kubernetes 1.29 or later, which knows native sidecars') : ok(gitVersion);
}

type Definition = KubeObject & { readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] } };

async function customResources(client: Client) {
  const names = [resources.TenantCertificate, resources.Tenant].map(({ plural, group }) => `${plural}.${group}`);
  const definitions = await Promise.all(names.map(async (name) => await find<Definition>(client, resources.CustomResourceDefinition, name)));
  const missing = names.filter((_, index) => definitions[index]?.status?.conditions?.some(({ type, status }) => type === 'Established' && status === 'True') !== true);
  return missing.length === 0 ? ok(names.join(', ')) : problem(`not established: ${missing.join(', ')}`, INSTALL);
}

type Deployment = KubeObject & { readonly spec: { readonly replicas?: number }; readonly status?: { readonly readyReplicas?: number } };

async function operator(client: Client, namespace: string) {
  const deployment = await find<Deployment>(client, resources.Deployment, 'tenant-mtls', namespace);
  if (deployment === undefined) return problem(`namespace ${namespace} has no Deployment tenant-mtls`, `${INSTALL}; or say where it is with --operator-namespace`);
  const wanted = deployment.spec.replicas ?? 1;
  const ready = deployment.status?.readyReplicas ?? 0;
  if (ready > 0) return ok(`${ready} of ${wanted} replicas ready`);
  const remedy = wanted === 0 ? `kubectl -n ${namespace} scale deployment tenant-mtls --replicas=2` : `kubectl -n ${namespace} describe pods -l app.kubernetes.io/name=tenant-mtls`;
  return problem(`0 of ${wanted} replicas ready`, remedy);
}

async function registration(client: Client) {
  const name = OPTIONS.webhookConfiguration.fallback;
  const found = await find<Registration>(client, resources.MutatingWebhookConfiguration, name);
  if (found === undefined) return problem(`there is no MutatingWebhookConfiguration ${name}: pods that ask for a sidecar start without`, INSTALL);
  const bundles = readBundles(found);
  const bare = (found.webhooks ?? []).filter((_, index) => (bundles[index] ?? []).length === 0).map((webhook) => webhook.name);
  if (bundles.length === 0 || bare.length > 0) return problem(`no caBundle yet: ${bare.join(', ')}`, 'the leading operator writes it within seconds: see its log');
  return ok(`${bundles.length} webhooks with a caBundle`);
}

async function call(client: Client, namespace: string) {
  const { outcome, message } = await testWebhook({ client, namespace });
  if (outcome === 'Answered') return ok('a pod in a dry run was answered by the webhook');
  return problem(message, 'see that the API server reaches port 10250 of the operator\'s pods (firewall, NetworkPolicy), and the operator\'s log');
}
