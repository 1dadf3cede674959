import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { TenantCertificate } from '../../src/api/tenant-certificate.ts';
import { resources } from '../../src/kube/resources.ts';
import { buildNetworkPolicy } from '../../src/reconcilers/pods/network-policy.ts';
import type { LivePolicy } from '../../src/reconcilers/pods/write-network-policy.ts';
import { connect, freshNamespace, missingCluster } from '../support/cluster.ts';
import type { Cluster } from '../support/cluster.ts';

describe('the NetworkPolicy of spec.networkPolicy: Managed', { skip: missingCluster() }, () => {
  let cluster: Cluster;
  let namespace: string;
  before(async () => {
    cluster = connect();
    namespace = await freshNamespace(cluster, 'policy');
  });
  after(async () => await cluster.close());

  const policyFor = (name: string): LivePolicy => {
    const certificate = { apiVersion: 'tenant-mtls.dev/v1alpha1', kind: 'TenantCertificate', metadata: { name, namespace, uid: '00000000-0000-0000-0000-000000000001' }, spec: {} } as unknown as TenantCertificate;
    return buildNetworkPolicy(certificate, [1, 8080, 8082, 65_535]);
  };

  it('is accepted by the API server, which changes nothing of it: it need not be written again and again', async () => {
    const wanted = policyFor('hello');
    const created = await cluster.admin.create(resources.NetworkPolicy, wanted, { query: { dryRun: 'All', fieldValidation: 'Strict' } });
    assert.deepEqual(created.spec, wanted.spec);
    const applied = await cluster.admin.applyServerSide(resources.NetworkPolicy, wanted, { query: { dryRun: 'All', fieldValidation: 'Strict' } });
    assert.deepEqual(applied.spec, wanted.spec);
  });

  it('is accepted for the longest name a TenantCertificate can have', async () => {
    await cluster.admin.create(resources.NetworkPolicy, policyFor('n'.repeat(63)), { query: { dryRun: 'All' } });
  });
});
