// Applies a folder of deploy/examples as it stands, and takes it away again.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { loadAll } from 'js-yaml';
import type { KubeObject } from '../../src/kube/object.ts';
import { resources } from '../../src/kube/resources.ts';
import type { Cluster } from './cluster.ts';
import { eventually } from './cluster.ts';
import { removeTenant, unlessGone } from './issuance-world.ts';

type Manifest = KubeObject & { kind: keyof typeof resources; metadata: { name: string; namespace?: string } };

const EXAMPLES = new URL('../../deploy/examples/', import.meta.url).pathname;

/** What of an earlier run is still going is waited for. */
export async function applyExample(cluster: Cluster, file: string): Promise<readonly Manifest[]> {
  const { admin } = cluster;
  const objects = loadAll(await readFile(EXAMPLES + file, 'utf8')) as Manifest[];
  for (const object of objects) {
    await eventually(async () => {
      const applied = await admin.applyServerSide(resources[object.kind], object);
      // A namespace that is going can be applied to, but nothing can be made in it.
      assert.equal(applied.metadata?.deletionTimestamp, undefined, `${object.kind} ${object.metadata.name} of an earlier run is still going`);
    }, { timeoutMs: 60_000, intervalMs: 500 });
    cluster.cleanups.push(async () => await remove(cluster, object));
  }
  return objects;
}

async function remove(cluster: Cluster, { kind, metadata: { name, namespace } }: Manifest): Promise<void> {
  if (kind === 'Tenant') return await removeTenant(cluster, name);
  const { admin } = cluster;
  if (kind === 'TenantCertificate') await unlessGone(admin.mergePatch(resources[kind], { name, namespace }, { metadata: { finalizers: [] } }));
  await unlessGone(admin.delete(resources[kind], { name, namespace }));
}
