import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { findConstraintViolation } from '../../src/pki/name-constraint-check.ts';
import { encodeNameConstraints, nameConstraintsFor, readNameConstraints } from '../../src/pki/name-constraints.ts';
import type { AllowedNames } from '../../src/pki/name-constraints.ts';
import { canonicalNames } from '../../src/pki/subject-alternative-names.ts';
import { verifyIssued } from '../../src/pki/verify-issued.ts';
import type { AlternativeNames } from '../../src/pki/subject-alternative-names.ts';
import { judgeWithGo } from '../support/go-verify/judge.ts';
import { aLeaf, anIntermediate, aRoot, NOW } from './authorities.ts';
import { verifyWithOpenssl } from './openssl.ts';

const CLOSED = 'nothing.invalid';

describe('nameConstraintsFor', () => {
  const cases: Readonly<Record<string, [AllowedNames, Partial<ReturnType<typeof nameConstraintsFor>['permitted']>]>> = {
    'closes every kind that is not allowed': [{}, { dnsNames: [CLOSED], uriHosts: [CLOSED], emails: [CLOSED], ipRanges: [] }],
    'permits what stands below a wildcard': [{ dnsNames: ['*.shop.svc', '**.shop.svc.cluster.local', 'a.*.b.example', 'web-*.x.example'] }, { dnsNames: ['b.example', 'shop.svc', 'shop.svc.cluster.local', 'x.example'] }],
    'permits a literal name': [{ dnsNames: ['hello.Shop.svc'] }, { dnsNames: ['hello.shop.svc'] }],
    'opens a kind that constraints cannot narrow': [{ dnsNames: ['a.b', '**'], uris: ['urn:x:*'] }, { dnsNames: [], uriHosts: [] }],
    'permits the host of URIs': [{ uris: ['spiffe://shop/*', 'https://api.example:8443/a', 'https://*.shop.example/**'] }, { uriHosts: ['.shop.example', 'api.example', 'shop'] }],
    'permits mailboxes and mail domains': [{ emailAddresses: ['*@shop.example', 'ops@Bank.example', '*@*.x.example'] }, { emails: ['.x.example', 'ops@bank.example', 'shop.example'] }],
    'permits international names as A-labels': [{ dnsNames: ['*.xn--bcher-kva.example', '*.bücher.example'] }, { dnsNames: ['xn--bcher-kva.example'] }],
    'has no room for what is no host': [{ dnsNames: ['*.shop.svc.', 'a..b', '-a.b'], commonNames: ['Acme-Inc.', 'x/y.z'], uris: ['https://a..b/x', 'https://A_/x'], emailAddresses: ['*@a..b', '.x@a.b', 'x@'] }, { dnsNames: [CLOSED], uriHosts: ['a_'], emails: [CLOSED] }],
    'keeps what is a host beside what is none': [{ dnsNames: ['*.shop.svc', 'a..b'], emailAddresses: ['*@a.b', '*@a..b'] }, { dnsNames: ['shop.svc'], emails: ['a.b'] }],
    'opens URIs for a host that is an address, which no constraint can name': [{ uris: ['spiffe://shop/*', 'https://10.0.0.1:8443/x'] }, { uriHosts: [] }],
    'opens URIs for an IPv6 address as well': [{ uris: ['https://[fd00::1]:443/x'] }, { uriHosts: [] }],
    'permits common names that look like hosts, which OpenSSL takes for DNS names': [{ dnsNames: ['*.shop.svc'], commonNames: ['customer1.example', '*.shop.example', 'alice', '*', 'a@b.example', 'Alice B. Smith'] }, { dnsNames: ['customer1.example', 'shop.example', 'shop.svc'] }],
    'opens DNS names where any common name may be asked for': [{ commonNames: ['**'] }, { dnsNames: [] }],
    'permits networks': [{ ipAddresses: ['10.1.0.0/16', 'FD00:0::0/8', '::ffff:10.0.0.0/104'] }, { ipRanges: ['10.1.0.0/16', '::ffff:a00:0/104', 'fd00::/8'] }],
  };
  for (const [sentence, [allow, permitted]] of Object.entries(cases)) {
    it(sentence, () => {
      const constraints = nameConstraintsFor(allow);
      assert.deepEqual({ ...constraints.permitted, ...permitted }, constraints.permitted);
      assert.deepEqual(constraints.excluded.ipRanges, allow.ipAddresses ? [] : ['0.0.0.0/0', '::/0']);
      assert.deepEqual(readNameConstraints(encodeNameConstraints(constraints)), constraints);
    });
  }
});

/** What a tenant may have, and names inside (true) and outside (false) of it. */
const TENANT: AllowedNames = {
  dnsNames: ['*.shop.svc', 'shop.example'],
  uris: ['spiffe://shop/*', 'https://*.shop.example/'],
  emailAddresses: ['*@shop.example'],
  ipAddresses: ['10.1.0.0/16', 'fd00:1::/32'],
};

const NAMES: readonly (readonly [Partial<AlternativeNames>, boolean])[] = [
  [{ dnsNames: ['hello.shop.svc'] }, true],
  [{ dnsNames: ['*.shop.svc', 'shop.example'] }, true],
  [{ dnsNames: ['hello.bank.svc'] }, false],
  [{ dnsNames: ['hello.shop.svc', 'hello.bank.svc'] }, false],
  [{ dnsNames: ['notshop.svc'] }, false],
  [{ dnsNames: ['svc'] }, false],
  [{ uris: ['spiffe://shop/ns/a'] }, true],
  [{ uris: ['https://a.shop.example/x'] }, true],
  [{ uris: ['spiffe://bank/ns/a'] }, false],
  [{ uris: ['spiffe://shop.evil/ns/a'] }, false],
  [{ emailAddresses: ['a@shop.example'] }, true],
  [{ emailAddresses: ['a@bank.example'] }, false],
  [{ ipAddresses: ['10.1.255.255', 'fd00:1::5'] }, true],
  [{ ipAddresses: ['10.2.0.0'] }, false],
  [{ ipAddresses: ['fd00:2::5'] }, false],
];

describe('an authority for any patterns', () => {
  const odd: Readonly<Record<string, AllowedNames>> = {
    'a DNS name that ends in a dot': { dnsNames: ['*.shop.svc.', '*.shop.svc'] },
    'a common name that ends in a dot': { commonNames: ['Acme-Inc.'], dnsNames: ['*.shop.svc'] },
    'a mail domain with two dots': { emailAddresses: ['*@a..b', 'x..y@a.b'], dnsNames: ['*.shop.svc'] },
    'a URI with an address': { uris: ['https://10.0.0.1/x', 'https://[fd00::1]/x'], dnsNames: ['*.shop.svc'] },
    'URIs of odd hosts': { uris: ['https://a..b/x', 'https:///x', 'https://a b/x', 'https://-/x', 'https://u@a/x'], dnsNames: ['*.shop.svc'] },
    'labels that are too long, or many': { dnsNames: ['*.shop.svc', `${'a'.repeat(64)}.b`, `${'a.'.repeat(140)}b`] },
  };
  for (const [sentence, allow] of Object.entries(odd)) {
    it(`can be used by Go and OpenSSL with ${sentence}`, async () => {
      const root = await aRoot();
      const authority = await anIntermediate(root, { maxPathLen: 0, nameConstraints: nameConstraintsFor(allow) });
      const { certificate } = await aLeaf(authority, { subject: { commonName: 'hello' }, dnsNames: allow.dnsNames === undefined ? [] : ['hello.shop.svc'] });
      const [go] = judgeWithGo([{ roots: root.anchorPem, intermediates: authority.chainPem, leaf: certificate.pem, usage: 'any', at: NOW }]);
      assert.deepEqual([go?.ok, go?.error ?? ''], [true, '']);
      assert.equal(verifyWithOpenssl({ anchors: authority.anchorPem, leaf: certificate.pem, purpose: 'any', at: NOW }), 'OK');
    });
  }
});

describe('an authority for URIs of addresses', () => {
  it('can sign them, for OpenSSL; Go verifies no such URI under any constraints', async () => {
    const uris = ['https://10.0.0.1/x'];
    const authority = await anIntermediate(await aRoot(), { maxPathLen: 0, nameConstraints: nameConstraintsFor({ uris }) });
    const { certificate } = await aLeaf(authority, { subject: { commonName: 'hello' }, uris });
    assert.equal(verifyWithOpenssl({ anchors: authority.anchorPem, leaf: certificate.pem, purpose: 'any', at: NOW }), 'OK');
  });
});

describe('findConstraintViolation', () => {
  it('agrees with OpenSSL and Go, under the anchor and through the chain', async () => {
    const root = await aRoot();
    const authority = await anIntermediate(root, { maxPathLen: 0, nameConstraints: nameConstraintsFor(TENANT) });
    for (const [names, isInside] of NAMES) {
      const { certificate } = await aLeaf(authority, names);
      const sentence = JSON.stringify(names);
      assert.equal(findConstraintViolation(canonicalNames(names), nameConstraintsFor(TENANT)) === undefined, isInside, sentence);
      const underAnchor = { anchors: authority.anchorPem, leaf: certificate.pem, purpose: 'any', at: NOW } as const;
      assert.equal(verifyWithOpenssl(underAnchor) === 'OK', isInside, `openssl, anchor: ${sentence}`);
      assert.equal(verifyWithOpenssl({ ...underAnchor, anchors: root.anchorPem, untrusted: authority.chainPem }) === 'OK', isInside, `openssl, chain: ${sentence}`);
      const [go] = judgeWithGo([{ roots: root.anchorPem, intermediates: authority.chainPem, leaf: certificate.pem, usage: 'any', at: NOW }]);
      assert.equal(go?.ok, isInside, `Go: ${sentence}: ${go?.error}`);
    }
  });

  it('agrees with OpenSSL and Go that a tenant without allowed names has none', async () => {
    const root = await aRoot();
    const authority = await anIntermediate(root, { nameConstraints: nameConstraintsFor({}) });
    for (const [names] of NAMES) {
      const { certificate } = await aLeaf(authority, names);
      const [go] = judgeWithGo([{ roots: authority.anchorPem, leaf: certificate.pem, usage: 'any', at: NOW }, { roots: root.anchorPem, intermediates: authority.chainPem, leaf: certificate.pem, usage: 'any', at: NOW }]).slice(1);
      assert.equal(go?.ok, false, JSON.stringify(names));
      assert.notEqual(verifyWithOpenssl({ anchors: authority.anchorPem, leaf: certificate.pem, purpose: 'any', at: NOW }), 'OK', JSON.stringify(names));
      assert.notEqual(findConstraintViolation(canonicalNames(names), nameConstraintsFor({})), undefined);
    }
  });

  const COMMON_NAMES = ['customer1.example', 'a.customer1.example', 'customer2.example', 'alice', 'x_1.bank.example', 'a..b', '-a.b', 'a.b-', 'a b.c'];
  it('agrees with OpenSSL on common names of certificates without DNS names', async () => {
    const authority = await anIntermediate(await aRoot(), { nameConstraints: nameConstraintsFor({ commonNames: ['customer1.example'] }) });
    const verdicts: boolean[] = [];
    for (const commonName of COMMON_NAMES) {
      const { certificate, key } = await aLeaf(authority, { subject: { commonName } });
      const { ok } = verifyIssued({ certificateDer: certificate.der, chain: [], anchorDer: authority.anchorDer, key }, NOW);
      assert.equal(verifyWithOpenssl({ anchors: authority.anchorPem, leaf: certificate.pem, purpose: 'any', at: NOW }) === 'OK', ok, commonName);
      verdicts.push(ok);
    }
    assert.deepEqual(verdicts.slice(0, 4), [true, true, false, true]);
  });

  it('refuses to judge under constraints it does not understand', () => {
    assert.notEqual(findConstraintViolation(canonicalNames({}), { ...nameConstraintsFor({}), hasOthers: true }), undefined);
  });

  it('understands constraints of other authorities: whole domains, subdomains, exclusions', () => {
    const none = { dnsNames: [], uriHosts: [], emails: [], ipRanges: [] };
    const verdict = (names: Partial<AlternativeNames>, permitted: object, excluded: object): boolean =>
      findConstraintViolation(canonicalNames(names), { permitted: { ...none, ...permitted }, excluded: { ...none, ...excluded }, hasOthers: false }) === undefined;
    assert.equal(verdict({ dnsNames: ['a.b'] }, { dnsNames: [''] }, {}), true);
    assert.equal(verdict({ dnsNames: ['a.b'] }, { dnsNames: ['.b'] }, {}), true);
    assert.equal(verdict({ dnsNames: ['a.b'] }, {}, { dnsNames: [''] }), false);
    assert.equal(verdict({ dnsNames: ['x.a.b'] }, { dnsNames: ['b'] }, { dnsNames: ['a.b'] }), false);
    assert.equal(verdict({ uris: ['urn:x:y'] }, { uriHosts: ['b'] }, {}), false);
    assert.equal(verdict({ ipAddresses: ['::1'] }, { ipRanges: ['10.0.0.0/8'] }, {}), false);
  });
});
