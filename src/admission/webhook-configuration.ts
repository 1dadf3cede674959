// The registration of the webhook as a value: the one source of deploy/base/webhook.yaml. One rule: a webhook that is away can
// block only what opted in, so everything else is kept out by rules, selectors and match conditions, not by the handler.
import { ANNOTATION } from '../api/names.ts';
import type { MatchCondition } from './match-conditions.ts';
import { debuggingConditions, podConditions, selfTestConditions, workloadConditions } from './match-conditions.ts';
import { SELF_TEST_POD } from './self-test.ts';

export interface RegistrationOptions {
  readonly name: string;
  readonly service: string;
  /** The operator's namespace. */
  readonly namespace: string;
}

export const DEFAULT_REGISTRATION: RegistrationOptions = { name: 'tenant-mtls', service: 'tenant-mtls-webhook', namespace: 'tenant-mtls-system' };

interface Rule {
  readonly apiGroups: readonly string[];
  readonly apiVersions: readonly string[];
  readonly operations: readonly ('CREATE' | 'UPDATE')[];
  readonly resources: readonly string[];
  readonly scope: 'Namespaced';
}

type ClientConfig = { readonly service: { readonly name: string; readonly namespace: string; readonly path: string; readonly port: number } } | { readonly url: string; readonly caBundle: string };

export interface NamespaceRequirement {
  readonly key: string;
  readonly operator: 'In' | 'NotIn';
  readonly values: readonly string[];
}

export interface Webhook {
  readonly name: string;
  readonly clientConfig: ClientConfig;
  readonly rules: readonly Rule[];
  readonly matchConditions: readonly MatchCondition[];
  readonly namespaceSelector: { readonly matchExpressions: readonly NamespaceRequirement[] };
  readonly admissionReviewVersions: readonly string[];
  readonly sideEffects: 'None';
  readonly failurePolicy: 'Fail';
  readonly matchPolicy: 'Equivalent';
  readonly reinvocationPolicy: 'IfNeeded';
  readonly timeoutSeconds: number;
  readonly objectSelector: object;
}

export interface WebhookRegistration {
  readonly apiVersion: 'admissionregistration.k8s.io/v1';
  readonly kind: 'MutatingWebhookConfiguration';
  readonly metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>> };
  readonly webhooks: readonly Webhook[];
}

/** Never injected: what the cluster itself lives on, and the operator. */
export function excludedNamespaces(own: string): string[] {
  return ['kube-system', 'kube-node-lease', own];
}

/** Without caBundle: that field is the operator's, which keeps it current. */
export function buildRegistration({ name, service, namespace }: RegistrationOptions): WebhookRegistration {
  const common: Omit<Webhook, 'name' | 'rules' | 'matchConditions'> = {
    clientConfig: { service: { name: service, namespace, path: '/mutate', port: 443 } },
    admissionReviewVersions: ['v1'],
    // Events are told to people and change nothing that the API server keeps for a request; a dry run leaves none.
    sideEffects: 'None',
    failurePolicy: 'Fail',
    matchPolicy: 'Equivalent',
    // Containers that webhooks after ours add may need their probes rewritten or take our ports.
    reinvocationPolicy: 'IfNeeded',
    timeoutSeconds: 5,
    // An opted-out namespace is out of reach altogether: also the way out for an admin when the webhook is in trouble.
    namespaceSelector: { matchExpressions: [named('NotIn', excludedNamespaces(namespace)), { key: ANNOTATION.inject, operator: 'NotIn', values: ['false'] }] },
    objectSelector: {},
  };
  const create = ['CREATE'] as const;
  const change = ['CREATE', 'UPDATE'] as const;
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingWebhookConfiguration',
    metadata: { name, labels: { 'app.kubernetes.io/name': 'tenant-mtls', 'app.kubernetes.io/component': 'webhook' } },
    webhooks: [
      { name: 'pods.tenant-mtls.dev', ...common, rules: [rule('', ['pods'], create)], matchConditions: podConditions() },
      { name: 'debugging.tenant-mtls.dev', ...common, rules: [rule('', ['pods/ephemeralcontainers'], ['UPDATE'])], matchConditions: debuggingConditions() },
      {
        name: 'workloads.tenant-mtls.dev',
        ...common,
        // A Job's template cannot be changed once it exists.
        rules: [rule('apps', ['deployments', 'statefulsets', 'daemonsets'], change), rule('batch', ['jobs'], create)],
        matchConditions: workloadConditions('object.spec.template'),
      },
      { name: 'cronjobs.tenant-mtls.dev', ...common, rules: [rule('batch', ['cronjobs'], change)], matchConditions: workloadConditions('object.spec.jobTemplate.spec.template') },
      {
        name: 'self-test.tenant-mtls.dev',
        ...common,
        namespaceSelector: { matchExpressions: [named('In', [namespace])] },
        rules: [rule('', ['pods'], create)],
        matchConditions: selfTestConditions(SELF_TEST_POD),
      },
    ],
  };
}

function rule(group: string, resources: readonly string[], operations: Rule['operations']): Rule {
  return { apiGroups: [group], apiVersions: ['v1'], operations, resources, scope: 'Namespaced' };
}

/** By the label that the API server gives each namespace and that nobody can take away. */
function named(operator: 'In' | 'NotIn', values: readonly string[]): NamespaceRequirement {
  return { key: 'kubernetes.io/metadata.name', operator, values };
}
