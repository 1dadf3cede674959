// Writes planned probe rewrites into a pod, and takes them out again. Only the handler of a probe changes, never its timing;
// the originals stand in an annotation, so that the inverse is exact.
import { OWN_ANNOTATION, SIDECAR } from '../api/names.ts';
import { isProbePath } from '../api/probes.ts';
import type { ProbeRole } from '../api/probes.ts';
import { mapContainers } from './containers.ts';
import { annotationsOf, containersOf } from './pod.ts';
import type { Container, Pod, Probe } from './pod.ts';
import { handlerOf, probeOf, replaceHandler } from './probe-handlers.ts';
import type { Handler } from './probe-handlers.ts';
import type { ProbeRewrite } from './probe-rewrites.ts';

export function rewriteProbes(pod: Pod, rewrites: readonly ProbeRewrite[]): Pod {
  return mapContainers(pod, (container) =>
    rewrites
      .filter((rewrite) => rewrite.container === container.name)
      .reduce((changed, { role, route: { path } }) => replaceHandler(changed, role, forwarded(path)), container),
  );
}

/** The originals as the annotation keeps them; undefined where nothing is rewritten. */
export function writeOriginals(pod: Pod, rewrites: readonly ProbeRewrite[]): string | undefined {
  if (rewrites.length === 0) return undefined;
  const containers = new Map(containersOf(pod).map((container) => [container.name, container]));
  const originals = rewrites.flatMap(({ container: name, role }) => {
    const container = containers.get(name);
    const handler = container === undefined ? undefined : handlerOf(probeOf(container, role));
    return handler === undefined ? [] : [[`${name}/${role}`, handler]];
  });
  return JSON.stringify(Object.fromEntries(originals));
}

/** Undoes `rewriteProbes`. A probe that its author has changed since is not ours any more and stays. */
export function restoreProbes(pod: Pod): Pod {
  const originals = readOriginals(annotationsOf(pod)[OWN_ANNOTATION.originalProbes]);
  if (originals.length === 0) return pod;
  return mapContainers(pod, (container) =>
    originals
      .filter(({ name, role }) => name === container.name && isForwarded(container, role))
      .reduce((changed, { role, handler }) => replaceHandler(changed, role, handler), container),
  );
}

function forwarded(path: string): Handler {
  return { httpGet: { path, port: SIDECAR.statusPort, scheme: 'HTTP' } };
}

function isForwarded(container: Container, role: ProbeRole): boolean {
  const httpGet = probeOf(container, role)?.httpGet;
  return httpGet?.port === SIDECAR.statusPort && isProbePath(httpGet.path, container.name, role);
}

interface Original {
  readonly name: string;
  readonly role: ProbeRole;
  readonly handler: Handler;
}

/** The annotation may have been edited: what cannot be read counts as absent, and the pod's probes stay as they are. */
function readOriginals(text: string | undefined): Original[] {
  if (text === undefined) return [];
  try {
    const parsed = JSON.parse(text) as Record<string, Probe>;
    return Object.entries(parsed).flatMap(([key, probe]) => {
      const [name = '', role = ''] = key.split('/');
      const handler = handlerOf(probe);
      return handler === undefined ? [] : [{ name, role: role as ProbeRole, handler }];
    });
  } catch {
    return [];
  }
}
