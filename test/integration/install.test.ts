// `install` against the real API server, which stores nothing of it: dry runs, and manifests compared with what kubectl makes of deploy/.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { loadAll } from 'js-yaml';
import { applyManifests, requireNamespaces, withdrawRights } from '../../src/cli/install/apply-manifests.ts';
import { customizeManifests, servedNamespaces } from '../../src/cli/install/customize-manifests.ts';
import type { Customization } from '../../src/cli/install/customize-manifests.ts';
import { displayName, resourceOf } from '../../src/cli/install/installed-object.ts';
import type { InstalledObject } from '../../src/cli/install/installed-object.ts';
import { readManifests } from '../../src/cli/install/read-manifests.ts';
import { UsageError } from '../../src/errors.ts';
import { isNotFound } from '../../src/kube/api-error.ts';
import { keyOf } from '../../src/kube/object.ts';
import type { KubeObject } from '../../src/kube/object.ts';
import { resources } from '../../src/kube/resources.ts';
import { connect, freshNamespace, kubeConfigPath, missingCluster } from '../support/cluster.ts';
import type { Cluster } from '../support/cluster.ts';

const ROOT = new URL('../../', import.meta.url).pathname;
const KUBECTL = existsSync(`${ROOT}.cluster/bin/kubectl`) ? `${ROOT}.cluster/bin/kubectl` : 'kubectl';
const run = promisify(execFile);

const byName = (objects: readonly InstalledObject[]) => Object.fromEntries(objects.map((object) => [`${object.metadata.namespace ?? ''}/${displayName(object)}`, object]).sort());
const kustomize = async (folder: string) => byName(loadAll((await run(KUBECTL, ['kustomize', `${ROOT}deploy/${folder}`], { maxBuffer: 16 * 1024 * 1024 })).stdout) as InstalledObject[]);
const customized = async (customization: Customization) => byName(customizeManifests(await readManifests(), customization));

describe('the manifests of install', { skip: missingCluster() }, () => {
  const same: Record<string, [folder: string, customization: Customization]> = {
    'deploy/ as it stands': ['', {}],
    'the image of a registry': ['overlays/your-registry', { image: 'registry.example/tenant-mtls:0.1.0' }],
    'the images of development': ['overlays/development', { nginxImage: 'tenant-mtls.dev/nginx:dev' }],
    'an operator for listed namespaces': ['overlays/listed-namespaces', { watchNamespaces: ['shop'] }],
  };
  for (const [name, [folder, customization]] of Object.entries(same)) {
    it(`are what kubectl makes of ${name}`, async () => assert.deepEqual(await customized(customization), await kustomize(folder)));
  }
});

describe('install, in a dry run', { skip: missingCluster() }, () => {
  let cluster: Cluster;
  let namespace: string;
  before(async () => {
    cluster = connect();
    namespace = await freshNamespace(cluster, 'install');
  });
  after(async () => await cluster.close());

  const stored = async (object: InstalledObject) => {
    try {
      return (await cluster.admin.get(resourceOf(object), object.metadata)).metadata?.resourceVersion;
    } catch (error) {
      if (isNotFound(error)) return 'absent';
      throw error;
    }
  };

  it('has every object taken by the API server and stores none', async () => {
    const objects = customizeManifests(await readManifests(), { image: 'registry.example/tenant-mtls:1', replicas: 3 });
    const inspected = objects.filter(({ kind }) => kind !== 'Deployment');
    const before = await Promise.all(inspected.map(stored));
    const said: string[] = [];
    await applyManifests(cluster.admin, objects, { mode: 'pretend', say: (line) => said.push(line) });
    assert.deepEqual(said.map((line) => line.split(' ')[0]), objects.map(displayName));
    for (const line of said) assert.match(line, /^\S+ (created|configured|unchanged) \(dry run\)\n$/);
    assert.deepEqual(await Promise.all(inspected.map(stored)), before);
  });

  it('is refused by the API server what it would refuse in earnest', async () => {
    const [definition] = await readManifests();
    assert.ok(definition?.kind === 'CustomResourceDefinition');
    const invalid = { ...definition, spec: { group: 'other' } };
    await assert.rejects(applyManifests(cluster.admin, [invalid], { mode: 'pretend', say: () => undefined }), /patch CustomResourceDefinition \S+: 422 Invalid/);
  });

  it('would withdraw rights in namespaces that are not listed any more, and no others', async () => {
    const bind = async (name: string, role: string) => await cluster.admin.create(resources.RoleBinding, {
      apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'RoleBinding', metadata: { name, namespace },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
      subjects: [{ kind: 'ServiceAccount', name: 'tenant-mtls', namespace: 'tenant-mtls-system' }],
    } as KubeObject);
    const bindings = async () => (await cluster.admin.list(resources.ClusterRoleBinding)).items.concat((await cluster.admin.list(resources.RoleBinding, { namespace })).items).map(keyOf).sort();
    await bind('stale', 'tenant-mtls-namespaced');
    await bind('other', 'view');
    const before = await bindings();
    const said: string[] = [];
    const withdraw = async (watchNamespaces: string[]) => await withdrawRights(cluster.admin, servedNamespaces({ watchNamespaces }) ?? [], { mode: 'pretend', say: (line) => said.push(line) });
    await withdraw([namespace]);
    await withdraw(['elsewhere']);
    assert.deepEqual(said.filter((line) => line.includes(namespace)), [`rolebinding/stale in namespace ${namespace} deleted (dry run)\n`]);
    assert.deepEqual(await bindings(), before);
  });

  it('wants the listed namespaces to be there, before anything is applied', async () => {
    await assert.rejects(requireNamespaces(cluster.admin, [namespace, 'no-such-a', 'tenant-mtls-system', 'no-such-b']), new UsageError([
      '--watch-namespaces: there is no namespace no-such-a; kubectl create namespace no-such-a',
      '--watch-namespaces: there is no namespace no-such-b; kubectl create namespace no-such-b',
    ]));
  });

  it('prints the manifests without a cluster', async () => {
    const { stdout } = await run(process.execPath, [`${ROOT}src/main.ts`, 'install', '-o', 'yaml', '--replicas', '3'], { env: { ...process.env, KUBECONFIG: '/nonexistent' }, maxBuffer: 16 * 1024 * 1024 });
    assert.deepEqual(byName(loadAll(stdout) as InstalledObject[]), await customized({ replicas: 3 }));
  });

  it('says what it would do, as a command', async () => {
    const { stdout } = await run(process.execPath, [`${ROOT}src/main.ts`, 'install', '--dry-run', '--kubeconfig', kubeConfigPath()]);
    assert.match(stdout, /^customresourcedefinition\/tenantcertificates\.tenant-mtls\.dev \w+ \(dry run\)\n/);
    assert.match(stdout, /\nmutatingwebhookconfiguration\/tenant-mtls \w+ \(dry run\)\n$/);
  });
});
