import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { customizeManifests } from '../../../src/cli/install/customize-manifests.ts';
import type { Customization } from '../../../src/cli/install/customize-manifests.ts';
import { displayName, resourceOf } from '../../../src/cli/install/installed-object.ts';
import type { InstalledObject } from '../../../src/cli/install/installed-object.ts';
import { readManifests } from '../../../src/cli/install/read-manifests.ts';

interface Deployment {
  readonly spec: { readonly replicas: number; readonly template: { readonly spec: { readonly containers: readonly { readonly image: string; readonly args: readonly string[]; readonly env: readonly { readonly name: string; readonly value?: string }[] }[] } } };
}

describe('customizeManifests', () => {
  let manifests: InstalledObject[];
  before(async () => {
    manifests = await readManifests();
  });

  const operator = (customization: Customization) => {
    const { spec: { replicas, template: { spec: { containers: [container] } } } } = customizeManifests(manifests, customization).find(({ kind }) => kind === 'Deployment') as unknown as Deployment;
    const value = (name: string) => container?.env.find((variable) => variable.name === name)?.value;
    return { replicas, image: container?.image, args: container?.args, nginx: value('NGINX_IMAGE'), node: value('NODE_IMAGE') };
  };
  const bindings = (customization: Customization) =>
    customizeManifests(manifests, customization).filter(({ kind }) => kind.endsWith('RoleBinding')).map((object) => `${object.metadata.namespace ?? '-'} ${displayName(object)}`).sort();

  it('changes nothing without being asked', () => assert.deepEqual(customizeManifests(manifests, {}), manifests));

  it('gives the operator and the node sidecar the image', () => {
    const { image, node, nginx } = operator({ image: 'r.example/tenant-mtls:1' });
    assert.deepEqual([image, node, nginx], ['r.example/tenant-mtls:1', 'r.example/tenant-mtls:1', operator({}).nginx]);
  });

  it('gives the nginx sidecar its image', () => assert.deepEqual([operator({ nginxImage: 'r.example/nginx:1' }).nginx, operator({ nginxImage: 'r.example/nginx:1' }).image], ['r.example/nginx:1', operator({}).image]));

  it('sets the number of replicas', () => assert.equal(operator({ replicas: 3 }).replicas, 3));

  it('limits the operator to namespaces, its own among them, and gives it no rights in all of them', () => {
    assert.deepEqual(operator({ watchNamespaces: ['shop', 'bank', 'shop'] }).args, ['operator', '--watch-namespaces=shop,bank,tenant-mtls-system']);
    assert.deepEqual(bindings({ watchNamespaces: ['shop', 'bank'] }), [
      '- clusterrolebinding/tenant-mtls-cluster', 'bank rolebinding/tenant-mtls', 'shop rolebinding/tenant-mtls',
      'tenant-mtls-system rolebinding/tenant-mtls', 'tenant-mtls-system rolebinding/tenant-mtls-namespaced',
    ]);
  });

  it('names no object twice', () => {
    const names = customizeManifests(manifests, { watchNamespaces: ['shop', 'tenant-mtls-system'] }).map((object) => `${object.metadata.namespace ?? ''}/${displayName(object)}`);
    assert.deepEqual(names, [...new Set(names)]);
  });

  it('knows where every object belongs', () => {
    for (const object of manifests) assert.equal(resourceOf(object).namespaced, object.metadata.namespace !== undefined, displayName(object));
  });
});
