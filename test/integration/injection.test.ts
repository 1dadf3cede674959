// Injected pods before the real API server: accepted (dry run, Pod Security level restricted), and unchanged by injecting again
// what comes back with the server's defaults and admission plugins' additions in it.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import * as fc from 'fast-check';
import { load } from 'js-yaml';
import { createJsonPatch } from '../../src/injection/json-patch.ts';
import { findOurContainer } from '../../src/injection/own-parts.ts';
import type { Container, Pod } from '../../src/injection/pod.ts';
import type { KubeObject } from '../../src/kube/object.ts';
import { resources } from '../../src/kube/resources.ts';
import { injectablePod } from '../injection/arbitrary-pods.ts';
import { aContext, injected } from '../injection/builders.ts';
import { CATALOGUE } from '../injection/catalogue.ts';
import { connect, eventually, freshNamespace, missingCluster } from '../support/cluster.ts';
import { soaked } from '../support/soak.ts';

const PODS = process.env['PODS_DIR'] ?? new URL('../../../shared/pods', import.meta.url).pathname;
const podFiles = existsSync(PODS) ? readdirSync(PODS).filter((file) => file.endsWith('.yaml')) : [];

describe('injected pods before the API server', { skip: missingCluster() }, () => {
  let cluster: ReturnType<typeof connect>;
  let restricted = '';
  let open = '';

  before(async () => {
    cluster = connect();
    // The label keeps an installed webhook out of it: what is tested here is the pod that this checkout injects.
    restricted = await freshNamespace(cluster, 'restricted', { 'tenant-mtls.dev/inject': 'false', 'pod-security.kubernetes.io/enforce': 'restricted' });
    open = await freshNamespace(cluster, 'open', { 'tenant-mtls.dev/inject': 'false' });
    for (const namespace of [restricted, open]) await eventually(() => cluster.admin.get(resources.ServiceAccount, { namespace, name: 'default' }));
  });
  after(async () => await cluster.close());

  const dryRun = async (pod: Pod, namespace: string) =>
    (await cluster.admin.create(resources.Pod, { ...pod, metadata: { name: 'hello', ...pod.metadata, namespace } } as KubeObject, { query: { dryRun: 'All' } })) as Pod;

  for (const [sentence, { pod, context }] of Object.entries(CATALOGUE)) {
    const result = injected(restrict(pod), context);
    if (findOurContainer(result) === undefined || sentence === 'a probe of another host stays') continue;
    it(`accepts ${sentence} under the level restricted, and injecting again changes nothing`, async () => {
      const admitted = await dryRun(result, restricted);
      assert.deepEqual(createJsonPatch(admitted, injected(admitted, context)), []);
    });
  }

  it('accepts every generated pod that it accepts without the sidecar, and injecting again changes nothing', async (test) => {
    let accepted = 0;
    for (const pod of fc.sample(injectablePod, { numRuns: soaked(150), seed: 1 }).map(makeValid).map(restrict)) {
      if (!(await isAccepted(dryRun(pod, restricted)))) continue;
      accepted += 1;
      const admitted = await dryRun(injected(pod), restricted);
      assert.deepEqual(createJsonPatch(admitted, injected(admitted)), []);
    }
    test.diagnostic(`${accepted} of 150 generated pods are valid without the sidecar`);
    assert.ok(accepted > 20);
  });

  it('accepts the real pods with their sidecar', { skip: podFiles.length === 0 ? `no pods in ${PODS}: set PODS_DIR` : false }, async (test) => {
    let count = 0;
    for (const file of podFiles) {
      const original = load(readFileSync(join(PODS, file), 'utf8')) as Pod;
      const annotations = { ...original.metadata?.annotations, 'tenant-mtls.dev/certificate': 'hello', 'tenant-mtls.dev/app-port': '8080', 'tenant-mtls.dev/port': '28443', 'tenant-mtls.dev/rewrite-probes': 'true', 'tenant-mtls.dev/engine': 'node' };
      const pod = injected({ ...original, metadata: { ...original.metadata, annotations } });
      if (findOurContainer(pod) === undefined) continue;
      count += 1;
      const admitted = await dryRun(pod, open);
      assert.deepEqual(createJsonPatch(admitted, injected(admitted)), [], file);
    }
    test.diagnostic(`${count} of ${podFiles.length} pods injected and accepted`);
  });

  it('accepts the sidecar beside an app that the level restricted accepts, but not beside one that runs as it likes', async () => {
    const pod = CATALOGUE['a bare pod']?.pod ?? {};
    await assert.rejects(dryRun(injected(pod, aContext()), restricted), /violates PodSecurity "restricted/);
    assert.ok(findOurContainer(await dryRun(injected(restrict(pod)), restricted)) !== undefined);
  });
});

/** The pod with an app that the level restricted accepts, and without what only another cluster has. */
function restrict(pod: Pod): Pod {
  const securityContext = { runAsNonRoot: true, runAsUser: 1000, allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] }, seccompProfile: { type: 'RuntimeDefault' } };
  const tighten = (container: Container) => Object.assign(structuredClone(container), { image: 'registry.example/app:1', securityContext });
  const { priorityClassName: _, ...spec } = { priorityClassName: '', ...(pod.spec ?? { containers: [] }) };
  return {
    ...pod,
    spec: { ...spec, containers: spec.containers.map(tighten), ...(spec.initContainers ? { initContainers: spec.initContainers.map(tighten) } : {}) },
  };
}

/** Without what the generator says of parts that refer to one another, which the API server checks and injection does not read. */
function makeValid(pod: Pod): Pod {
  const { 'example.com/a~b': _, ...annotations } = pod.metadata?.annotations ?? {};
  const { resources: _budget, ...spec } = pod.spec ?? { containers: [] };
  const valid = ({ volumeMounts: _mounts, ports = [], ...container }: Container): Container => {
    const named = ports.map((port, index) => Object.assign({}, port, port.name === undefined ? {} : { name: `p${index}` }));
    const text = JSON.stringify(container, (key, value: unknown) => (key.endsWith('Probe') && !/httpGet|tcpSocket|exec/.test(JSON.stringify(value)) ? undefined : value));
    const parsed = JSON.parse(text.replaceAll('"port":"8080"', '"port":8080').replaceAll(/"host":"[^"]*"/g, '"scheme":"HTTP"')) as Container;
    return { ...parsed, restartPolicy: 'Always', ports: named };
  };
  const { containers, initContainers } = spec;
  return {
    ...pod,
    metadata: { ...pod.metadata, annotations },
    spec: { ...spec, containers: containers.map(valid).map(({ restartPolicy: _policy, ...container }) => container), ...(initContainers ? { initContainers: initContainers.map(valid) } : {}) },
  };
}

async function isAccepted(creation: Promise<unknown>): Promise<boolean> {
  try {
    await creation;
    return true;
  } catch {
    return false;
  }
}
