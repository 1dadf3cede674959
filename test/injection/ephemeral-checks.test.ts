import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkEphemeralContainers } from '../../src/injection/ephemeral-checks.ts';
import type { Container, PodSpec } from '../../src/injection/pod.ts';
import type { RefusalReason } from '../../src/injection/reasons.ts';
import { aContainer, aPod, injected } from './builders.ts';

const HARMLESS = { runAsUser: 1000, allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } };

/** An injected pod with containers that were added later. */
function debugged(containers: readonly Partial<Container>[], spec: Partial<PodSpec> = {}) {
  const pod = injected(aPod({ containers: [aContainer({ securityContext: HARMLESS })], ...spec }));
  return { ...pod, spec: { containers: [], ...pod.spec, ephemeralContainers: containers.map((container) => Object.assign({ name: 'debugger' }, container)) } };
}

describe('checkEphemeralContainers', () => {
  const shared = { shareProcessNamespace: true };
  const cases: Record<string, { container: Partial<Container>; spec?: Partial<PodSpec>; reasons: RefusalReason[] }> = {
    'lets pass a container that looks at the app with SYS_PTRACE': { container: { targetContainerName: 'app', securityContext: { capabilities: { add: ['SYS_PTRACE'] } } }, reasons: [] },
    'lets pass root beside the app': { container: { securityContext: { runAsUser: 0 } }, reasons: [] },
    'lets pass a container without rights that looks at the sidecar': { container: { targetContainerName: 'tls-sidecar', securityContext: HARMLESS }, reasons: [] },
    'refuses a mount of the sidecar\'s files': { container: { volumeMounts: [{ name: 'tenant-mtls', mountPath: '/x' }] }, reasons: ['VolumeMountedElsewhere'] },
    'refuses a mount of the sidecar\'s working folder': { container: { volumeMounts: [{ name: 'tenant-mtls-run', mountPath: '/x' }] }, reasons: ['VolumeMountedElsewhere'] },
    'refuses the sidecar\'s user': { container: { securityContext: { runAsUser: 65_533 } }, reasons: ['UidInUse'] },
    'refuses the sidecar\'s user in the sidecar\'s processes, for both': { container: { targetContainerName: 'tls-sidecar', securityContext: { ...HARMLESS, runAsUser: 65_533 } }, reasons: ['UidInUse', 'ProcessNamespaceShared'] },
    'refuses an image\'s own user in the sidecar\'s processes': { container: { targetContainerName: 'tls-sidecar' }, reasons: ['ProcessNamespaceShared'] },
    'refuses SYS_PTRACE in the sidecar\'s processes': { container: { targetContainerName: 'tls-sidecar', securityContext: { ...HARMLESS, capabilities: { add: ['SYS_PTRACE'] } } }, reasons: ['ProcessNamespaceShared'] },
    'refuses root in a shared process namespace': { container: { securityContext: { runAsUser: 0 } }, spec: shared, reasons: ['ProcessNamespaceShared'] },
    'lets pass a container without rights in a shared process namespace': { container: { securityContext: HARMLESS }, spec: shared, reasons: [] },
  };
  for (const [sentence, { container, spec, reasons }] of Object.entries(cases)) {
    it(sentence, () => assert.deepEqual(checkEphemeralContainers(debugged([container], spec), debugged([], spec)).map(({ reason }) => reason), reasons));
  }

  it('does not judge again what was there before', () => {
    const bad = { name: 'old', securityContext: { runAsUser: 65_533 } };
    assert.deepEqual(checkEphemeralContainers(debugged([bad, { name: 'new' }]), debugged([bad])), []);
  });

  it('takes a pod without containers', () => assert.deepEqual(checkEphemeralContainers({}, {}), []));
});
