// What tests of issuance do again and again against the real API server: apply, wait for a condition, read what was written.
import assert from 'node:assert/strict';
import type { Condition } from '../../src/api/conditions.ts';
import type { ConfigMap, Secret } from '../../src/api/object-meta.ts';
import type { Tenant } from '../../src/api/tenant.ts';
import type { TenantCertificate } from '../../src/api/tenant-certificate.ts';
import { isNotFound } from '../../src/kube/api-error.ts';
import type { KubeObject } from '../../src/kube/object.ts';
import { resources } from '../../src/kube/resources.ts';
import type { Cluster } from './cluster.ts';
import { eventually } from './cluster.ts';
import { newAuthority } from './authority.ts';
import { SYSTEM_NAMESPACE } from './operator.ts';

const API_VERSION = 'tenant-mtls.dev/v1alpha1';
const TIMEOUT = { timeoutMs: 20_000 };

export type Deployed = Awaited<ReturnType<IssuanceWorld['pair']>>;

export class IssuanceWorld {
  readonly #cluster: Cluster;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  get #admin() {
    return this.#cluster.admin;
  }

  /** A root in the operator's namespace; goes with the cluster connection. */
  async platformRoot(name: string): Promise<string> {
    const root = await newAuthority(name);
    await this.#admin.create(resources.Secret, root.secret(SYSTEM_NAMESPACE, name) as KubeObject);
    this.#cluster.cleanups.push(async () => await this.#admin.delete(resources.Secret, { namespace: SYSTEM_NAMESPACE, name }));
    return root.certificatePem;
  }

  async tenant(name: string, spec: object): Promise<void> {
    await this.#admin.applyServerSide(resources.Tenant, { apiVersion: API_VERSION, kind: 'Tenant', metadata: { name }, spec } as KubeObject);
    this.#cluster.cleanups.push(async () => await this.removeTenant(name));
  }

  async removeTenant(name: string): Promise<void> {
    await removeTenant(this.#cluster, name);
  }

  async certificate(namespace: string, name: string, spec: object, annotations: Record<string, string> = {}): Promise<void> {
    await this.#admin.applyServerSide(resources.TenantCertificate, { apiVersion: API_VERSION, kind: 'TenantCertificate', metadata: { name, namespace, annotations }, spec } as KubeObject);
  }

  async getTenant(name: string): Promise<Tenant> {
    return await this.#admin.get<Tenant>(resources.Tenant, { name });
  }

  async getCertificate(namespace: string, name: string): Promise<TenantCertificate> {
    return await this.#admin.get<TenantCertificate>(resources.TenantCertificate, { namespace, name });
  }

  async secret(namespace: string, name: string): Promise<Record<string, string>> {
    const { data = {} } = await this.#admin.get<Secret>(resources.Secret, { namespace, name });
    return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]));
  }

  async configMap(namespace: string, name: string): Promise<Record<string, string>> {
    return (await this.#admin.get<ConfigMap>(resources.ConfigMap, { namespace, name: `${name}-proxy` })).data ?? {};
  }

  /** The certificate, its chain, its key and its anchors, once it is Ready for its generation. */
  async pair(namespace: string, name: string): Promise<{ certificate: string; key: string; anchor: string; status: NonNullable<TenantCertificate['status']> }> {
    const { status = {}, spec } = await this.ready(namespace, name);
    const data = await this.secret(namespace, spec.secretName ?? `${name}-tls`);
    return { certificate: data['tls.crt'] ?? '', key: data['tls.key'] ?? '', anchor: data['ca.crt'] ?? '', status };
  }

  async ready(namespace: string, name: string): Promise<TenantCertificate> {
    return await eventually(async () => {
      const certificate = await this.getCertificate(namespace, name);
      assertCondition(certificate, { status: 'True' });
      return certificate;
    }, TIMEOUT);
  }

  async refused(namespace: string, name: string, reason: string): Promise<Condition> {
    return await eventually(async () => assertCondition(await this.getCertificate(namespace, name), { status: 'False', reason }), TIMEOUT);
  }

  async tenantReady(name: string): Promise<Tenant> {
    return await eventually(async () => {
      const tenant = await this.getTenant(name);
      assertCondition(tenant, { status: 'True' });
      return tenant;
    }, TIMEOUT);
  }
}

/** And what it leaves behind. */
export async function removeTenant({ admin }: Cluster, name: string): Promise<void> {
  const ca = `tenant-${name}-authority`;
  await unlessGone(admin.mergePatch(resources.Tenant, { name }, { metadata: { finalizers: [] } }));
  await unlessGone(admin.delete(resources.Tenant, { name }));
  for (const secret of [ca, `${ca}-anchors`, `${ca}-crl`]) await unlessGone(admin.delete(resources.Secret, { namespace: SYSTEM_NAMESPACE, name: secret }));
}

export async function unlessGone(call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

/** The condition (Ready unless another `type` is asked for) as it should be, for the present generation. */
export function assertCondition(object: TenantCertificate | Tenant, { type = 'Ready', status, reason }: { type?: string; status: string; reason?: string }): Condition {
  const { conditions = [] } = object.status ?? {};
  const condition = conditions.find((each) => each.type === type) as Condition | undefined;
  assert.ok(condition, `no condition ${type}: ${JSON.stringify(conditions)}`);
  assert.equal(condition.status, status, JSON.stringify(conditions));
  if (reason !== undefined) assert.equal(condition.reason, reason, condition.message);
  assert.equal(condition.observedGeneration, object.metadata.generation);
  return condition;
}
