// Brings our container in a pod up to date. Ours are the fields that we build, and those that would change what it runs; what others have
// added (mounts elsewhere, a LimitRange's limits, variables) stays.
import { isOurVolume } from './own-parts.ts';
import type { Container, Resources } from './pod.ts';
import { parseQuantity } from './quantity.ts';

const OUR_VARIABLES = /^TENANT_MTLS_/;

export function mergeContainer(existing: Container | undefined, built: Container): Container {
  if (existing === undefined) return built;
  const ourPaths = new Set((built.volumeMounts ?? []).map(({ mountPath }) => mountPath));
  const foreignMounts = (existing.volumeMounts ?? []).filter((mount) => !isOurVolume(mount) && !ourPaths.has(mount.mountPath));
  const foreignVariables = (existing.env ?? []).filter(({ name }) => !OUR_VARIABLES.test(name));
  // A pod can be created with a container that pretends to be ours: what it is told beside our command is not kept.
  const { args: _args, envFrom: _envFrom, ...kept } = existing;
  return {
    ...kept,
    ...built,
    env: [...(built.env ?? []), ...foreignVariables],
    volumeMounts: [...(built.volumeMounts ?? []), ...foreignMounts],
    resources: mergeResources(existing.resources ?? {}, built.resources ?? {}),
  };
}

function mergeResources(existing: Resources, built: Resources): Resources {
  const merged = { ...existing };
  for (const kind of ['requests', 'limits'] as const) {
    if (existing[kind] !== undefined || built[kind] !== undefined) merged[kind] = mergeAmounts(existing[kind] ?? {}, built[kind] ?? {});
  }
  return merged;
}

/** The API server prints quantities in its own way (`0.5` becomes `500m`): an equal amount is left as it is. */
function mergeAmounts(existing: NonNullable<Resources['limits']>, built: NonNullable<Resources['limits']>) {
  const changed = Object.entries(built).filter(([name, amount]) => {
    const current = existing[name];
    return current === undefined || parseQuantity(String(current)) !== parseQuantity(String(amount));
  });
  return { ...existing, ...Object.fromEntries(changed) };
}
