import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { OWN_ANNOTATION } from '../../../src/api/names.ts';
import type { Secret } from '../../../src/api/object-meta.ts';
import type { TenantCertificateStatus } from '../../../src/api/tenant-certificate.ts';
import { Cache } from '../../../src/kube/cache.ts';
import type { IssuedCertificate } from '../../../src/pki/issue-certificate.ts';
import { writePrivateKey } from '../../../src/pki/private-key.ts';
import type { PrivateKey } from '../../../src/pki/private-key.ts';
import { describeAnchor } from '../../../src/reconcilers/authorities/anchor-store.ts';
import { Authorities } from '../../../src/reconcilers/authorities/authority.ts';
import type { AuthorityState } from '../../../src/reconcilers/authorities/authority.ts';
import { startRun } from '../../../src/reconcilers/certificates/certificate-run.ts';
import { rememberIssued } from '../../../src/reconcilers/certificates/remember-issued.ts';
import { pruneSecret } from '../../../src/reconcilers/owned-secret.ts';
import type { ReconcilerContext } from '../../../src/reconcilers/reconciler-context.ts';
import { aTenantCertificate } from '../../issuance/builders.ts';
import { aLeaf, aRoot, NOW } from '../../pki/authorities.ts';
import type { Authority, Leaf } from '../../pki/authorities.ts';
import { quiet } from '../authorities/state-store.ts';

describe('rememberIssued', () => {
  let ca: Authority;
  let own: Leaf;
  let victim: Leaf;
  let forged: Leaf;
  before(async () => {
    ca = await aRoot({ subject: { commonName: 'ca' } });
    own = await aLeaf(ca);
    victim = await aLeaf(ca);
    forged = await aLeaf(await aRoot({ subject: { commonName: 'ca' } }));
  });

  const aSecret = (certificate: IssuedCertificate, key: PrivateKey, annotations: Record<string, string> = {}): Secret => ({
    metadata: {
      name: 'hello-tls', namespace: 'shop',
      annotations: { [OWN_ANNOTATION.certificateName]: 'hello', [OWN_ANNOTATION.certificateHash]: certificate.sha256, [OWN_ANNOTATION.issuerHash]: ca.issuer.sha256, ...annotations },
    },
    data: { 'tls.crt': Buffer.from(certificate.pem).toString('base64'), 'tls.key': Buffer.from(writePrivateKey(key)).toString('base64') },
  });

  /** Serials in the status afterwards, and how often it was written. */
  async function remember(secret: Secret, { status = {} as TenantCertificateStatus, known = true } = {}) {
    const certificates = new Cache({ logger: quiet });
    const authorities = new Authorities(() => {}, () => {});
    const authority = { issuers: [ca.issuer.sha256], anchors: [describeAnchor(ca.anchorPem)] };
    if (known) authorities.publish('Tenant/shop', { kind: 'ready', authority: { issuer: ca.issuer, crls: [], accepted: [], notices: [], ...authority } } as unknown as AuthorityState);
    const certificate = { ...aTenantCertificate(), status };
    let writes = 0;
    const client = {
      serverTime: () => NOW,
      get: async () => secret,
      patchStatus: async (_: unknown, __: unknown, patch: TenantCertificateStatus) => {
        writes += 1;
        return { ...certificate, status: { ...status, ...patch } };
      },
    };
    const context = { client, authorities, caches: { certificates, tenants: new Cache({ logger: quiet }) }, now: () => NOW, log: quiet } as unknown as ReconcilerContext;
    const run = await rememberIssued(startRun(context, certificate, new AbortController().signal), pruneSecret(secret));
    return { serials: run.certificate.status?.issued?.map(({ serialNumber }) => serialNumber) ?? [], writes };
  }
  const serialOf = ({ certificate }: Leaf) => pruneSecret(aSecret(certificate, own.key)).serialNumber ?? assert.fail();

  it('writes down what was stored and never reported, beside what is known', async () => {
    const issued = [{ serialNumber: 'AA', issuerSHA256: ca.issuer.sha256, notAfter: new Date(NOW.getTime() + 1000).toISOString() }];
    assert.deepEqual(await remember(aSecret(own.certificate, own.key), { status: { issued } }), { serials: ['AA', serialOf(own)], writes: 1 });
  });
  it('writes nothing when it is known', async () => {
    const issued = [{ serialNumber: serialOf(own), issuerSHA256: ca.issuer.sha256, notAfter: new Date(NOW.getTime() + 1000).toISOString() }];
    assert.equal((await remember(aSecret(own.certificate, own.key), { status: { issued } })).writes, 0);
  });

  const refused: Record<string, () => Secret> = {
    'somebody else\'s certificate beside the own key': () => aSecret(victim.certificate, own.key),
    'somebody else\'s certificate under the annotations of the own one': () => aSecret(victim.certificate, own.key, { [OWN_ANNOTATION.certificateHash]: own.certificate.sha256 }),
    'a certificate that the issuer has not signed, though key and annotations fit': () => aSecret(forged.certificate, forged.key),
  };
  for (const [sentence, secret] of Object.entries(refused)) {
    it(`does not believe ${sentence}`, async () => assert.deepEqual(await remember(secret()), { serials: [], writes: 0 }));
  }
  it('believes nothing of an issuer that it does not know', async () => assert.equal((await remember(aSecret(own.certificate, own.key), { known: false })).writes, 0));
  it('needs no proof of a certificate that has signed itself', async () => {
    const { certificate, key } = await aRoot();
    assert.equal((await remember(aSecret(certificate, key, { [OWN_ANNOTATION.issuerHash]: certificate.sha256 }), { known: false })).writes, 1);
  });
});
