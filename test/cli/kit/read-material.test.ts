import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { KitRefused } from '../../../src/cli/kit/kit-refused.ts';
import { readMaterial, secretNameOf } from '../../../src/cli/kit/read-material.ts';
import type { KitObjects } from '../../../src/cli/kit/read-material.ts';
import { writePrivateKey } from '../../../src/pki/private-key.ts';
import { OpensslFolder } from '../../support/openssl-ca.ts';
import { TestCa } from '../../support/test-ca.ts';
import { kitObjects } from './kit-objects.ts';

const base64 = (text: string) => Buffer.from(text).toString('base64');
const refusal = (read: () => unknown): string => {
  try {
    read();
  } catch (error) {
    assert.ok(error instanceof KitRefused, String(error));
    return error.message;
  }
  return assert.fail('nothing was refused');
};

describe('secretNameOf', () => {
  const ca = new TestCa('/CN=ca');
  after(() => ca[Symbol.dispose]());
  const { certificate } = kitObjects({ pair: ca.issue('/CN=a'), anchor: ca.certificate });
  const condition = (status: 'True' | 'False', message = '') => [{ type: 'Ready', status, reason: 'PolicyRefused', message, lastTransitionTime: '2026-01-01T00:00:00Z' }];

  it('gives the name that the status says', () => assert.equal(secretNameOf(certificate), 'customer1-tls'));

  const refused: Record<string, [Partial<KitObjects['certificate']>, string]> = {
    'an authority': [{ spec: { ...certificate.spec, isCA: true } }, 'TenantCertificate shop/customer1 is an authority: its key signs certificates and belongs into no kit'],
    'one that is new': [{ status: {} }, 'TenantCertificate shop/customer1 has not been reconciled yet: try again, and see kubectl tenant-mtls doctor if it stays so'],
    'one that was changed just now': [{ metadata: { ...certificate.metadata, generation: 2 } }, 'TenantCertificate shop/customer1 has not been reconciled yet: try again, and see kubectl tenant-mtls doctor if it stays so'],
    'one that is not ready, with its reason on one line': [{ status: { ...certificate.status, conditions: condition('False', 'no\u001b[31m\nname') } }, 'TenantCertificate shop/customer1 is not ready: PolicyRefused: no [31m name'],
  };
  for (const [name, [change, message]] of Object.entries(refused)) {
    it(`refuses ${name}`, () => assert.equal(refusal(() => secretNameOf({ ...certificate, ...change })), message));
  }
});

describe('readMaterial', () => {
  const ca = new TestCa('/O=Shop/CN=shop-ca');
  const other = new TestCa('/CN=other');
  const openssl = new OpensslFolder();
  after(() => [ca, other, openssl].forEach((each) => each[Symbol.dispose]()));
  const now = new Date();
  const pair = ca.issue('/CN=customer1', ['extendedKeyUsage=clientAuth']);
  const objects = kitObjects({ pair, anchor: ca.certificate });
  const withData = (data: Record<string, string>): KitObjects => ({ ...objects, secret: { ...objects.secret, data: { ...objects.secret.data, ...data } } });

  it('reads what belongs together', () => {
    const { leafPem, intermediatesPem, anchors, crlsPem, roles, key } = readMaterial(objects, now);
    assert.deepEqual([leafPem, intermediatesPem, anchors, crlsPem, [...roles]], [pair.certificate, '', [ca.certificate], '', ['client']]);
    assert.equal(writePrivateKey(key), pair.key);
  });

  it('takes a certificate without the extension for both sides', () => {
    assert.deepEqual([...readMaterial(kitObjects({ pair: ca.issue('/CN=both'), anchor: ca.certificate }), now).roles], ['server', 'client']);
  });

  it('hands on certificates and nothing that stands around them', () => {
    const material = readMaterial(withData({ 'tls.crt': base64(`server { listen 1; }\n${pair.certificate}# more`), 'ca.crt': base64(`evil "$x"\n${ca.certificate}`) }), now);
    assert.deepEqual([material.leafPem, material.anchors], [pair.certificate, [ca.certificate]]);
  });

  it('takes the newest CRL of its authority, and none of another', () => {
    const [old, latest] = [ca.crl(), ca.crl()];
    const material = readMaterial({ ...objects, crlTexts: [other.crl(), old, latest + other.crl(), 'garbage', old] }, now);
    assert.equal(material.crlsPem, latest.slice(latest.indexOf('-----BEGIN')));
    assert.ok(material.crlsEnd !== undefined && material.crlsEnd > now);
  });

  const whose = 'the Secret of TenantCertificate shop/customer1 ';
  const annotated = (annotations: Record<string, string>): KitObjects => ({ ...objects, secret: { ...objects.secret, metadata: { ...objects.secret.metadata, annotations } } });
  const refused: Record<string, [() => KitObjects, RegExp | string, Date?]> = {
    'a Secret of somebody else': [() => annotated({}), `${whose}was not written for it: it is of somebody else and left alone`],
    'a Secret of another TenantCertificate': [() => annotated({ 'tenant-mtls.dev/certificate-name': 'other' }), `${whose}was not written for it: it is of somebody else and left alone`],
    'a Secret without data': [() => ({ ...objects, secret: { metadata: objects.secret.metadata } }), `${whose}holds no readable certificate`],
    'a key among the certificates': [() => withData({ 'tls.crt': base64(pair.certificate + pair.key) }), `${whose}holds no readable certificate`],
    'a key that does not fit': [() => withData({ 'tls.key': base64(other.issue('/CN=x').key) }), `${whose}holds no key that fits its certificate`],
    'a key that is none': [() => withData({ 'tls.key': base64('garbage') }), `${whose}holds no key that fits its certificate`],
    'another certificate than the status names': [() => ({ ...objects, certificate: { ...objects.certificate, status: { ...objects.certificate.status, certificateSHA256: '00' } } }), `${whose}holds another certificate than the status says: it is being renewed or repaired; try again`],
    'an expired certificate': [() => objects, /^the Secret of TenantCertificate shop\/customer1 holds a certificate that expired at /, new Date(now.getTime() + 2 * 86_400_000)],
    'a key among the anchors': [() => withData({ 'ca.crt': base64(ca.certificate + pair.key) }), /^the Secret of TenantCertificate shop\/customer1 holds no usable ca\.crt: something else than CERTIFICATE and X509 CRL blocks is in it$/],
    'an authority whose CRL has ended': [() => {
      const issuer = openssl.selfSigned('CN=ended');
      return kitObjects({ pair: openssl.signedBy(issuer, 'leaf', { extensions: [] }), anchor: issuer.certificate, crl: openssl.crl(issuer, -60) });
    }, /^the CRL of its authority ended at .*, and nobody would be let in/],
    'two anchors of which one has a CRL': [() => ({ ...withData({ 'ca.crt': base64(ca.certificate + other.certificate) }), crlTexts: [ca.crl()] }), 'some of its authorities have a CRL and some have none: its authority is being replaced; try again later'],
  };
  for (const [name, [make, message, at]] of Object.entries(refused)) {
    it(`refuses ${name}`, () => {
      const said = refusal(() => readMaterial(make(), at ?? now));
      if (typeof message === 'string') assert.equal(said, message);
      else assert.match(said, message);
      assert.doesNotMatch(said, /BEGIN|PRIVATE/);
    });
  }
});
