// What holds for every pod: injection is idempotent, touches nothing of others, is undone exactly, and its patch gives exactly its result.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { applyPatch } from 'rfc6902';
import { decideInjection } from '../../src/injection/decide-injection.ts';
import { writeJson } from '../../src/injection/built-sidecar.ts';
import { createJsonPatch, writeJsonPatch } from '../../src/injection/json-patch.ts';
import { isOurContainer, isOurVolume } from '../../src/injection/own-parts.ts';
import type { Container, Pod } from '../../src/injection/pod.ts';
import { REFUSAL_REASONS } from '../../src/injection/reasons.ts';
import { uninject } from '../../src/injection/uninject.ts';
import { arbitraryPod, injectablePod } from './arbitrary-pods.ts';
import { aContext, injected } from './builders.ts';
import { soaked } from '../support/soak.ts';

const context = aContext();
/** Without the key that the judge refuses. */
const jsonValue = fc.jsonValue().filter((value) => !JSON.stringify(value).includes('__proto__'));
const RUNS = { numRuns: soaked(300) };

describe('injectSidecar, for every pod that can be injected', () => {
  it('is decided to be injected', () => {
    fc.assert(fc.property(injectablePod, (pod) => assert.equal(decideInjection(pod, context).outcome, 'inject')), RUNS);
  });

  it('gives the same bytes when it is done again', () => {
    fc.assert(fc.property(injectablePod, (pod) => assert.equal(JSON.stringify(injected(injected(pod))), JSON.stringify(injected(pod)))), RUNS);
  });

  it('is undone exactly by uninject', () => {
    fc.assert(fc.property(injectablePod, (pod) => assert.equal(JSON.stringify(uninject(injected(pod))), JSON.stringify(pod))), RUNS);
  });

  it('changes nothing but its own fields and the handlers of rewritten probes', () => {
    fc.assert(fc.property(injectablePod, (pod) => assert.deepEqual(foreignParts(injected(pod)), foreignParts(pod))), RUNS);
  });

  it('does not change its input', () => {
    fc.assert(fc.property(injectablePod, (pod) => {
      const before = JSON.stringify(pod);
      injected(pod);
      assert.equal(JSON.stringify(pod), before);
    }), RUNS);
  });

  it('survives what the API server and other webhooks do to the pod in between', () => {
    fc.assert(fc.property(injectablePod, (pod) => {
      const changed = byOthers(injected(pod));
      const again = injected(changed);
      assert.deepEqual(createJsonPatch(changed, again), []);
    }), RUNS);
  });
});

describe('createJsonPatch', () => {
  it('applied to the pod gives the injected pod', () => {
    fc.assert(fc.property(injectablePod, (pod) => {
      const patched: unknown = structuredClone(pod);
      assert.ok(applyPatch(patched, structuredClone(createJsonPatch(pod, injected(pod))) as never).every((error) => error === null));
      assert.deepEqual(patched, JSON.parse(JSON.stringify(injected(pod))));
    }), RUNS);
  });

  it('is written as JSON as JSON.stringify writes it', () => {
    fc.assert(fc.property(injectablePod, (pod) => {
      const patch = createJsonPatch(pod, injected(pod));
      assert.equal(writeJsonPatch(patch, writeJson), JSON.stringify(patch));
    }), RUNS);
    fc.assert(fc.property(jsonValue, jsonValue, (before, after) => {
      const patch = createJsonPatch({ value: before }, { value: after });
      assert.equal(writeJsonPatch(patch, writeJson), JSON.stringify(patch));
    }), RUNS);
  });

  it('applied to any value gives any other value', () => {
    fc.assert(fc.property(jsonValue, jsonValue, (before, after) => {
      const holder = { value: structuredClone(before) };
      applyPatch(holder, createJsonPatch({ value: before }, { value: after }));
      assert.deepEqual(holder.value, after);
    }), { numRuns: soaked(1000) });
  });

  it('is empty for equal values', () => {
    fc.assert(fc.property(fc.jsonValue(), (value) => assert.deepEqual(createJsonPatch(value, structuredClone(value)), [])), RUNS);
  });
});

describe('decideInjection, for every pod', () => {
  it('injects, or refuses with reasons of the closed set in one line each', () => {
    fc.assert(fc.property(arbitraryPod, (pod) => {
      const injection = decideInjection(pod, context);
      if (injection.outcome === 'inject') return;
      assert.ok(injection.outcome === 'refuse' && injection.reasons.length > 0);
      for (const { reason, message, remedy } of injection.reasons) {
        assert.ok(REFUSAL_REASONS.includes(reason));
        assert.match(message, /^[ -~]{1,400}$/);
        assert.match(remedy, /^[ -~]+$/);
      }
    }), { numRuns: soaked(1000) });
  });

  it('decides the same about its own result', () => {
    fc.assert(fc.property(arbitraryPod, (pod) => {
      const injection = decideInjection(pod, context);
      if (injection.outcome === 'inject') assert.deepEqual(decideInjection(injected(pod), context), injection);
    }), RUNS);
  });

  it('writes only validated values into the environment', () => {
    fc.assert(fc.property(arbitraryPod, (pod) => {
      const ours = injected(pod).spec?.initContainers?.find(isOurContainer);
      for (const { value = '' } of ours?.env ?? []) assert.match(value, /^[^$\\;`']*$/);
    }), { numRuns: soaked(1000) });
  });
});

/** The pod without our fields, and with probes and hooks reduced to what is not their handler. */
function foreignParts(pod: Pod): unknown {
  const { metadata, spec, ...rest } = pod;
  const annotations = Object.entries(metadata?.annotations ?? {}).filter(([key]) => !/^tenant-mtls.dev\/(added|original-probes|template-sha256)$|^kubectl/.test(key));
  const labels = Object.entries(metadata?.labels ?? {}).filter(([key]) => key !== 'tenant-mtls.dev/certificate');
  return {
    ...rest,
    metadata: { ...metadata, annotations, labels },
    spec: {
      ...spec,
      initContainers: (spec?.initContainers ?? []).filter((each) => !isOurContainer(each)).map(withoutHandlers),
      containers: spec?.containers.map(withoutHandlers),
      volumes: (spec?.volumes ?? []).filter((each) => !isOurVolume(each)),
    },
  };
}

function withoutHandlers(container: Container): unknown {
  return JSON.parse(JSON.stringify(container, (key, value: unknown) => (key === 'httpGet' || key === 'tcpSocket' ? undefined : value)));
}

/** Sorts all keys, mounts an API token into every container that has nothing in its place, sets a further limit, and adds containers and volumes before and after ours. */
function byOthers(pod: Pod): Pod {
  const token = { name: 'kube-api-access', mountPath: '/var/run/secrets/kubernetes.io/serviceaccount', readOnly: true };
  const admitted = (container: Container): Container => ({
    ...container,
    volumeMounts: [...(container.volumeMounts ?? []), ...(container.volumeMounts?.some(({ mountPath }) => mountPath === token.mountPath) === true ? [] : [token])],
    resources: { ...container.resources, limits: { ...container.resources?.limits, 'ephemeral-storage': '1Gi' } },
  });
  const spec = pod.spec ?? { containers: [] };
  const [ours, ...rest] = spec.initContainers ?? [];
  // As many resources as the app, so that the pod keeps its class.
  const first: Partial<Container> = spec.containers[0]?.resources === undefined ? {} : { resources: spec.containers[0].resources };
  const changed = {
    ...pod,
    spec: {
      ...spec,
      initContainers: [ours, ...rest, { ...first, name: 'added-init' }].flatMap((each) => (each === undefined ? [] : [admitted(each)])),
      containers: [...spec.containers, { ...first, name: 'added-container' }].map(admitted),
      volumes: [{ name: 'kube-api-access', emptyDir: {} }, ...(spec.volumes ?? []), { name: 'added-volume', emptyDir: {} }],
    },
  };
  return JSON.parse(JSON.stringify(changed, (_key, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))) : value,
  )) as Pod;
}
