import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { OWN_ANNOTATION } from '../../../src/api/names.ts';
import { Cache } from '../../../src/kube/cache.ts';
import { encodeCrl } from '../../../src/pki/crl.ts';
import { Authorities } from '../../../src/reconcilers/authorities/authority.ts';
import { crlIssuerNames, findListed, issuerNames } from '../../../src/reconcilers/authorities/listed-authority.ts';
import { pruneSecret } from '../../../src/reconcilers/owned-secret.ts';
import type { OwnedSecret } from '../../../src/reconcilers/owned-secret.ts';
import { INDEX } from '../../../src/reconcilers/reconciler-context.ts';
import { anIntermediate, aRoot, NOW } from '../../pki/authorities.ts';
import type { Authority } from '../../pki/authorities.ts';
import { quiet } from './state-store.ts';

const WEEK = 7 * 86_400_000;

describe('findListed', () => {
  let root: Authority;
  let stranger: Authority;
  let middle: Authority;
  let below: Authority;
  let other: Authority;
  let viaTwin: Authority;

  before(async () => {
    root = await aRoot({ subject: { commonName: 'root' } });
    stranger = await aRoot({ subject: { commonName: 'root' } });
    middle = await anIntermediate(root, { subject: { commonName: 'middle' } });
    other = await anIntermediate(root, { subject: { commonName: 'other' } });
    below = await anIntermediate(middle, { subject: { commonName: 'below' } });
    viaTwin = await anIntermediate(middle, { subject: { commonName: 'below' } });
  });

  const serialOf = ({ issuer }: Authority) => issuer.x509.serialNumber;
  const crlOf = async (signer: Authority, revoked: readonly Authority[]) => (
    await encodeCrl(signer.issuer, { number: 1n, thisUpdate: NOW, nextUpdate: new Date(NOW.getTime() + WEEK), entries: revoked.map((each) => ({ serialNumber: serialOf(each), revocationDate: NOW, reason: 'cACompromise' as const })) })
  ).pem;
  /** The two Secrets beside a CA, as its authority writes them. */
  const beside = (ca: string, { crl, anchors, more = {} }: { readonly crl: string; readonly anchors: readonly Authority[]; readonly more?: Record<string, string> }): OwnedSecret[] => {
    const state = (name: string, data: Record<string, string>) => pruneSecret({
      metadata: { namespace: 'shop', name, annotations: { [OWN_ANNOTATION.authority]: `Secret/shop/${ca}` }, resourceVersion: '1' },
      data: Object.fromEntries(Object.entries({ ...data, ...more }).map(([key, text]) => [key, Buffer.from(text).toString('base64')])),
    });
    return [state(`${ca}-crl`, { [`${'0'.repeat(64)}.crl`]: crl, 'ca.crl': crl }), state(`${ca}-anchors`, Object.fromEntries(anchors.map(({ issuer, anchorPem }) => [`${issuer.sha256}.crt`, anchorPem])))];
  };
  const judge = ({ issuer }: Authority, secrets: readonly OwnedSecret[]) => {
    const cache = new Cache<OwnedSecret>({ logger: quiet, indexes: { [INDEX.crlIssuer]: crlIssuerNames } });
    for (const secret of secrets) cache.upsert(secret);
    return findListed({ caches: { secrets: cache } }, issuer, 'Secret shop/copy');
  };

  it('stops a CA that is listed, and names Secret, serial and CRL', async () => {
    const refusal = judge(middle, beside('root', { crl: await crlOf(root, [middle]), anchors: [root] }));
    assert.deepEqual(refusal, { reason: 'Revoked', message: `the CA in Secret shop/copy signs nothing: its certificate, serial ${serialOf(middle)}, is revoked on the CRL in Secret shop/root-crl` });
  });
  it('stops a CA below one that is listed', async () => {
    const refusal = judge(below, beside('root', { crl: await crlOf(root, [middle]), anchors: [root] }));
    assert.match(refusal?.message ?? '', new RegExp(`a certificate above it, serial ${serialOf(middle)}`, 'u'));
  });
  it('finds the key of an issuer that is trusted by its twin', async () => {
    const refusal = judge(viaTwin, beside('middle', { crl: await crlOf(middle, [viaTwin]), anchors: [middle] }));
    assert.equal(refusal?.reason, 'Revoked');
  });

  const harmless: Record<string, () => Promise<OwnedSecret[]>> = {
    'whose issuer keeps no CRL': async () => [],
    'that is not listed': async () => beside('root', { crl: await crlOf(root, [other]), anchors: [root] }),
    'that is listed by a stranger of the same name': async () => beside('root', { crl: await crlOf(stranger, [middle]), anchors: [stranger] }),
    'that is listed by a stranger who shows the anchor of its issuer': async () => beside('root', { crl: await crlOf(stranger, [middle]), anchors: [root] }),
    'that is listed by a CRL whose content was changed': async () => {
      const genuine = Buffer.from((await crlOf(root, [other])).replaceAll(/-----.*-----|\n/gu, ''), 'base64').toString('hex').toUpperCase();
      const changed = genuine.replace(serialOf(other), serialOf(middle));
      assert.notEqual(changed, genuine);
      const forged = Buffer.from(changed, 'hex').toString('base64').replaceAll(/.{64}/gu, '$&\n');
      return beside('root', { crl: `-----BEGIN X509 CRL-----\n${forged}\n-----END X509 CRL-----\n`, anchors: [root] });
    },
  };
  for (const [sentence, secrets] of Object.entries(harmless)) it(`lets go on a CA ${sentence}`, async () => assert.equal(judge(middle, await secrets()), undefined));

  it('never stops a root, which nobody above can revoke', async () => {
    assert.equal(judge(root, beside('root', { crl: await crlOf(root, [root]), anchors: [root] })), undefined);
  });
  it('is not kept from looking by a Secret that holds nonsense', async () => {
    const nonsense = beside('nonsense', { crl: await crlOf(root, [middle]), anchors: [], more: { 'x.crt': 'x', 'y.crl': 'y' } });
    assert.equal(judge(middle, nonsense), undefined);
    assert.equal(judge(middle, [...nonsense, ...beside('root', { crl: await crlOf(root, [middle]), anchors: [root] })])?.reason, 'Revoked');
  });
  it('wakes those who are below, and no others', async () => {
    const authorities = new Authorities(() => {}, () => {});
    for (const [key, each] of Object.entries({ root, middle, below })) authorities.placeUnder(key, issuerNames(each.issuer));
    const under = (crl: string) => authorities.under(crlIssuerNames(beside('any', { crl, anchors: [] })[0] ?? assert.fail()));
    assert.deepEqual(under(await crlOf(root, [])), ['middle', 'below']);
    assert.deepEqual(under(await crlOf(middle, [])), ['below']);
    assert.deepEqual(under(await crlOf(below, [])), []);
  });
});
