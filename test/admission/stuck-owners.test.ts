import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isStuck, nudgeStuckOwners } from '../../src/admission/stuck-owners.ts';
import type { Controller } from '../../src/admission/stuck-owners.ts';
import { ANNOTATION } from '../../src/api/names.ts';
import type { Resource } from '../../src/kube/resources.ts';
import { aRecorder } from './fixtures.ts';

const OPT_IN = { [ANNOTATION.certificate]: 'hello' };

function aController(name: string, { spec = {}, status = {}, annotations = OPT_IN, metadata = {} }: { spec?: object; status?: object; annotations?: Record<string, string>; metadata?: object } = {}): Controller {
  return { metadata: { namespace: 'shop', name, uid: `uid-${name}`, ...metadata }, spec: { ...spec, template: { metadata: { annotations } } }, status } as Controller;
}

describe(isStuck.name, () => {
  const cases: Record<string, [kind: string, controller: Parameters<typeof aController>[1], expected: boolean]> = {
    'a ReplicaSet with fewer pods than it should have': ['ReplicaSet', { spec: { replicas: 2 }, status: { replicas: 1 } }, true],
    'a ReplicaSet that nobody has said a number for, without pods': ['ReplicaSet', {}, true],
    'a ReplicaSet with all its pods': ['ReplicaSet', { spec: { replicas: 2 }, status: { replicas: 2 } }, false],
    'a ReplicaSet of an older revision': ['ReplicaSet', { spec: { replicas: 0 } }, false],
    'a ReplicaSet that asks for no sidecar': ['ReplicaSet', { spec: { replicas: 1 }, annotations: {} }, false],
    'a ReplicaSet that has opted out': ['ReplicaSet', { spec: { replicas: 1 }, annotations: { ...OPT_IN, [ANNOTATION.inject]: 'false' } }, false],
    'a ReplicaSet that is being deleted': ['ReplicaSet', { spec: { replicas: 1 }, metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } }, false],
    'a StatefulSet without its pods': ['StatefulSet', { spec: { replicas: 3 }, status: { replicas: 0 } }, true],
    'a DaemonSet that lacks a pod on a node': ['DaemonSet', { status: { currentNumberScheduled: 1, desiredNumberScheduled: 2 } }, true],
    'a DaemonSet with all its pods': ['DaemonSet', { status: { currentNumberScheduled: 2, desiredNumberScheduled: 2 } }, false],
    'a Job that has not begun': ['Job', {}, true],
    'a Job at work': ['Job', { status: { active: 1 } }, false],
    'a Job that is done': ['Job', { status: { conditions: [{ type: 'Complete', status: 'True' }] } }, false],
    'a Job that is suspended': ['Job', { spec: { suspend: true } }, false],
    'any other kind': ['Deployment', { spec: { replicas: 1 } }, false],
  };
  for (const [name, [kind, controller, expected]] of Object.entries(cases)) {
    it(`says ${expected ? 'yes' : 'no'} to ${name}`, () => assert.equal(isStuck(kind, aController('x', controller)), expected));
  }
});

describe(nudgeStuckOwners.name, () => {
  const search = (lists: Record<string, Controller[]>, namespaces: string[] = []) => {
    const { log, lines } = aRecorder();
    const nudged: string[] = [];
    const client = {
      async *pages<T>(resource: Resource, { namespace }: { namespace?: string | undefined } = {}) {
        if (resource.kind === 'DaemonSet') throw new Error('forbidden');
        await Promise.resolve();
        yield { items: (lists[resource.kind] ?? []).filter(({ metadata }) => namespace === undefined || metadata?.namespace === namespace) as T[], resourceVersion: '1' };
      },
      mergePatch: (resource: Resource, ref: { name: string }) => {
        nudged.push(`${resource.kind} ${ref.name}`);
        return Promise.resolve({} as never);
      },
    };
    return { nudged, lines, run: async () => await nudgeStuckOwners({ client, log, now: () => 0, namespaces }) };
  };

  it('nudges what lacks pods of every kind, and goes on where it may not look', async () => {
    const { nudged, lines, run } = search({ ReplicaSet: [aController('a'), aController('b', { spec: { replicas: 0 } })], Job: [aController('c')] });
    await run();
    assert.deepEqual(nudged, ['ReplicaSet a', 'Job c']);
    assert.deepEqual(lines.filter(({ level }) => level === 'warn').map(({ fields }) => fields['kind']), ['DaemonSet']);
  });

  it('looks only where the operator serves', async () => {
    const { nudged, run } = search({ ReplicaSet: [aController('a'), aController('b', { metadata: { namespace: 'other' } })] }, ['other']);
    await run();
    assert.deepEqual(nudged, ['ReplicaSet b']);
  });
});
