// Two tenants cannot claim the same names: the older Tenant wins, by creation and then by name.
// Rule: what a Tenant claims counts although it lost another name, so that the answer never depends on the order of events.
import type { Tenant } from '../api/tenant.ts';
import { requestedNames } from './check-policy.ts';
import type { PolicyRequest } from './check-policy.ts';
import { NAME_KINDS, PARSERS, coverage } from './name-kinds.ts';
import type { NameKind } from './name-kinds.ts';
import { overlap } from './token-pattern.ts';
import type { Pattern } from './token-pattern.ts';
import { quote } from './violation.ts';
import type { Violation } from './violation.ts';

export interface Collision {
  readonly kind: NameKind;
  /** Pattern of the newer Tenant. */
  readonly pattern: string;
  /** The older Tenant, and the pattern of its that overlaps. */
  readonly owner: string;
  readonly ownerPattern: string;
  readonly message: string;
}

/** The patterns of `tenant` that an older one of `tenants` has claimed; `tenants` may contain `tenant`. */
export function collidingNames(tenant: Tenant, tenants: readonly Tenant[]): Collision[] {
  const older = tenants.filter((other) => isOlder(other, tenant)).sort((a, b) => (isOlder(a, b) ? -1 : 1));
  return claims(tenant).flatMap((claim) => older.flatMap((other) => collide(claim, other)));
}

/** A Tenant that does not say when it was created is the newest. */
function isOlder(first: Tenant, second: Tenant): boolean {
  const [one, other] = [first.metadata, second.metadata];
  const [since, sinceOther] = [one.creationTimestamp ?? '9999', other.creationTimestamp ?? '9999'];
  return since === sinceOther ? one.name < other.name : since < sinceOther;
}

interface Claim {
  readonly kind: NameKind;
  readonly pattern: string;
  readonly field: string;
}

function claims({ spec: { allow } }: Tenant): Claim[] {
  return NAME_KINDS.flatMap((kind) => (allow?.[kind] ?? []).map((pattern, index) => ({ kind, pattern, field: `spec.allow.${kind}[${index}]` })));
}

/** Every overlapping pattern of the other counts: each of them owns names. */
function collide({ kind, pattern, field }: Claim, other: Tenant): Collision[] {
  const mine = PARSERS[kind].parsePattern(pattern);
  const taken = mine === undefined ? [] : (other.spec.allow?.[kind] ?? []).filter((text) => overlapsPattern(mine, kind, text));
  const owner = other.metadata.name;
  return taken.map((ownerPattern) => (
    { kind, pattern, owner, ownerPattern, message: `${field} ${quote(pattern)} collides with ${quote(ownerPattern)} of the older Tenant ${owner}` }
  ));
}

function overlapsPattern(mine: Pattern, kind: NameKind, text: string): boolean {
  const theirs = PARSERS[kind].parsePattern(text);
  return theirs !== undefined && overlap(mine, theirs);
}

/**
 * The names of a request that belong to an older Tenant, or cover one that does: what collides is refused name by name,
 * the rest of the Tenant works.
 */
export function checkCollisions(request: PolicyRequest, collisions: readonly Collision[]): Violation[] {
  return requestedNames(request).flatMap(({ kind, field, name }) => {
    const covered = coverage(kind, name);
    const collision = covered && collisions.find((each) => each.kind === kind && overlapsPattern(covered, kind, each.ownerPattern));
    return collision === undefined ? [] : [belongsTo(collision, field, name)];
  });
}

function belongsTo({ kind, owner, ownerPattern }: Collision, field: string, name: string): Violation {
  const message = `${field} ${quote(name)} belongs to the older Tenant ${owner} (its allow.${kind} ${quote(ownerPattern)})`;
  return { reason: 'NameCollision', field, rule: `allow.${kind}`, message };
}
