import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ConfigMap, OwnerReference } from '../../src/api/object-meta.ts';
import { resources } from '../../src/kube/resources.ts';
import { applyOwned, createOwned, findOwned, refusedWrite, hasStaleOwner } from '../../src/reconcilers/owned-writes.ts';
import { appliedFields } from '../../src/reconcilers/take-over-fields.ts';
import { json, play, status } from '../kube/scripted-server.ts';
import type { Answer, ScriptedServer } from '../kube/scripted-server.ts';

const OWNER: OwnerReference = { apiVersion: 'tenant-mtls.dev/v1alpha1', kind: 'TenantCertificate', name: 'hello', uid: 'new', controller: true };
const STALE: OwnerReference = { ...OWNER, uid: 'old' };
const THEIRS: OwnerReference = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'hello', uid: 'theirs' };

function aConfigMap(owner = 'hello', metadata: object = {}): ConfigMap {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'hello-proxy', namespace: 'shop', annotations: { 'tenant-mtls.dev/certificate-name': owner }, ...metadata }, data: { a: '1' } };
}

async function target(...script: Answer[]) {
  const server = await play(...script);
  return { server, target: { client: server.client, resource: resources.ConfigMap, signal: new AbortController().signal } };
}

const asked = ({ requests }: ScriptedServer) => requests.map(({ method, path, headers }) => `${method} ${path.split('/').slice(-1)[0]}${method === 'PATCH' ? ` ${String(headers['content-type']).replace(/^application\/(.*?)(-patch)?\+.*/, '$1')}` : ''}`);

describe('createOwned', () => {
  it('creates, and reads nothing', async () => {
    const { server, target: to } = await target(json(aConfigMap(), 201));
    assert.equal((await createOwned(to, aConfigMap())).kind, 'written');
    assert.deepEqual(asked(server), ['POST configmaps']);
  });

  it('finds ours when it is there already, and leaves it unchanged', async () => {
    const { server, target: to } = await target(status(409, 'AlreadyExists'), json({ ...aConfigMap(), data: { old: 'x' } }));
    const written = await createOwned(to, aConfigMap());
    assert.ok(written.kind === 'found');
    assert.deepEqual(written.object.data, { old: 'x' });
    assert.deepEqual(asked(server), ['POST configmaps', 'GET hello-proxy']);
  });

  for (const [sentence, found, says] of [
    ['nobody\'s', { ...aConfigMap(), metadata: { name: 'hello-proxy', namespace: 'shop' } }, /ConfigMap hello-proxy exists and was not written for a TenantCertificate; it is left alone/],
    ['another certificate\'s', aConfigMap('other'), /belongs to TenantCertificate other/],
  ] as const) {
    it(`refuses to touch ${sentence}`, async () => {
      const { server, target: to } = await target(status(409, 'AlreadyExists'), json(found));
      const written = await createOwned(to, aConfigMap());
      assert.ok(written.kind === 'refused');
      assert.equal(written.refusal.reason, 'ConfigMapNotOwned');
      assert.match(written.refusal.message, says);
      assert.equal(server.requests.length, 2);
    });
  }

  it('takes for ours what has lost its annotation but has our certificate as its controller', async () => {
    const metadata = { name: 'hello-proxy', namespace: 'shop' };
    const { target: to } = await target(status(409, 'AlreadyExists'), json({ ...aConfigMap(), metadata: { ...metadata, ownerReferences: [OWNER] } }));
    assert.equal((await createOwned(to, aConfigMap('hello', { ownerReferences: [OWNER] }))).kind, 'found');
    const { target: another } = await target(status(409, 'AlreadyExists'), json(aConfigMap('other', { ownerReferences: [OWNER] })));
    assert.equal((await createOwned(another, aConfigMap('hello', { ownerReferences: [OWNER] }))).kind, 'refused');
  });

  it('does not take for ours what only goes with our certificate, which does not control it', async () => {
    const { controller: _, ...companion } = OWNER;
    const { target: to } = await target(status(409, 'AlreadyExists'), json({ ...aConfigMap(), metadata: { name: 'hello-proxy', namespace: 'shop', ownerReferences: [companion] } }));
    assert.equal((await createOwned(to, aConfigMap('hello', { ownerReferences: [OWNER] }))).kind, 'refused');
  });

  it('creates again when it has vanished in between', async () => {
    const { server, target: to } = await target(status(409, 'AlreadyExists'), status(404, 'NotFound'), json(aConfigMap(), 201));
    assert.equal((await createOwned(to, aConfigMap())).kind, 'written');
    assert.deepEqual(asked(server), ['POST configmaps', 'GET hello-proxy', 'POST configmaps']);
  });

  it('takes another failure for no answer', async () => {
    const { target: to } = await target(status(403, 'Forbidden'));
    await assert.rejects(createOwned(to, aConfigMap()), /create ConfigMap shop\/hello-proxy: 403 Forbidden/);
  });
});

describe('findOwned', () => {
  it('says that there is none', async () => {
    const { target: to } = await target(status(404, 'NotFound'));
    assert.equal(await findOwned(to, aConfigMap()), undefined);
  });
});

describe('applyOwned', () => {
  const created = { manager: 'tenant-mtls', operation: 'Update', fieldsV1: { 'f:data': { 'f:old': {} } } };
  const applied = { manager: 'tenant-mtls', operation: 'Apply', fieldsV1: { 'f:data': { 'f:a': {} } } };
  const answer = (managedFields: object[], resourceVersion = '7') => json(aConfigMap('hello', { managedFields, resourceVersion }));

  it('writes once where all fields were applied before', async () => {
    const { server, target: to } = await target(answer([applied]));
    await applyOwned(to, aConfigMap(), aConfigMap().metadata);
    assert.deepEqual(asked(server), ['PATCH hello-proxy apply']);
  });

  it('takes over what it created once, and then takes away what is left out', async () => {
    const { server, target: to } = await target(answer([created, applied]), answer([applied]), answer([applied], '9'));
    const written = await applyOwned(to, aConfigMap(), aConfigMap().metadata);
    assert.deepEqual(asked(server), ['PATCH hello-proxy apply', 'PATCH hello-proxy json', 'PATCH hello-proxy apply']);
    assert.deepEqual(JSON.parse(server.requests[1]?.body ?? ''), [
      { op: 'test', path: '/metadata/resourceVersion', value: '7' },
      { op: 'replace', path: '/metadata/managedFields', value: [{ ...applied, fieldsV1: { 'f:data': { 'f:a': {}, 'f:old': {} } } }] },
    ]);
    assert.equal((written.metadata as { resourceVersion?: string }).resourceVersion, '9');
  });

  it('gives back what was written when taking over fails', async () => {
    const { target: to } = await target(answer([created, applied]), status(422, 'Invalid'));
    assert.equal(((await applyOwned(to, aConfigMap(), aConfigMap().metadata)).metadata as { resourceVersion?: string }).resourceVersion, '7');
  });

  it('names the object it has seen, so that another one of that name is a conflict', async () => {
    const { server, target: to } = await target(status(409, 'Conflict'));
    await assert.rejects(applyOwned(to, aConfigMap(), { ...aConfigMap().metadata, uid: 'seen' }), /409 Conflict/);
    assert.equal((JSON.parse(server.requests[0]?.body ?? '') as { metadata: { uid?: string } }).metadata.uid, 'seen');
  });

  it('takes out an owner that is no longer wanted before anything else, and leaves owners of others', async () => {
    const { server, target: to } = await target(answer([applied]));
    await applyOwned(to, aConfigMap('hello', { ownerReferences: [OWNER] }), { name: 'hello-proxy', namespace: 'shop', ownerReferences: [STALE, THEIRS] });
    assert.deepEqual(asked(server), ['PATCH hello-proxy merge', 'PATCH hello-proxy apply']);
    assert.deepEqual(JSON.parse(server.requests[0]?.body ?? ''), { metadata: { ownerReferences: [THEIRS, OWNER] } });
  });
});

describe('appliedFields', () => {
  const others = [{ manager: 'kubectl', operation: 'Update', fieldsV1: { 'f:data': {} } }, { manager: 'tenant-mtls', operation: 'Update', subresource: 'status', fieldsV1: {} }];
  it('has nothing to do without fields of a create', () => assert.equal(appliedFields([...others, { manager: 'tenant-mtls', operation: 'Apply' }]), undefined));
  it('leaves the fields of others as they are', () => {
    assert.deepEqual(appliedFields([...others, { manager: 'tenant-mtls', operation: 'Update', fieldsV1: { a: {} } }, { manager: 'tenant-mtls', operation: 'Apply', fieldsV1: { b: {} } }]), [
      ...others, { manager: 'tenant-mtls', operation: 'Apply', fieldsV1: { a: {}, b: {} } },
    ]);
  });
});

describe('hasStaleOwner', () => {
  const table: Record<string, [is: OwnerReference[] | undefined, wanted: OwnerReference[] | undefined, expected: boolean]> = {
    'the owner is the one wanted': [[OWNER], [OWNER], false],
    'there is none': [undefined, [OWNER], false],
    'it is the one of before a restore': [[STALE], [OWNER], true],
    'it is there beside the new one': [[STALE, OWNER], [OWNER], true],
    'none is wanted any more': [[OWNER], undefined, true],
    'it is of another kind': [[THEIRS], undefined, false],
  };
  for (const [sentence, [is, wanted, expected]] of Object.entries(table)) {
    const meta = (ownerReferences: OwnerReference[] | undefined) => ({ name: 'x', namespace: 'y', ...(ownerReferences === undefined ? {} : { ownerReferences }) });
    it(`says ${expected} when ${sentence}`, () => assert.equal(hasStaleOwner(meta(is), meta(wanted)), expected));
  }
});

describe('refusedWrite', () => {
  const thrownBy = async (code: number, reason: string) => {
    const { target: to } = await target(status(code, reason));
    return await createOwned(to, aConfigMap()).catch((error: unknown) => error);
  };

  for (const [code, reason] of [[403, 'Forbidden'], [422, 'Invalid'], [413, 'RequestEntityTooLarge']] as const) {
    it(`is for people to see: ${code}`, async () => assert.equal(refusedWrite(await thrownBy(code, reason)).reason, 'WriteFailed'));
  }

  it('is thrown on where another try may succeed', async () => {
    const error = await thrownBy(500, 'InternalError');
    assert.throws(() => refusedWrite(error), /500/);
  });
});
