// May this certificate come from its Tenant: the Tenant's rules, its namespaces, and the names that older Tenants have claimed.
import { isDeepStrictEqual } from 'node:util';
import type { Refusal } from '../../api/conditions.ts';
import type { Tenant } from '../../api/tenant.ts';
import type { CertificateRequest } from '../../issuance/desired-certificate.ts';
import type { Cache } from '../../kube/cache.ts';
import { checkPolicy } from '../../policy/check-policy.ts';
import { checkCollisions, collidingNames } from '../../policy/name-collisions.ts';
import type { Collision } from '../../policy/name-collisions.ts';
import { refuseFor } from '../../policy/violation.ts';
import type { Violation } from '../../policy/violation.ts';
import { explainSpelling, inCanonicalSpelling } from './canonical-request.ts';
import type { CertificateRun } from './certificate-run.ts';

/** Undefined: it may. */
export function judgePolicy(run: CertificateRun): Refusal | undefined {
  const { request: asked } = run.desired;
  if (run.certificate.spec.issuer.kind !== 'Tenant') return undefined;
  const canonical = inCanonicalSpelling(asked);
  const violations = violationsOf(run, 'reason' in canonical ? asked : canonical);
  if ('reason' in canonical && violations.every(isAboutNames)) return canonical;
  const [first, ...rest] = explainSpelling(asked, violations);
  return first && refuseFor([first, ...rest]);
}

function violationsOf({ certificate: { spec: { issuer } }, context: { caches, collisions }, namespace }: CertificateRun, request: CertificateRequest): Violation[] {
  const tenant = caches.tenants.get(issuer.name ?? '');
  const labels = caches.namespaces.get(namespace)?.metadata.labels ?? {};
  const claimed = tenant === undefined ? [] : checkCollisions(request, collisions.of(tenant));
  return [...checkPolicy(request, tenant?.spec, { name: namespace, labels }), ...claimed];
}

/** Who may not use the Tenant hears nothing else; others hear first what is no name at all. */
function isAboutNames({ reason }: Violation): boolean {
  return reason === 'PolicyViolation' || reason === 'NameCollision';
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
