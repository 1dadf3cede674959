import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { withdrawRights } from '../../../src/cli/install/apply-manifests.ts';
import type { ApiClient } from '../../../src/kube/api-client.ts';
import { keyOf } from '../../../src/kube/object.ts';
import type { KubeObject } from '../../../src/kube/object.ts';

const OPERATOR = { kind: 'ServiceAccount', name: 'tenant-mtls', namespace: 'tenant-mtls-system' };

function binding(name: string, { namespace, role = 'tenant-mtls-namespaced', kind = 'ClusterRole', subject = OPERATOR }: { namespace?: string; role?: string; kind?: string; subject?: object } = {}): KubeObject {
  return { kind: namespace === undefined ? 'ClusterRoleBinding' : 'RoleBinding', metadata: { name, ...(namespace === undefined ? {} : { namespace }) }, roleRef: { kind, name: role }, subjects: [subject] } as KubeObject;
}

/** The real one would take the rights of the operator that other tests need. */
function storeOf(...bindings: KubeObject[]) {
  const kept = new Map(bindings.map((each) => [keyOf(each), each]));
  const client = {
    list: async ({ kind }: { kind: string }) => await Promise.resolve({ items: [...kept.values()].filter((each) => each.kind === kind), resourceVersion: '' }),
    delete: async (_: unknown, { namespace, name }: { namespace?: string; name: string }) => await Promise.resolve(void kept.delete(keyOf({ metadata: { name, ...(namespace === undefined ? {} : { namespace }) } }))),
  } as unknown as ApiClient;
  return { client, kept: () => [...kept.keys()] };
}

describe('withdrawRights', () => {
  const all = [
    binding('everywhere'), binding('stale', { namespace: 'old' }), binding('served', { namespace: 'shop' }), binding('other-role', { namespace: 'old', role: 'view' }),
    binding('namesake', { namespace: 'old', kind: 'Role' }), binding('other-subject', { namespace: 'old', subject: { ...OPERATOR, namespace: 'elsewhere' } }),
  ];
  const stays = ['shop/served', 'old/other-role', 'old/namesake', 'old/other-subject'];

  it('takes what reaches beyond the served namespaces, and nothing else', async () => {
    const { client, kept } = storeOf(...all);
    const said: string[] = [];
    await withdrawRights(client, ['shop'], { mode: 'apply', say: (line) => said.push(line) });
    assert.deepEqual(kept(), stays);
    assert.deepEqual(said, ['clusterrolebinding/everywhere deleted\n', 'rolebinding/stale in namespace old deleted\n']);
  });

  it('takes nothing in a dry run, and says what it would', async () => {
    const { client, kept } = storeOf(...all);
    const said: string[] = [];
    await withdrawRights(client, ['shop'], { mode: 'pretend', say: (line) => said.push(line) });
    assert.deepEqual(kept(), ['everywhere', 'old/stale', ...stays]);
    assert.equal(said.length, 2);
  });
});
