import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { OWN_ANNOTATION } from '../../../src/api/names.ts';
import type { OwnerReference, Secret } from '../../../src/api/object-meta.ts';
import type { TenantCertificate, TenantCertificateStatus } from '../../../src/api/tenant-certificate.ts';
import { Cache } from '../../../src/kube/cache.ts';
import { startRun } from '../../../src/reconcilers/certificates/certificate-run.ts';
import type { Findings } from '../../../src/reconcilers/certificates/certificate-status.ts';
import { findSecret, occupiedNames, watchOccupiedName } from '../../../src/reconcilers/certificates/find-secret.ts';
import { pruneSecret } from '../../../src/reconcilers/owned-secret.ts';
import type { OwnedSecret } from '../../../src/reconcilers/owned-secret.ts';
import type { ReconcilerContext } from '../../../src/reconcilers/reconciler-context.ts';
import { aTenantCertificate, at } from '../../issuance/builders.ts';
import { json, play, status as failure } from '../../kube/scripted-server.ts';
import type { Answer } from '../../kube/scripted-server.ts';
import { quiet } from '../authorities/state-store.ts';

const OCCUPIED: TenantCertificateStatus = { conditions: [{ type: 'Ready', status: 'False', reason: 'SecretNotOwned', message: '', lastTransitionTime: at(0).toISOString() }] };
const OURS: OwnerReference = { apiVersion: 'tenant-mtls.dev/v1alpha1', kind: 'TenantCertificate', name: 'hello', uid: 'uid-1', controller: true };
const NAMED = { [OWN_ANNOTATION.certificateName]: 'hello' };

const aSecret = (metadata: object = {}): Secret => ({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'hello-tls', namespace: 'shop', uid: 'seen', resourceVersion: '7', ...metadata }, data: { 'tls.crt': 'eA==', 'tls.key': 'eA==' } });
const certificate = (status: TenantCertificateStatus = {}, name = 'hello'): TenantCertificate => { const made = aTenantCertificate(); return { ...made, metadata: { ...made.metadata, name }, status }; };

interface World {
  readonly status?: TenantCertificateStatus;
  readonly cached?: Secret;
  readonly script?: Answer[];
  readonly alreadyWatched?: number;
}

/** What was found, and what the API server was asked. */
async function find({ status = {}, cached, script = [], alreadyWatched = 0 }: World) {
  const server = await play(...script);
  const secrets = new Cache<OwnedSecret>({ logger: quiet });
  if (cached !== undefined) secrets.upsert(pruneSecret(cached));
  const watched: string[] = [];
  const occupiedSecrets = { size: alreadyWatched, get: ({ namespace, name }: { namespace: string; name: string }) => watched.push(`${namespace}/${name}`) };
  const context = { client: server.client, caches: { secrets }, occupiedSecrets, log: quiet, now: () => at(0) } as unknown as ReconcilerContext;
  const run = startRun(context, certificate(status), new AbortController().signal);
  const found = await findSecret(run);
  return { run, found, secrets, watched, asked: server.requests.map(({ method }) => method), bodies: server.requests.map(({ body }) => body) };
}

describe('findSecret', () => {
  it('asks nobody when the cache has it, or when nothing was ever issued', async () => {
    assert.deepEqual((await find({ cached: aSecret({ annotations: NAMED }) })).asked, []);
    assert.deepEqual((await find({})).asked, []);
  });

  it('reads what should be there, and what somebody else had', async () => {
    for (const status of [{ certificateSHA256: 'beef' }, OCCUPIED]) {
      const { found, asked } = await find({ status, script: [failure(404, 'NotFound')] });
      assert.deepEqual([found, asked], [undefined, ['GET']]);
    }
  });

  it('puts the name back on what our certificate controls, and on the very object that was seen', async () => {
    const nameless = aSecret({ ownerReferences: [OURS] });
    const { found, asked, bodies, secrets } = await find({ status: { certificateSHA256: 'beef' }, cached: nameless, script: [json(nameless), json({ ...nameless, metadata: { ...nameless.metadata, annotations: NAMED, resourceVersion: '8' } })] });
    assert.deepEqual(asked, ['GET', 'PATCH']);
    assert.deepEqual(JSON.parse(bodies[1] ?? ''), { metadata: { uid: 'seen', resourceVersion: '7', annotations: NAMED } });
    assert.ok(found !== undefined && !('reason' in found) && found.stored.state === 'CertificateMalformed');
    assert.deepEqual(secrets.get('shop/hello-tls'), found);
  });

  const foreign: Record<string, object> = {
    'nothing': {},
    'an owner of another uid': { ownerReferences: [{ ...OURS, uid: 'old' }] },
    'an owner that does not control it': { ownerReferences: [{ ...OURS, controller: false }] },
    'the name of another': { ownerReferences: [OURS], annotations: { [OWN_ANNOTATION.certificateName]: 'other' } },
  };
  for (const [sentence, metadata] of Object.entries(foreign)) {
    it(`leaves a Secret alone whose metadata say ${sentence}`, async () => {
      const { found, asked } = await find({ status: OCCUPIED, script: [json(aSecret(metadata))] });
      assert.ok(found !== undefined && 'reason' in found);
      assert.deepEqual([found.reason, asked], ['SecretNotOwned', ['GET']]);
    });
  }
});

describe('a name that somebody else has', () => {
  const taken = { reason: 'SecretNotOwned', message: '' } as const;
  const table: Record<string, [Partial<Findings>, watched: string[]]> = {
    'is watched': [{ refusal: taken }, ['shop/hello-tls']],
    'is not watched where the Secret is ours, and the issuer\'s is not': [{ refusal: taken, secret: pruneSecret(aSecret({ annotations: NAMED })) }, []],
    'is not watched for another reason': [{ refusal: { reason: 'IssuerNotFound', message: '' } }, []],
  };
  for (const [sentence, [findings, expected]] of Object.entries(table)) {
    it(sentence, async () => {
      const { run, watched } = await find({});
      watchOccupiedName(run, { secretName: 'hello-tls', notices: [], ...findings });
      assert.deepEqual(watched, expected);
    });
  }

  it('is not watched beside many others', async () => {
    const { run, watched } = await find({ alreadyWatched: 64 });
    watchOccupiedName(run, { secretName: 'hello-tls', notices: [], refusal: taken });
    assert.deepEqual(watched, []);
  });

  it('is watched no longer than the status says so, and the certificate is there', () => {
    const certificates = new Cache<TenantCertificate>({ logger: quiet });
    for (const each of [certificate(OCCUPIED, 'waiting'), certificate({ conditions: [] }, 'served')]) certificates.upsert(each);
    assert.deepEqual([...occupiedNames({ certificates })], ['shop/waiting-tls']);
    certificates.remove(certificate(OCCUPIED, 'waiting'));
    assert.equal(occupiedNames({ certificates }).size, 0);
  });
});
