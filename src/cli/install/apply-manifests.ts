// Manifests to the API server, by server-side apply in their order: kinds before objects of them, rights before who needs them.
// One rule: what is applied twice changes nothing the second time, and says so.
import { isDeepStrictEqual } from 'node:util';
import { UsageError } from '../../errors.ts';
import type { ApiClient } from '../../kube/api-client.ts';
import { isNotFound } from '../../kube/api-error.ts';
import type { KubeObject } from '../../kube/object.ts';
import { resources } from '../../kube/resources.ts';
import { NAMESPACED_RIGHTS, OPERATOR, SYSTEM_NAMESPACE } from './customize-manifests.ts';
import { displayName, resourceOf } from './installed-object.ts';
import type { InstalledObject } from './installed-object.ts';

const FIELD_MANAGER = 'tenant-mtls-install';

type Client = Pick<ApiClient, 'get' | 'list' | 'applyServerSide' | 'delete'>;

export interface ApplyOptions {
  /** `pretend`: the API server checks everything and stores nothing. */
  readonly mode: 'apply' | 'pretend';
  readonly say: (line: string) => void;
}

export async function applyManifests(client: Client, objects: readonly InstalledObject[], { mode, say }: ApplyOptions): Promise<void> {
  const created = new Set<string>();
  for (const object of objects) {
    const before = await find(client, object);
    if (before === undefined && object.kind === 'Namespace') created.add(object.metadata.name);
    // What would stand in a namespace that was only pretended cannot be pretended.
    const isUntried = mode === 'pretend' && created.has(object.metadata.namespace ?? '');
    const after = isUntried ? object : await client.applyServerSide(resourceOf(object), object, { query: queryOf(mode) });
    say(`${displayName(object)} ${outcome(before, after)}${mode === 'pretend' ? ' (dry run)' : ''}\n`);
  }
}

function queryOf(mode: ApplyOptions['mode']): Record<string, string> {
  return { fieldManager: FIELD_MANAGER, ...(mode === 'pretend' ? { dryRun: 'All' } : {}) };
}

/** Nothing is applied where the rights could not be given. */
export async function requireNamespaces(client: Client, names: readonly string[]): Promise<void> {
  const { items } = await client.list(resources.Namespace, { metadataOnly: true });
  const existing = new Set(items.map(({ metadata }) => metadata?.name));
  const missing = names.filter((name) => name !== SYSTEM_NAMESPACE && !existing.has(name));
  if (missing.length > 0) throw new UsageError(missing.map((name) => `--watch-namespaces: there is no namespace ${name}; kubectl create namespace ${name}`));
}

async function find(client: Client, object: InstalledObject): Promise<KubeObject | undefined> {
  const { namespace, name } = object.metadata;
  try {
    return await client.get(resourceOf(object), { namespace, name });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

function outcome(before: KubeObject | undefined, after: KubeObject): string {
  if (before === undefined) return 'created';
  return isDeepStrictEqual(content(before), content(after)) ? 'unchanged' : 'configured';
}

/** Who set which field, and how often it changed, is no content; what controllers observe changes by itself. */
function content(object: KubeObject & { readonly status?: unknown }): unknown {
  const { status: _, metadata, ...rest } = object;
  return { ...rest, name: metadata?.name, labels: metadata?.labels, annotations: metadata?.annotations };
}

type Binding = KubeObject & {
  readonly roleRef?: { readonly kind?: string; readonly name?: string };
  readonly subjects?: readonly { readonly kind?: string; readonly name?: string; readonly namespace?: string }[];
};

/** Takes away the rights in all other namespaces that an earlier installation had given. */
export async function withdrawRights(client: Client, served: readonly string[], { mode, say }: ApplyOptions): Promise<void> {
  const { items: clusterWide } = await client.list<Binding>(resources.ClusterRoleBinding);
  const { items } = await client.list<Binding>(resources.RoleBinding);
  const stale = [
    ...clusterWide.map((binding) => ({ binding, resource: resources.ClusterRoleBinding })),
    ...items.filter(({ metadata }) => !served.includes(metadata?.namespace ?? '')).map((binding) => ({ binding, resource: resources.RoleBinding })),
  ].filter(({ binding }) => givesOperatorRights(binding));
  for (const { binding: { metadata: { namespace, name = '' } = {} }, resource } of stale) {
    if (mode === 'apply') await client.delete(resource, { namespace, name });
    say(`${resource.kind.toLowerCase()}/${name}${namespace === undefined ? '' : ` in namespace ${namespace}`} deleted${mode === 'pretend' ? ' (dry run)' : ''}\n`);
  }
}

function givesOperatorRights({ roleRef, subjects = [] }: Binding): boolean {
  return roleRef?.kind === 'ClusterRole' && roleRef.name === NAMESPACED_RIGHTS && subjects.some(({ kind, name, namespace }) => kind === 'ServiceAccount' && name === OPERATOR && namespace === SYSTEM_NAMESPACE);
}
