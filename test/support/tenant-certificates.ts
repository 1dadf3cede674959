// What tests of the operator do with TenantCertificates of one namespace, in the words of a user: apply, look, wait until ready or refused.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import type { ConfigMap, Secret } from '../../src/api/object-meta.ts';
import type { Condition } from '../../src/api/conditions.ts';
import type { TenantCertificate } from '../../src/api/tenant-certificate.ts';
import { isNotFound } from '../../src/kube/api-error.ts';
import type { KubeObject } from '../../src/kube/object.ts';
import { resources } from '../../src/kube/resources.ts';
import { eventually } from './cluster.ts';
import type { Cluster } from './cluster.ts';

export interface KubeEvent extends KubeObject {
  readonly type: string;
  readonly reason: string;
  readonly message: string;
  readonly involvedObject: { readonly name: string };
}

interface Patience {
  readonly timeoutMs?: number;
}

export function textOf(object: Secret, key: string): string {
  return Buffer.from(object.data?.[key] ?? '', 'base64').toString();
}

export const base64 = (text: string): string => Buffer.from(text).toString('base64');

export class TenantCertificates {
  readonly #cluster: Cluster;
  readonly namespace: string;

  constructor(cluster: Cluster, namespace: string) {
    this.#cluster = cluster;
    this.namespace = namespace;
  }

  async apply(name: string, spec: object, metadata: object = {}): Promise<TenantCertificate> {
    const object = { apiVersion: 'tenant-mtls.dev/v1alpha1', kind: 'TenantCertificate', metadata: { name, namespace: this.namespace, ...metadata }, spec };
    return (await this.#cluster.admin.applyServerSide(resources.TenantCertificate, object as KubeObject)) as unknown as TenantCertificate;
  }

  async get(name: string): Promise<TenantCertificate> {
    return await this.#cluster.admin.get<TenantCertificate>(resources.TenantCertificate, { namespace: this.namespace, name });
  }

  async delete(name: string): Promise<void> {
    await this.#cluster.admin.delete(resources.TenantCertificate, { namespace: this.namespace, name }, { propagationPolicy: 'Background' });
  }

  async secret(name: string): Promise<Secret> {
    return await this.#cluster.admin.get<Secret>(resources.Secret, { namespace: this.namespace, name });
  }

  async configMap(name: string): Promise<ConfigMap> {
    return await this.#cluster.admin.get<ConfigMap>(resources.ConfigMap, { namespace: this.namespace, name });
  }

  /** Creates the Secret, or gives it exactly these data. */
  async putSecret(name: string, data: Readonly<Record<string, string>>): Promise<void> {
    const { namespace } = this;
    const encoded = Object.fromEntries(Object.entries(data).map(([key, text]) => [key, base64(text)]));
    await this.#put(resources.Secret, { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, data: encoded });
  }

  async putConfigMap(name: string, data: Readonly<Record<string, string>>): Promise<void> {
    await this.#put(resources.ConfigMap, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: this.namespace }, data });
  }

  async #put(resource: typeof resources.Secret, object: KubeObject & { readonly data: object }): Promise<void> {
    const { admin } = this.#cluster;
    try {
      await admin.replace(resource, object);
    } catch (error) {
      if (!isNotFound(error)) throw error;
      await admin.create(resource, object);
    }
  }

  /** Waits until the object says that its present spec is served. */
  async ready(name: string, patience: Patience = {}): Promise<TenantCertificate> {
    return await eventually(async () => {
      const certificate = await this.get(name);
      const condition = readiness(certificate);
      assert.equal(condition?.status, 'True', `${name}: ${JSON.stringify(certificate.status?.conditions)}`);
      assert.equal(condition.observedGeneration, certificate.metadata.generation);
      return certificate;
    }, patience);
  }

  async refused(name: string, reason: string, patience: Patience = {}): Promise<Condition> {
    return await eventually(async () => {
      const condition = readiness(await this.get(name));
      assert.ok(condition !== undefined, `${name} has no condition Ready yet`);
      assert.deepEqual([condition.status, condition.reason], ['False', reason], condition.message);
      return condition;
    }, patience);
  }

  async events(name: string): Promise<readonly KubeEvent[]> {
    const { items } = await this.#cluster.admin.list<KubeEvent>(resources.Event, { namespace: this.namespace, fieldSelector: `involvedObject.name=${name}` });
    return items;
  }

  async hasEvent(name: string, reason: string): Promise<KubeEvent> {
    return await eventually(async () => {
      const events = await this.events(name);
      const event = events.find((each) => each.reason === reason);
      assert.ok(event !== undefined, `no Event ${reason} among ${events.map((each) => each.reason).join(', ')}`);
      return event;
    });
  }

  async leaf(secretName: string): Promise<X509Certificate> {
    return new X509Certificate(textOf(await this.secret(secretName), 'tls.crt'));
  }
}

function readiness({ status }: TenantCertificate): Condition | undefined {
  return status?.conditions?.find(({ type }) => type === 'Ready') as Condition | undefined;
}
