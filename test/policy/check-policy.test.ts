import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import * as fc from 'fast-check';

import type { TenantAllow } from '../../src/api/tenant.ts';
import { desireCertificate } from '../../src/issuance/desired-certificate.ts';
import { checkPolicy, isAllowed } from '../../src/policy/check-policy.ts';
import type { PolicyRequest } from '../../src/policy/check-policy.ts';
import type { NameKind } from '../../src/policy/name-kinds.ts';
import { refuseFor } from '../../src/policy/violation.ts';
import { SHOP, aRequest, aTenantSpec } from './builders.ts';
import { soaked } from '../support/soak.ts';

const ALLOW: Partial<TenantAllow> = {
  commonNames: ['*.shop.example'], dnsNames: ['*.shop.svc', '*.shop.svc.cluster.local'], uris: ['spiffe://shop/*'], emailAddresses: ['*@shop.example'],
  ipAddresses: ['10.0.0.0/8', 'fd00::/8'], subject: { organizations: ['Shop'] },
};

describe('checkPolicy', () => {
  interface Case {
    readonly request: PolicyRequest;
    readonly allow?: Partial<TenantAllow>;
    /** Fields that are refused; none: the request is allowed. */
    readonly refused: readonly string[];
  }
  const cases: Record<string, Case> = {
    'allows a request within every rule': {
      request: aRequest({
        subject: { commonName: 'hello.shop.example', organizations: ['Shop'] }, dnsNames: ['hello.shop.svc', 'hello.shop.svc.cluster.local'],
        uris: ['spiffe://shop/hello'], emailAddresses: ['ops@shop.example'], ipAddresses: ['10.1.2.3', 'fd00::1'],
      }),
      refused: [],
    },
    'refuses every name where nothing is allowed': {
      request: aRequest({ subject: { commonName: 'a' }, dnsNames: ['a.b'], uris: ['spiffe://a/b'], emailAddresses: ['a@b'], ipAddresses: ['10.0.0.1'] }), allow: {},
      refused: ['spec.commonName', 'spec.dnsNames[0]', 'spec.uris[0]', 'spec.emailAddresses[0]', 'spec.ipAddresses[0]'],
    },
    'names the one DNS name of several that is refused': { request: aRequest({ dnsNames: ['a.shop.svc', 'a.other.svc'] }), refused: ['spec.dnsNames[1]'] },
    'refuses the other tenant\'s common name': { request: aRequest({ subject: { commonName: 'hello.other.example' } }), refused: ['spec.commonName'] },
    'refuses each attribute of the subject that is not listed': {
      request: aRequest({ subject: { organizations: ['Shop', 'Shop '], organizationalUnits: ['x'], countries: ['SI'], provinces: ['y'], localities: ['z'] } }),
      refused: ['spec.subject.organizations[1]', 'spec.subject.organizationalUnits[0]', 'spec.subject.countries[0]', 'spec.subject.provinces[0]', 'spec.subject.localities[0]'],
    },
    'refuses a usage that is not among the two defaults': { request: aRequest({ usages: ['server auth', 'code signing'] }), refused: ['spec.usages[1]'] },
    'allows only the usages listed': { request: aRequest(), allow: { usages: ['client auth'] }, refused: ['spec.usages[0]'] },
    'refuses a leaf without extended usage: it would be good for any': { request: aRequest({ usages: [] }), refused: ['spec.usages'] },
    'refuses a leaf with key usages only': { request: aRequest({ usages: ['digital signature'] }), refused: ['spec.usages'] },
    'lets a leaf spell out the digital signature that every leaf has': { request: aRequest({ usages: ['digital signature', 'client auth'] }), refused: [] },
    'refuses a leaf that asks to sign certificates': { request: aRequest({ usages: ['cert sign', 'client auth'] }), refused: ['spec.usages[0]'] },
    'refuses an authority': { request: aRequest({ isCA: true, usages: [] }), refused: ['spec.isCA'] },
    'allows an authority where authorities are allowed': { request: aRequest({ isCA: true, usages: ['cert sign'] }), allow: { isCA: true }, refused: [] },
    'refuses what is longer than 2160 hours': { request: aRequest({ durationMs: 2160 * 3_600_000 + 1 }), refused: ['spec.duration'] },
    'allows 2160 hours': { request: aRequest({ durationMs: 2160 * 3_600_000 }), refused: [] },
    'refuses what is longer than maxDuration': { request: aRequest(), allow: { maxDuration: '24h' }, refused: ['spec.duration'] },
    'refuses RSA unless it is listed': { request: aRequest({ key: { algorithm: 'RSA' } }), refused: ['spec.privateKey.algorithm'] },
    'allows only the algorithms listed': { request: aRequest(), allow: { algorithms: ['RSA'] }, refused: ['spec.privateKey.algorithm'] },
  };
  for (const [sentence, { request, allow = ALLOW, refused }] of Object.entries(cases)) {
    it(sentence, () => {
      const violations = checkPolicy(request, aTenantSpec(allow), SHOP);
      assert.deepEqual(violations.map(({ field }) => field), refused);
      for (const { field, message, rule } of violations) assert.ok(message.startsWith(field) && message.includes(rule.split('.')[1] ?? ''), message);
    });
  }

  it('says which name matches none of which rule', () => {
    const [violation] = checkPolicy(aRequest({ dnsNames: ['a.shop.svc', 'x'] }), aTenantSpec(ALLOW), SHOP);
    assert.equal(violation?.message, 'spec.dnsNames[1] "x" matches none of the Tenant\'s allow.dnsNames');
    assert.equal(violation?.rule, 'allow.dnsNames');
  });

  it('refuses a namespace that is not listed, and tells it nothing about the rules', () => {
    const violations = checkPolicy(aRequest({ dnsNames: ['x'] }), aTenantSpec(ALLOW), { name: 'other', labels: {} });
    assert.deepEqual(violations.map(({ reason }) => reason), ['NamespaceNotAllowed']);
  });

  it('refuses where there is no Tenant', () => {
    assert.deepEqual(checkPolicy(aRequest(), undefined, SHOP).map(({ reason }) => reason), ['TenantNotFound']);
  });

  it('judges what issuance resolves from a spec', () => {
    const { request } = desireCertificate({
      apiVersion: 'tenant-mtls.dev/v1alpha1', kind: 'TenantCertificate', metadata: { name: 'hello' },
      spec: { issuer: { kind: 'Tenant', name: 'shop' }, dnsNames: ['hello.shop.svc'], isCA: false, privateKey: { algorithm: 'ECDSA', rotationPolicy: 'Always' }, networkPolicy: 'Unmanaged' },
    });
    assert.deepEqual(checkPolicy(request, aTenantSpec(ALLOW), SHOP), []);
  });
});

describe('isAllowed', () => {
  const cases: Record<NameKind, Record<string, readonly [pattern: string, allowed: readonly string[], refused: readonly string[]]>> = {
    dnsNames: {
      'one label for *': ['*.shop.svc', ['a.shop.svc', 'A.Shop.SVC', 'a_b-c.shop.svc'], ['shop.svc', 'a.b.shop.svc', 'a.shop.svc.', '.shop.svc', 'a.shop.svc.evil', 'ashop.svc']],
      'one or more labels for **': ['**.svc', ['a.svc', 'a.b.c.svc'], ['svc', 'a.svcx', '.svc', 'a..svc']],
      'a * in the middle': ['a.*.svc', ['a.x.svc'], ['a.svc', 'a.x.y.svc', 'b.x.svc']],
      'a ** in the middle': ['a.**.svc', ['a.x.svc', 'a.x.y.svc'], ['a.svc', 'x.svc']],
      'a wildcard certificate only where a wildcard covers it': ['*.shop.svc', ['*.shop.svc'], ['*.svc', '**.shop.svc', 'x*.shop.svc', '*']],
      'no wildcard certificate for a literal': ['a.shop.svc', ['a.shop.svc'], ['*.shop.svc']],
      'no wildcard inside a label': ['web-*.shop', [], ['web-1.shop', 'web-*.shop']],
      'no look-alikes, controls or white space': ['**', ['kube.svc'], ['\u212Aube.svc', 'kub\u0435.svc', 'a\n.svc', 'a\u0000.svc', 'a b.svc', 'a.svc\u200F', 'a@svc', 'a/svc', '']],
      'no name beyond 253 characters': ['**', [`${'a.'.repeat(126)}a`], [`${'a.'.repeat(127)}a`, `${'a'.repeat(64)}.svc`]],
    },
    uris: {
      'one segment for *': ['spiffe://shop/*', ['spiffe://shop/a', 'spiffe://shop/a-b.c'], ['spiffe://shop', 'spiffe://shop/', 'spiffe://shop/a/b', 'spiffe://shop/a/', 'spiffe://shopx/a', 'spiffe://other/a', 'https://shop/a', 'SPIFFE://shop/a', 'spiffe://SHOP/a']],
      'one or more segments for **': ['spiffe://shop/ns/**', ['spiffe://shop/ns/a', 'spiffe://shop/ns/a/b'], ['spiffe://shop/ns', 'spiffe://shop/ns/', 'spiffe://shop/a']],
      'a * in the middle': ['spiffe://shop/ns/*/sa/web', ['spiffe://shop/ns/a/sa/web'], ['spiffe://shop/ns/a/b/sa/web', 'spiffe://shop/ns/sa/web']],
      'no dot segments, percent signs, queries, fragments or user': ['spiffe://shop/**', [], ['spiffe://shop/..', 'spiffe://shop/a/../b', 'spiffe://shop/./a', 'spiffe://shop/%2e%2e', 'spiffe://shop/a?b', 'spiffe://shop/a#b', 'spiffe://x@shop/a', 'spiffe://shop/a\\b', 'spiffe://shop//a', 'spiffe://shop/*', 'spiffe://shop/a\n']],
      'no wildcard in scheme or host': ['spiffe://*/a', [], ['spiffe://shop/a', 'spiffe://*/a']],
      'the port as part of the host': ['https://shop:8443/*', ['https://shop:8443/a'], ['https://shop/a', 'https://shop:8444/a']],
      'other URIs as a whole': ['urn:shop:hello', ['urn:shop:hello'], ['urn:shop:other', 'URN:shop:hello']],
      'no wildcard in other URIs': ['urn:shop:*', [], ['urn:shop:hello', 'urn:shop:*']],
    },
    emailAddresses: {
      'any local part for *': ['*@shop.example', ['ops@shop.example', 'a.b+c@SHOP.example'], ['ops@a.shop.example', 'ops@shop.example.evil', 'a@b@shop.example', '@shop.example', '"a b"@shop.example', 'ops', 'x,CN=a@shop.example', '*@shop.example']],
      'the local part with its case': ['ops@shop.example', ['ops@shop.example'], ['Ops@shop.example']],
      'labels of the domain': ['*@*.shop.example', ['ops@a.shop.example'], ['ops@shop.example']],
      'no ** for the local part': ['**@shop.example', [], ['ops@shop.example']],
    },
    commonNames: {
      'one label for *': ['*.shop.example', ['hello.shop.example'], ['a.b.shop.example', 'hello.Shop.example', 'x,CN=alice.shop.example', 'a=b.shop.example', 'a b.shop.example', '*.shop.example']],
      'a mail address': ['*@shop.example', ['ops@shop.example'], ['ops@other.example', 'ops']],
      'any other name as a whole': ['Alice Smith', ['Alice Smith'], ['alice smith', 'Alice  Smith', 'Alice Smith\u0000', 'Alic\u0435 Smith', 'Alice Smith,O=x']],
      'no free text for a lone *': ['*', ['alice'], ['Alice Smith', 'x,CN=alice', 'a.b', '*', '\u202Ealice', 'аlice']],
      'no sequence of forms': ['*.*', ['a.b'], ['Alice Smith', 'ops@shop']],
    },
  };
  for (const [kind, byRule] of Object.entries(cases) as [NameKind, (typeof cases)[NameKind]][]) {
    for (const [rule, [pattern, allowed, refused]] of Object.entries(byRule)) {
      it(`${kind} ${pattern}: ${rule}`, () => {
        for (const name of allowed) assert.ok(isAllowed(kind, name, [pattern]), `${JSON.stringify(name)} should be allowed`);
        for (const name of refused) assert.ok(!isAllowed(kind, name, [pattern]), `${JSON.stringify(name)} should be refused`);
      });
    }
  }

  const element = fc.constantFrom('a', 'b', 'c');
  const wild = fc.oneof(element, fc.constantFrom('*', '**'));
  it('allows exactly the names that a regular expression of the pattern allows', () => {
    fc.assert(fc.property(fc.array(wild, { minLength: 1, maxLength: 5 }), fc.array(element, { minLength: 1, maxLength: 6 }), (pattern, name) => {
      const expression = pattern.map((each) => (each === '*' ? '[abc]' : each === '**' ? '[abc](?:\\.[abc])*' : each)).join('\\.');
      assert.equal(isAllowed('dnsNames', name.join('.'), [pattern.join('.')]), new RegExp(`^${expression}$`, 'u').test(name.join('.')));
      assert.equal(isAllowed('uris', `spiffe://t/${name.join('/')}`, [`spiffe://t/${pattern.join('/')}`]), new RegExp(`^${expression}$`, 'u').test(name.join('.')));
    }), { numRuns: soaked(500) });
  });

  it('allows nothing of a hostile name by any pattern but itself, and never throws', () => {
    const kinds = fc.constantFrom<NameKind>('commonNames', 'dnsNames', 'uris', 'emailAddresses');
    fc.assert(fc.property(kinds, fc.string({ unit: 'binary', maxLength: 40 }), fc.constantFrom('*', '**', '*.*', '*@*', 'spiffe://t/**'), (kind, name, pattern) => {
      if (isAllowed(kind, name, [pattern])) assert.match(name, /^[A-Za-z0-9._@+:/-]+$/u);
    }), { numRuns: soaked(1000) });
  });

  it('answers in no time for 10 kB of labels against 64 patterns of wildcards', () => {
    const hostile = `${'a.'.repeat(5000)}b`;
    const patterns = Array.from({ length: 64 }, (_, index) => `${'**.'.repeat(20)}x${index}`);
    const started = performance.now();
    for (const kind of ['commonNames', 'dnsNames', 'emailAddresses', 'uris'] as const) assert.ok(!isAllowed(kind, hostile, patterns));
    assert.ok(!isAllowed('uris', `spiffe://t/${'a/'.repeat(5000)}b`, ['spiffe://t/**/**/**/x']));
    assert.ok(performance.now() - started < 3000, `${performance.now() - started} ms`);
  });
});

describe('checkPolicy over addresses', () => {
  const networks = ['10.0.0.0/8', '192.0.2.7/32', 'fd00::/8', 'not/a/network', '10.0.0.0', '::/129', '1.2.3.4/x'];
  const cases: Record<string, boolean> = {
    '10.255.0.1': true, '192.0.2.7': true, '192.0.2.8': false, '11.0.0.1': false, 'fd12::1': true, 'fe80::1': false, 'fd00::1%eth0': false,
    '::ffff:10.0.0.1': false, '::ffff:a00:1': false, '010.0.0.1': false, '10.1': false, '': false, '10.0.0.1\n': false, '1.2.3.4': false,
  };
  for (const [address, allowed] of Object.entries(cases)) {
    it(`${allowed ? 'allows' : 'refuses'} ${JSON.stringify(address)}`, () => {
      const violations = checkPolicy(aRequest({ ipAddresses: [address] }), aTenantSpec({ ipAddresses: networks }), SHOP);
      assert.deepEqual(violations.map(({ field }) => field), allowed ? [] : ['spec.ipAddresses[0]']);
    });
  }
});

describe('checkPolicy over all addresses', () => {
  it('refuses IPv4 in the guise of IPv6 even where every IPv6 address is allowed', () => {
    const refused = (address: string) => checkPolicy(aRequest({ ipAddresses: [address] }), aTenantSpec({ ipAddresses: ['::/0'] }), SHOP).length > 0;
    assert.deepEqual([refused('2001:db8::1'), refused('::ffff:10.0.0.1'), refused('::FFFF:a00:1')], [false, true, true]);
  });
});

describe('refuseFor', () => {
  it('shows three violations, the number of the rest, and nothing but ASCII of a name', () => {
    const [first, ...rest] = checkPolicy(aRequest({ dnsNames: ['\u202Eevil\n', 'b', 'c', 'd', 'e'] }), aTenantSpec(ALLOW), SHOP);
    assert.ok(first);
    const { message, reason, field, rule } = refuseFor([first, ...rest]);
    assert.match(message, /^spec\.dnsNames\[0\] "\\u\{202e\}evil\\n" matches none .*; and 2 more$/u);
    assert.deepEqual([reason, field, rule], ['PolicyViolation', 'spec.dnsNames[0]', 'allow.dnsNames']);
  });
  it('cuts a long name', () => {
    const [first] = checkPolicy(aRequest({ subject: { organizations: ['x'.repeat(10_000)] } }), aTenantSpec(ALLOW), SHOP);
    assert.ok(first && first.message.length < 250);
  });
});
