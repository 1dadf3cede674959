import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import * as fc from 'fast-check';

import { inspectCertificate } from '../../src/pki/inspect-certificate.ts';
import { InvalidRequestError } from '../../src/pki/invalid-request-error.ts';
import { canonicalNames } from '../../src/pki/subject-alternative-names.ts';
import type { AlternativeNames } from '../../src/pki/subject-alternative-names.ts';
import { aLeaf, aRoot } from './authorities.ts';
import { printWithOpenssl } from './openssl.ts';
import { soaked } from '../support/soak.ts';

type Names = Partial<AlternativeNames>;

describe('canonicalNames', () => {
  const accepted: Readonly<Record<string, [Names, Names]>> = {
    'lower-cases DNS names': [{ dnsNames: ['Hello.Shop.SVC'] }, { dnsNames: ['hello.shop.svc'] }],
    'keeps one leading wildcard': [{ dnsNames: ['*.shop.svc'] }, { dnsNames: ['*.shop.svc'] }],
    'writes international names as A-labels': [{ dnsNames: ['bücher.example', '*.bücher.example'] }, { dnsNames: ['xn--bcher-kva.example', '*.xn--bcher-kva.example'] }],
    'drops repetitions': [{ dnsNames: ['a.b', 'A.B'] }, { dnsNames: ['a.b'] }],
    'shortens IPv6': [{ ipAddresses: ['2001:0DB8:0:0:0:0:0:1', '::ffff:10.0.0.1'] }, { ipAddresses: ['2001:db8::1', '::ffff:a00:1'] }],
    'keeps URIs as they are': [{ uris: ['spiffe://shop/ns/a%20b', 'https://[2001:db8::1]:8443/x', 'urn:shop:hello'] }, { uris: ['spiffe://shop/ns/a%20b', 'https://[2001:db8::1]:8443/x', 'urn:shop:hello'] }],
    'lower-cases the domain of a mailbox only': [{ emailAddresses: ['Ops@Shop.Example'] }, { emailAddresses: ['Ops@shop.example'] }],
  };
  for (const [sentence, [names, expected]] of Object.entries(accepted)) {
    it(sentence, () => assert.deepEqual(canonicalNames(names), { ...canonicalNames({}), ...expected }));
  }

  const refused: Readonly<Record<string, readonly [keyof AlternativeNames, ...string[]]>> = {
    'names that are none': ['dnsNames', '', '.', 'a..b', '.a.b', 'a.b.', '-a.b', 'a-.b', 'a b', 'a_b.c', 'a/b', 'a,b', 'a%2eb', `${'x'.repeat(64)}.b`, `${'x.'.repeat(127)}toolong`, 'x'.repeat(10_240)],
    'wildcards elsewhere than in front': ['dnsNames', 'a.*.b', '**.b', 'a*.b', '*', '*.'],
    'NUL, line breaks and control characters': ['dnsNames', 'a\0.b', 'a\n.b', 'a.b\r\n', 'a\t.b'],
    'other dots than the ASCII one': ['dnsNames', 'a。b.example', 'a．b.example', 'a｡b.example'],
    'letters in disguise and direction marks': ['dnsNames', 'ａdmin.example', 'a\u200Fb.example', 'a\u202Eb.example', 'a\u00ADb.example'],
    'addresses among DNS names': ['dnsNames', '10.0.0.1', '1', 'a.1'],
    'addresses that are none or mean one machine only': ['ipAddresses', '', '10.0.0', '10.0.0.256', '010.0.0.1', '0x7f.1', '10.0.0.0/8', 'fe80::1%eth0', '::g', 'hello'],
    'URIs that are none': ['uris', '', 'hello', '//shop/a', 'spiffe://shop/a b', 'spiffe://shop/\n', 'spiffe://shop/ü', `spiffe://shop/${'x'.repeat(10_240)}`],
    'URIs that readers take apart differently': ['uris', 'SPIFFE://shop/a', 'spiffe://Shop/a', 'spiffe://evil@shop/a', 'spiffe://shop/../x', 'spiffe://shop/a/..', 'spiffe://shop/%2e%2E/x', 'spiffe://shop\\@evil/', 'spiffe:///a', 'https://a..b/'],
    'mailboxes that are none': ['emailAddresses', '', 'a', '@b.c', 'a@', 'a@@b.c', '"a b"@c.d', 'a\n@b.c', 'a@*.b', '.a@b.c'],
  };
  for (const [sentence, [field, ...texts]] of Object.entries(refused)) {
    it(`refuses ${sentence}, naming the field`, () => {
      for (const text of texts) {
        assert.throws(() => canonicalNames({ [field]: [text] }), (error) => error instanceof InvalidRequestError && error.field === `spec.${field}[0]`, JSON.stringify(text));
      }
    });
  }

  it('changes nothing the second time', () => {
    fc.assert(
      fc.property(fc.array(fc.domain(), { maxLength: 5 }), fc.array(fc.ipV6(), { maxLength: 3 }), fc.array(fc.emailAddress(), { maxLength: 3 }), (dnsNames, ipAddresses, emailAddresses) => {
        const once = canonicalNames({ dnsNames, ipAddresses, emailAddresses });
        assert.deepEqual(canonicalNames(once), once);
      }),
    );
  });

  it('never lets text through that is not a host name, whatever it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (text) => {
        const result = attempt(text);
        assert.ok(result === undefined || /^(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)*$/.test(result));
      }),
    );
  });
});

function attempt(text: string): string | undefined {
  try {
    return canonicalNames({ dnsNames: [text] }).dnsNames[0];
  } catch {
    return undefined;
  }
}

describe('the names of a certificate', () => {
  it('are the names of the request and no others', async () => {
    const root = await aRoot();
    const uri = fc.stringMatching(/^spiffe:\/\/[a-z]{1,9}(\.[a-z]{1,9})?(\/[A-Za-z0-9_-]{1,9}){0,3}$/);
    const list = <T>(one: fc.Arbitrary<T>): fc.Arbitrary<T[]> => fc.array(one, { maxLength: 4 });
    const names = fc.record({ dnsNames: list(fc.domain()), ipAddresses: list(fc.oneof(fc.ipV4(), fc.ipV6())), uris: list(uri), emailAddresses: list(fc.emailAddress()) });
    await fc.assert(
      fc.asyncProperty(names, async (names) => {
        const { certificate } = await aLeaf(root, names);
        const inspected = inspectCertificate(certificate.pem);
        assert.deepEqual(inspected?.names, canonicalNames(names));
        assert.equal(inspected?.subject, 'CN=hello.shop.example');
        assert.equal(inspected?.content.hasOtherNames, false);
      }),
      { numRuns: soaked(60) },
    );
  });

  it('are read the same by OpenSSL', async () => {
    const { certificate } = await aLeaf(await aRoot(), { dnsNames: ['*.bücher.example'], ipAddresses: ['10.0.0.1', '::1'], uris: ['spiffe://shop/a,DNS:evil'], emailAddresses: ['a@b.c'] });
    const printed = printWithOpenssl('x509', certificate.pem, '-ext', 'subjectAltName');
    assert.match(printed, /DNS:\*\.xn--bcher-kva\.example, IP Address:10\.0\.0\.1, IP Address:0:0:0:0:0:0:0:1, URI:spiffe:\/\/shop\/a,DNS:evil, email:a@b\.c/);
  });
});
