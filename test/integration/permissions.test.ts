// What the operator's ServiceAccount may do and, more to the point, what it may not: asked of the API server itself.
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { ApiClient } from '../../src/kube/api-client.ts';
import { clientAs, connect, missingCluster, tokenFor } from '../support/cluster.ts';
import { installPrerequisites, SYSTEM_NAMESPACE } from '../support/operator.ts';

/** verb, resource (with its group behind a dot, a subresource behind a slash), namespace ('' is the whole cluster), name. */
type Question = readonly [verb: string, resource: string, namespace?: string, name?: string];

const RBAC = 'rbac.authorization.k8s.io';

describe('the operator\'s ServiceAccount', { skip: missingCluster() }, () => {
  const cluster = connect();
  let operator: ApiClient;

  before(async () => {
    await installPrerequisites(cluster);
    operator = clientAs(cluster, await tokenFor(cluster, SYSTEM_NAMESPACE, 'tenant-mtls'));
  });

  const isAllowed = async ([verb, what, namespace = 'shop', name = '']: Question): Promise<boolean> => {
    const [, resource, subresource = '', group = ''] = /^([a-z*]+)(?:\/([a-z]+))?(?:\.(.+))?$/.exec(what) ?? [];
    const review = { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectAccessReview', spec: { resourceAttributes: { verb, resource, subresource, group, namespace, name } } };
    const { status } = await operator.request<{ status: { allowed: boolean } }>('POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', review);
    return status.allowed;
  };

  const forbidden: Record<string, Question> = {
    'give itself roles': ['bind', `clusterroles.${RBAC}`, ''],
    'give itself roles in a namespace': ['bind', `roles.${RBAC}`],
    'widen its roles': ['escalate', `clusterroles.${RBAC}`, ''],
    'create role bindings': ['create', `rolebindings.${RBAC}`],
    'create cluster role bindings': ['create', `clusterrolebindings.${RBAC}`, ''],
    'change cluster roles': ['patch', `clusterroles.${RBAC}`, ''],
    'be another user': ['impersonate', 'users', ''],
    'be another group': ['impersonate', 'groups', ''],
    'be another ServiceAccount': ['impersonate', 'serviceaccounts'],
    'get tokens of others': ['create', 'serviceaccounts/token'],
    'delete Secrets of others': ['delete', 'secrets'],
    'delete all Secrets': ['deletecollection', 'secrets'],
    'delete ConfigMaps': ['delete', 'configmaps'],
    'create pods': ['create', 'pods'],
    'delete pods': ['delete', 'pods'],
    'run commands in pods': ['create', 'pods/exec'],
    'attach to pods': ['create', 'pods/attach'],
    'add containers to pods': ['patch', 'pods/ephemeralcontainers'],
    'forward ports': ['create', 'pods/portforward'],
    'change Deployments': ['patch', 'deployments.apps'],
    'change StatefulSets': ['update', 'statefulsets.apps'],
    'write the status of other Deployments': ['patch', 'deployments/status.apps'],
    'scale': ['patch', 'deployments/scale.apps'],
    'delete TenantCertificates': ['delete', 'tenantcertificates.tenant-mtls.dev'],
    'create TenantCertificates': ['create', 'tenantcertificates.tenant-mtls.dev'],
    'delete Tenants': ['delete', 'tenants.tenant-mtls.dev', ''],
    'change another webhook': ['patch', 'mutatingwebhookconfigurations.admissionregistration.k8s.io', '', 'other'],
    'create webhooks': ['create', 'mutatingwebhookconfigurations.admissionregistration.k8s.io', ''],
    'change CRDs': ['patch', 'customresourcedefinitions.apiextensions.k8s.io', ''],
    'change namespaces': ['patch', 'namespaces', ''],
    'read nodes': ['get', 'nodes', ''],
    'take Leases of others': ['update', 'leases.coordination.k8s.io', 'kube-system'],
    'approve certificates of the cluster': ['update', 'certificatesigningrequests/approval.certificates.k8s.io', ''],
    'do everything': ['*', '*', ''],
  };
  describe('may not', { concurrency: 8 }, () => {
    for (const [sentence, question] of Object.entries(forbidden)) it(sentence, async () => assert.equal(await isAllowed(question), false));
  });

  const allowed: Record<string, Question> = {
    'create Secrets where it serves': ['create', 'secrets'],
    'apply Secrets where it serves': ['patch', 'secrets'],
    'report on certificates': ['patch', 'tenantcertificates/status.tenant-mtls.dev'],
    'write Events': ['create', 'events'],
    'lead': ['update', 'leases.coordination.k8s.io', SYSTEM_NAMESPACE],
    'keep its own webhook current': ['patch', 'mutatingwebhookconfigurations.admissionregistration.k8s.io', '', 'tenant-mtls'],
    'show on its own Deployment whether the webhook answers': ['patch', 'deployments/status.apps', SYSTEM_NAMESPACE, 'tenant-mtls'],
    'delete its own authorities\' Secrets': ['delete', 'secrets', SYSTEM_NAMESPACE],
  };
  describe('may', { concurrency: 8 }, () => {
    for (const [sentence, question] of Object.entries(allowed)) it(sentence, async () => assert.equal(await isAllowed(question), true));
  });
});
