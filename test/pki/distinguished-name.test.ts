import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import * as fc from 'fast-check';

import { encodeSubject, formatDistinguishedName, parseDistinguishedName, readDistinguishedName } from '../../src/pki/distinguished-name.ts';
import type { SubjectFields } from '../../src/pki/distinguished-name.ts';
import { InvalidRequestError } from '../../src/pki/invalid-request-error.ts';
import { inspectCertificate } from '../../src/pki/inspect-certificate.ts';
import { aLeaf, aRoot } from './authorities.ts';
import { printWithOpenssl } from './openssl.ts';

const FULL: SubjectFields = {
  commonName: 'customer1.example',
  organizations: ['Customer1'],
  organizationalUnits: ['Sales'],
  countries: ['US'],
  provinces: ['MA'],
  localities: ['Boston'],
};

const textOf = (subject: SubjectFields): string => formatDistinguishedName(readDistinguishedName(encodeSubject(subject)));

describe('encodeSubject', () => {
  it('orders the attributes C, ST, L, O, OU, CN', () => {
    assert.equal(textOf(FULL), 'CN=customer1.example,OU=Sales,O=Customer1,L=Boston,ST=MA,C=US');
  });

  it('encodes the country as PrintableString and everything else as UTF8String', () => {
    const types = Buffer.from(encodeSubject({ countries: ['US'], commonName: 'a' })).toString('hex');
    assert.match(types, /06035504061302.*06035504030c0161/);
  });

  const refused: Readonly<Record<string, [SubjectFields, string]>> = {
    'a common name of 65 characters': [{ commonName: 'x'.repeat(65) }, 'spec.commonName'],
    'a common name of 10 kB': [{ commonName: 'x'.repeat(10_240) }, 'spec.commonName'],
    'a NUL': [{ commonName: 'good.example\0.evil.example' }, 'spec.commonName'],
    'a line break': [{ organizations: ['Shop', 'Sh\nop'] }, 'spec.subject.organizations[1]'],
    'a mark that turns the direction of text': [{ commonName: 'ecila\u202Eexample' }, 'spec.commonName'],
    'a right-to-left mark': [{ organizationalUnits: ['a\u200Fb'] }, 'spec.subject.organizationalUnits[0]'],
    'a zero-width space': [{ localities: ['a\u200Bb'] }, 'spec.subject.localities[0]'],
    'half of a surrogate pair': [{ provinces: ['\uD800'] }, 'spec.subject.provinces[0]'],
    'an empty organization': [{ organizations: [''] }, 'spec.subject.organizations[0]'],
    'a country in small letters': [{ countries: ['us'] }, 'spec.subject.countries[0]'],
    'a country of three letters': [{ countries: ['USA'] }, 'spec.subject.countries[0]'],
  };
  for (const [sentence, [subject, field]] of Object.entries(refused)) {
    it(`refuses ${sentence}, naming ${field}`, () => {
      assert.throws(() => encodeSubject(subject), (error) => error instanceof InvalidRequestError && error.field === field);
    });
  }

  it('counts characters, not bytes, against the limit', () => {
    assert.equal(textOf({ commonName: 'ü'.repeat(64) }), `CN=${'ü'.repeat(64)}`);
  });
});

const hostile = ['\u00a0 ', '\u3000x', 'x,CN=alice', 'a+CN=b', '#not hex', ' leading', 'trailing ', ' ', '  ', String.raw`\ `, 'quote"back\\slash', '<angle>;', '=', 'a/CN=alice', 'Ärzte', '日本', '😀', 'аlice'];

describe('formatDistinguishedName', () => {
  it('prints exactly what OpenSSL and nginx print, whatever the common name contains', async () => {
    const root = await aRoot();
    for (const commonName of hostile) {
      const { certificate } = await aLeaf(root, { subject: { ...FULL, commonName } });
      const printed = printWithOpenssl('x509', certificate.pem, '-subject', '-nameopt', 'RFC2253,-esc_msb').trim();
      assert.equal(`subject=${inspectCertificate(certificate.pem)?.subject}`, printed);
    }
  });
});

describe('parseDistinguishedName', () => {
  it('reads back every name that was printed', () => {
    const value = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }).filter((text) => !/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.test(text));
    fc.assert(
      fc.property(value, value, (commonName, organization) => {
        const name = readDistinguishedName(encodeSubject({ commonName, organizations: [organization] }));
        assert.deepEqual(parseDistinguishedName(formatDistinguishedName(name)), name);
      }),
    );
  });

  for (const value of hostile) {
    it(`reads back ${JSON.stringify(value)}`, () => {
      const name = readDistinguishedName(encodeSubject({ commonName: value, organizations: [value] }));
      assert.deepEqual(parseDistinguishedName(formatDistinguishedName(name)), name);
    });
  }

  const accepted: Readonly<Record<string, [string, string]>> = {
    'spaces around separators and types in small letters': ['cn = a , o = b', 'CN=a,O=b'],
    'several values in one RDN': ['CN=a+UID=b,O=c', 'CN=a+UID=b,O=c'],
    'dotted types': ['2.5.4.3=a', 'CN=a'],
    'escaped UTF-8 bytes': [String.raw`CN=\C3\BCber`, 'CN=über'],
    'nothing at all': ['', ''],
  };
  for (const [sentence, [text, canonical]] of Object.entries(accepted)) {
    it(`accepts ${sentence}`, () => assert.equal(formatDistinguishedName(parseDistinguishedName(text)), canonical));
  }

  for (const text of ['CN', 'CN=a,', ',CN=a', 'CN=a,,O=b', 'CN=a+', '=a', 'CN=a"b', 'CN=<a>', 'CN=a\\']) {
    it(`refuses ${text}`, () => assert.throws(() => parseDistinguishedName(text), SyntaxError));
  }
});
