// Which namespaces may use a Tenant. Rule: what is absent or empty selects nothing.
import type { NamespaceSelector } from '../api/tenant.ts';

export interface NamespaceFacts {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

type Selector = NonNullable<NamespaceSelector['selector']>;
type Requirement = NonNullable<Selector['matchExpressions']>[number];

export function namespaceMayUse({ namespaces: { names, selector } }: { readonly namespaces: NamespaceSelector }, namespace: NamespaceFacts): boolean {
  if (names !== undefined && selector !== undefined) return false;
  return names?.includes(namespace.name) ?? (selector !== undefined && isSelected(selector, namespace.labels));
}

function isSelected({ matchLabels = {}, matchExpressions = [] }: Selector, labels: NamespaceFacts['labels']): boolean {
  const wanted = Object.entries(matchLabels);
  if (wanted.length + matchExpressions.length === 0) return false;
  return wanted.every(([key, value]) => valueOf(labels, key) === value) && matchExpressions.every((requirement) => isMet(requirement, labels));
}

/** As Kubernetes reads them: a label that is absent satisfies NotIn. An In or NotIn without values is malformed and satisfies nothing. */
function isMet({ key, operator, values = [] }: Requirement, labels: NamespaceFacts['labels']): boolean {
  const value = valueOf(labels, key);
  switch (operator) {
    case 'In': return value !== undefined && values.includes(value);
    case 'NotIn': return values.length > 0 && (value === undefined || !values.includes(value));
    case 'Exists': return value !== undefined;
    case 'DoesNotExist': return value === undefined;
  }
}

/** Own properties only: a label may be called `constructor`. */
function valueOf(labels: NamespaceFacts['labels'], key: string): string | undefined {
  return Object.hasOwn(labels, key) ? labels[key] : undefined;
}
