// What the flags of `install` change of the manifests. Pure. The overlays in deploy/ do the same by kustomize, and tests compare the two.
import type { InstalledObject } from './installed-object.ts';

export interface Customization {
  /** Of the operator, and of the node sidecar, which is the same. */
  readonly image?: string | undefined;
  readonly nginxImage?: string | undefined;
  readonly replicas?: number | undefined;
  /** Present: serve these namespaces only, with rights in them only. */
  readonly watchNamespaces?: readonly string[] | undefined;
}

/** The operator's own; it stands in the manifests. */
export const SYSTEM_NAMESPACE = 'tenant-mtls-system';
export const OPERATOR = 'tenant-mtls';
/** What the operator may do in a namespace that it serves: a ClusterRole, bound cluster-wide or namespace by namespace. */
export const NAMESPACED_RIGHTS = 'tenant-mtls-namespaced';

interface Container {
  readonly image: string;
  readonly args: readonly string[];
  readonly env: readonly { readonly name: string; readonly value?: string }[];
}

interface Deployment extends InstalledObject {
  readonly spec: { readonly replicas: number; readonly template: { readonly spec: { readonly containers: readonly Container[] } } };
}

export function customizeManifests(objects: readonly InstalledObject[], customization: Customization): InstalledObject[] {
  return objects.flatMap((object) => {
    if (object.kind === 'Deployment') return [customizeDeployment(object as Deployment, customization)];
    if (object.kind === 'ClusterRoleBinding' && object.metadata.name === NAMESPACED_RIGHTS) return bindRights(object, customization);
    return [object];
  });
}

/** In the operator's own namespace the authorities of Tenants are kept: without rights there, none of them works. */
export function servedNamespaces({ watchNamespaces }: Customization): readonly string[] | undefined {
  return watchNamespaces === undefined ? undefined : [...new Set([...watchNamespaces, SYSTEM_NAMESPACE])];
}

function bindRights(binding: InstalledObject, customization: Customization): InstalledObject[] {
  const namespaces = servedNamespaces(customization);
  return namespaces === undefined ? [binding] : namespaces.map((namespace) => bindIn(binding, namespace));
}

/** In its own namespace the operator has a RoleBinding of its own name already. */
function bindIn(binding: InstalledObject, namespace: string): InstalledObject {
  return { ...binding, kind: 'RoleBinding', metadata: { name: namespace === SYSTEM_NAMESPACE ? NAMESPACED_RIGHTS : OPERATOR, namespace } };
}

function customizeDeployment(deployment: Deployment, customization: Customization): Deployment {
  const { spec, spec: { template } } = deployment;
  const containers = template.spec.containers.map((container) => customizeContainer(container, customization));
  return { ...deployment, spec: { ...spec, replicas: customization.replicas ?? spec.replicas, template: { ...template, spec: { ...template.spec, containers } } } };
}

function customizeContainer(container: Container, customization: Customization): Container {
  const { image, nginxImage } = customization;
  const namespaces = servedNamespaces(customization);
  const values: Readonly<Record<string, string | undefined>> = { NODE_IMAGE: image, NGINX_IMAGE: nginxImage };
  return {
    ...container,
    image: image ?? container.image,
    args: namespaces === undefined ? container.args : [...container.args, `--watch-namespaces=${namespaces.join(',')}`],
    env: container.env.map((variable) => {
      const value = values[variable.name];
      return value === undefined ? variable : { ...variable, value };
    }),
  };
}
