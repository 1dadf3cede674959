// May this namespace have this certificate from this Tenant. Rule: what `allow` does not name is refused, and the finding names the rule.
import { parseDurationMs } from '../api/duration.ts';
import type { TenantAllow, TenantSpec } from '../api/tenant.ts';
import type { Algorithm, Usage } from '../api/tenant-certificate.ts';
import { isInNetworks } from './address-networks.ts';
import { PARSERS } from './name-kinds.ts';
import type { NameKind } from './name-kinds.ts';
import { namespaceMayUse } from './namespace-selection.ts';
import type { NamespaceFacts } from './namespace-selection.ts';
import { matches } from './token-pattern.ts';
import { quote } from './violation.ts';
import type { Violation } from './violation.ts';

const ATTRIBUTES = ['organizations', 'organizationalUnits', 'countries', 'provinces', 'localities'] as const;

/** What would be signed, every default resolved. */
export interface PolicyRequest {
  readonly subject: { readonly commonName?: string } & Readonly<Record<(typeof ATTRIBUTES)[number], readonly string[]>>;
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
  readonly uris: readonly string[];
  readonly emailAddresses: readonly string[];
  readonly isCA: boolean;
  readonly usages: readonly Usage[];
  readonly durationMs: number;
  readonly key: { readonly algorithm: Algorithm };
}

const DEFAULT_USAGES: readonly Usage[] = ['server auth', 'client auth'];
const DEFAULT_ALGORITHMS: readonly Algorithm[] = ['ECDSA'];
const DEFAULT_MAX_DURATION = '2160h';

/** Every violation, or none. A namespace that may not use the Tenant learns nothing about its rules. */
export function checkPolicy(request: PolicyRequest, tenant: TenantSpec | undefined, namespace: NamespaceFacts): Violation[] {
  if (tenant === undefined) return [{ reason: 'TenantNotFound', field: 'spec.issuer.name', rule: 'issuer', message: 'spec.issuer.name: there is no such Tenant' }];
  if (!namespaceMayUse(tenant, namespace)) {
    return [{ reason: 'NamespaceNotAllowed', field: 'spec.issuer.name', rule: 'namespaces', message: `spec.issuer.name: namespace ${namespace.name} is not among the Tenant's namespaces` }];
  }
  return CHECKS.flatMap((check) => check(request, tenant.allow ?? { isCA: false }));
}

type Check = (request: PolicyRequest, allow: TenantAllow) => Violation[];

const CHECKS: readonly Check[] = [checkNames, checkAddresses, checkSubject, checkUsages, checkAuthority, checkDuration, checkAlgorithm];

export interface RequestedName {
  readonly kind: NameKind;
  readonly field: string;
  readonly name: string;
}

/** Every name of the request that patterns judge. */
export function requestedNames({ subject: { commonName }, dnsNames, uris, emailAddresses }: PolicyRequest): RequestedName[] {
  const listed = (kind: NameKind, names: readonly string[]) => names.map((name, index) => ({ kind, field: `spec.${kind}[${index}]`, name }));
  return [
    ...(commonName === undefined ? [] : [{ kind: 'commonNames', field: 'spec.commonName', name: commonName } as const]),
    ...listed('dnsNames', dnsNames), ...listed('uris', uris), ...listed('emailAddresses', emailAddresses),
  ];
}

function checkNames(request: PolicyRequest, allow: TenantAllow): Violation[] {
  return requestedNames(request)
    .filter(({ kind, name }) => !isAllowed(kind, name, allow[kind] ?? []))
    .map(({ kind, field, name }) => violation(field, `allow.${kind}`, `${quote(name)} matches none of the Tenant's allow.${kind}`));
}

/** Whether a name of this kind is one of those the patterns stand for. */
export function isAllowed(kind: NameKind, name: string, patterns: readonly string[]): boolean {
  const elements = PARSERS[kind].parseName(name);
  if (elements === undefined) return false;
  return patterns.some((text) => {
    const pattern = PARSERS[kind].parsePattern(text);
    return pattern !== undefined && matches(pattern, elements);
  });
}

function checkAddresses({ ipAddresses }: PolicyRequest, { ipAddresses: networks = [] }: TenantAllow): Violation[] {
  return ipAddresses.flatMap((address, index) => (
    isInNetworks(address, networks) ? [] : [violation(`spec.ipAddresses[${index}]`, 'allow.ipAddresses', `${quote(address)} is in none of the Tenant's allow.ipAddresses`)]
  ));
}

function checkSubject({ subject }: PolicyRequest, { subject: allowed = {} }: TenantAllow): Violation[] {
  return ATTRIBUTES.flatMap((attribute) => subject[attribute].flatMap((value, index) => (
    allowed[attribute]?.includes(value) === true
      ? []
      : [violation(`spec.subject.${attribute}[${index}]`, `allow.subject.${attribute}`, `${quote(value)} is none of the Tenant's allow.subject.${attribute}`)]
  )));
}

/** Every leaf can sign a handshake and every authority can sign certificates and CRLs: asking for it adds nothing. */
const IMPLIED = { leaf: ['digital signature'], authority: ['cert sign', 'crl sign'] } as const satisfies Record<string, readonly Usage[]>;

const KEY_USAGES: ReadonlySet<Usage> = new Set<Usage>([
  'digital signature', 'key encipherment', 'key agreement', 'content commitment', 'cert sign', 'crl sign',
]);

function checkUsages({ usages, isCA }: PolicyRequest, allow: TenantAllow): Violation[] {
  const allowed: readonly Usage[] = allow.usages ?? DEFAULT_USAGES;
  const implied: readonly Usage[] = isCA ? IMPLIED.authority : IMPLIED.leaf;
  const refused = usages.flatMap((usage, index) => (
    allowed.includes(usage) || implied.includes(usage) ? [] : [violation(`spec.usages[${index}]`, 'allow.usages', `${quote(usage)} is none of the Tenant's allow.usages`)]
  ));
  // A leaf without an extended key usage is good for every purpose (RFC 5280, 4.2.1.12).
  const unlimited = !isCA && usages.every((usage) => KEY_USAGES.has(usage));
  return unlimited ? [...refused, violation('spec.usages', 'allow.usages', 'must name an extended usage such as "client auth": without one the certificate is good for any')] : refused;
}

function checkAuthority({ isCA }: PolicyRequest, allow: TenantAllow): Violation[] {
  return isCA && !allow.isCA ? [violation('spec.isCA', 'allow.isCA', "the Tenant's allow.isCA is false")] : [];
}

function checkDuration({ durationMs }: PolicyRequest, { maxDuration = DEFAULT_MAX_DURATION }: TenantAllow): Violation[] {
  return durationMs <= parseDurationMs(maxDuration) ? [] : [violation('spec.duration', 'allow.maxDuration', `is longer than the Tenant's allow.maxDuration, ${maxDuration}`)];
}

function checkAlgorithm({ key: { algorithm } }: PolicyRequest, allow: TenantAllow): Violation[] {
  const algorithms: readonly Algorithm[] = allow.algorithms ?? DEFAULT_ALGORITHMS;
  return algorithms.includes(algorithm)
    ? []
    : [violation('spec.privateKey.algorithm', 'allow.algorithms', `${quote(algorithm)} is none of the Tenant's allow.algorithms (${algorithms.join(', ')})`)];
}

function violation(field: string, rule: string, finding: string): Violation {
  return { reason: 'PolicyViolation', field, rule, message: `${field} ${finding}` };
}
