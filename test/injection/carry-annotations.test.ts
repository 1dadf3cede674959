import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { CARRIED_KEYS, carryAnnotations, takeOutAnnotations, templateOf } from '../../src/injection/carry-annotations.ts';
import type { Workload } from '../../src/injection/carry-annotations.ts';

const GROUP = 'tenant-mtls.dev';
const CARRIED = `${GROUP}/carried`;
const HELLO = { [`${GROUP}/certificate`]: 'hello' };
const CARRIED_HELLO = { ...HELLO, [CARRIED]: `${GROUP}/certificate` };

type Annotations = Record<string, string>;

const podTemplate = (annotations: Annotations) => ({ metadata: { labels: { app: 'hello' }, annotations }, spec: { containers: [{ name: 'app' }] } });

function aWorkload(kind: string, annotations: Annotations, template: Annotations = {}): Workload {
  const spec = { template: podTemplate(template) };
  return { kind, metadata: { name: 'hello', annotations }, spec: kind === 'CronJob' ? { schedule: '* * * * *', jobTemplate: { spec } } : spec };
}

function carriedInto(kind: string, annotations: Annotations, template: Annotations = {}): Annotations {
  return { ...templateOf(carryAnnotations(aWorkload(kind, annotations, template)))?.metadata?.annotations };
}

describe('carryAnnotations', () => {
  for (const kind of ['Deployment', 'StatefulSet', 'DaemonSet', 'CronJob', 'Job']) {
    it(`carries into the template of a ${kind}`, () => {
      assert.deepEqual(carriedInto(kind, HELLO), CARRIED_HELLO);
    });
  }

  const cases: Record<string, { workload: Annotations; template: Annotations; expected: Annotations }> = {
    'carries our keys only, sorted': {
      workload: { ...HELLO, [`${GROUP}/app-port`]: '8080', 'example.com/other': 'x', 'kubectl.kubernetes.io/last-applied-configuration': '{}', [`${GROUP}/unknown`]: 'x' },
      template: { 'example.com/kept': 'y' },
      expected: { ...HELLO, [`${GROUP}/app-port`]: '8080', 'example.com/kept': 'y', [CARRIED]: `${GROUP}/app-port,${GROUP}/certificate` },
    },
    'carries nothing while there is no certificate': { workload: { [`${GROUP}/app-port`]: '8080' }, template: {}, expected: {} },
    'carries settings for a template that opted in by itself': {
      workload: { [`${GROUP}/app-port`]: '8080' }, template: HELLO, expected: { ...HELLO, [`${GROUP}/app-port`]: '8080', [CARRIED]: `${GROUP}/app-port` },
    },
    'lets the template\'s own win': { workload: HELLO, template: { [`${GROUP}/certificate`]: 'own' }, expected: { [`${GROUP}/certificate`]: 'own' } },
    'follows a changed value': { workload: { [`${GROUP}/certificate`]: 'next' }, template: CARRIED_HELLO, expected: { [`${GROUP}/certificate`]: 'next', [CARRIED]: `${GROUP}/certificate` } },
    'takes out what it carried when the workload loses it': { workload: {}, template: { ...CARRIED_HELLO, other: 'kept' }, expected: { other: 'kept' } },
    'takes out all it carried when the certificate goes': {
      workload: { [`${GROUP}/app-port`]: '8080' }, template: { ...HELLO, [`${GROUP}/app-port`]: '8080', [CARRIED]: `${GROUP}/app-port,${GROUP}/certificate` }, expected: {},
    },
    'never takes out what is not listed': { workload: {}, template: HELLO, expected: HELLO },
    'never takes out a foreign key that somebody listed': { workload: {}, template: { 'example.com/mine': 'x', [CARRIED]: 'example.com/mine' }, expected: { 'example.com/mine': 'x' } },
    'carries again after a re-apply dropped it (GitOps)': { workload: HELLO, template: {}, expected: CARRIED_HELLO },
    'carries again after a rollback to a template without': { workload: HELLO, template: { [`${GROUP}/rewrite-probes`]: 'true' }, expected: { ...CARRIED_HELLO, [`${GROUP}/rewrite-probes`]: 'true' } },
    'lets the workload decide after a rollback to another carried value': { workload: HELLO, template: { ...CARRIED_HELLO, [`${GROUP}/certificate`]: 'old' }, expected: CARRIED_HELLO },
  };
  for (const [sentence, { workload, template, expected }] of Object.entries(cases)) {
    it(sentence, () => assert.deepEqual(carriedInto('Deployment', workload, template), expected));
  }

  const untouched: Record<string, { workload: Workload; old?: Workload }> = {
    'an object with a controller, such as a ReplicaSet\'s Deployment': {
      workload: { ...aWorkload('Deployment', HELLO), metadata: { annotations: HELLO, ownerReferences: [{ apiVersion: 'x/v1', kind: 'Rollout', name: 'r', uid: 'u', controller: true }] } },
    },
    'a ReplicaSet, to which a Deployment copies its annotations': { workload: aWorkload('ReplicaSet', HELLO) },
    'a Job on update: its template cannot be changed': { workload: aWorkload('Job', HELLO), old: aWorkload('Job', {}) },
    'a workload that has what it needs': { workload: aWorkload('Deployment', HELLO, CARRIED_HELLO), old: aWorkload('Deployment', HELLO) },
    'a workload of another kind': { workload: { kind: 'Service', metadata: { annotations: HELLO }, spec: {} } },
    'a workload without a spec': { workload: { kind: 'CronJob', metadata: { annotations: HELLO } } },
  };
  for (const [sentence, { workload, old }] of Object.entries(untouched)) {
    it(`returns ${sentence} as it is`, () => assert.equal(carryAnnotations(workload, old), workload));
  }

  const annotations = fc.dictionary(fc.constantFrom(...CARRIED_KEYS, 'example.com/x'), fc.constantFrom('a', 'b'), { noNullPrototype: true });
  const listed = fc.subarray([...CARRIED_KEYS, 'example.com/x']).map((keys): Annotations => (keys.length === 0 ? {} : { [CARRIED]: keys.join(',') }));

  it('is idempotent, whatever stands there', () => {
    fc.assert(fc.property(annotations, annotations, listed, (workload, template, carried) => {
      const once = carryAnnotations(aWorkload('Deployment', workload, Object.assign(template, carried)));
      assert.equal(carryAnnotations(once), once);
    }));
  });

  it('is undone by taking the annotations away, whatever stands there', () => {
    fc.assert(fc.property(annotations, annotations, (workload, template) => {
      const before = aWorkload('Deployment', {}, template);
      const carried = carryAnnotations(aWorkload('Deployment', workload, template));
      assert.deepEqual(templateOf(carryAnnotations({ ...carried, metadata: {} }))?.metadata?.annotations ?? {}, templateOf(before)?.metadata?.annotations);
      assert.deepEqual(templateOf(takeOutAnnotations(carried))?.metadata?.annotations ?? {}, templateOf(before)?.metadata?.annotations);
    }));
  });
});
