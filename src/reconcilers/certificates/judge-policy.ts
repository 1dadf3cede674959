// May this certificate come from its Tenant: the Tenant's rules, its namespaces, and the names that older Tenants have claimed.
import { isDeepStrictEqual } from 'node:util';
import type { Refusal } from '../../api/conditions.ts';
import type { Tenant } from '../../api/tenant.ts';
import type { Cache } from '../../kube/cache.ts';
import { checkPolicy } from '../../policy/check-policy.ts';
import { checkCollisions, collidingNames } from '../../policy/name-collisions.ts';
import type { Collision } from '../../policy/name-collisions.ts';
import { refuseFor } from '../../policy/violation.ts';
import type { CertificateRun } from './certificate-run.ts';

/** Undefined: it may. */
export function judgePolicy({ certificate: { spec: { issuer } }, context: { caches, collisions }, desired, namespace }: CertificateRun): Refusal | undefined {
  if (issuer.kind !== 'Tenant') return undefined;
  const tenant = caches.tenants.get(issuer.name ?? '');
  const labels = caches.namespaces.get(namespace)?.metadata.labels ?? {};
  const violations = checkPolicy(desired.request, tenant?.spec, { name: namespace, labels });
  const claimed = tenant === undefined ? [] : checkCollisions(desired.request, collisions.of(tenant));
  const [first, ...rest] = [...violations, ...claimed];
  return first && refuseFor([first, ...rest]);
}

/** Every Tenant's collisions, worked out once until any Tenant changes: thousands of certificates ask. */
export class TenantCollisions {
  readonly #tenants: Cache<Tenant>;
  readonly #known = new Map<string, readonly Collision[]>();
  readonly stop: () => void;

  constructor(tenants: Cache<Tenant>) {
    this.#tenants = tenants;
    this.stop = tenants.onChange((_, before, after) => {
      if (!isDeepStrictEqual(before?.spec.allow, after?.spec.allow)) this.#known.clear();
    });
  }

  of(tenant: Tenant): readonly Collision[] {
    const { name } = tenant.metadata;
    const known = this.#known.get(name) ?? collidingNames(tenant, [...this.#tenants.values()]);
    this.#known.set(name, known);
    return known;
  }
}
