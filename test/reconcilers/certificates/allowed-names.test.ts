// What policy allows, the certificate contains exactly: over names in every spelling, hostile ones included, from the spec to the DER.
import assert from 'node:assert/strict';
import { X509Certificate as NodeCertificate } from 'node:crypto';
import { before, describe, it } from 'node:test';
import { AsnConvert } from '@peculiar/asn1-schema';
import { Certificate, SubjectAlternativeName } from '@peculiar/asn1-x509';
import * as fc from 'fast-check';
import type { TenantAllow } from '../../../src/api/tenant.ts';
import type { TenantCertificateSpec } from '../../../src/api/tenant-certificate.ts';
import type { NewCertificate } from '../../../src/reconcilers/certificates/new-secret.ts';
import { desireCertificate } from '../../../src/issuance/desired-certificate.ts';
import { nameConstraintsFor } from '../../../src/pki/name-constraints.ts';
import { isInNetworks } from '../../../src/policy/address-networks.ts';
import { isAllowed } from '../../../src/policy/check-policy.ts';
import { usableAllow } from '../../../src/policy/usable-patterns.ts';
import type { CertificateRun } from '../../../src/reconcilers/certificates/certificate-run.ts';
import { judgePolicy } from '../../../src/reconcilers/certificates/judge-policy.ts';
import { signCertificate } from '../../../src/reconcilers/certificates/new-secret.ts';
import { aTenantCertificate } from '../../issuance/builders.ts';
import { anIntermediate, aRoot, NOW, serial } from '../../pki/authorities.ts';
import type { Authority } from '../../pki/authorities.ts';
import { judgeWithGo } from '../../support/go-verify/judge.ts';
import { soaked } from '../../support/soak.ts';

const ALLOW: TenantAllow = {
  isCA: false,
  commonNames: ['*.shop.example', 'Acme-Inc.', 'hello', '*@shop.example'],
  dnsNames: ['*.shop.svc', '**.shop.example', '*.xn--bcher-kva.example', 'web-*.bank.svc', '*.bank.svc.'],
  uris: ['spiffe://shop/ns/*', 'https://a.shop.example/**', 'urn:shop:x', 'https://*.bank.example/'],
  emailAddresses: ['*@shop.example', 'ops@**', '*@a..b'],
  ipAddresses: ['10.1.0.0/16', 'fd00::/8'],
};

/** Names that are allowed, with what people and attackers make of them. */
const stem = (...texts: string[]) => fc.constantFrom(...texts);
const asIs = (text: string) => text;
const mangled = (texts: fc.Arbitrary<string>) => fc.tuple(texts, fc.oneof({ weight: 4, arbitrary: fc.constant(asIs) }, { weight: 1, arbitrary: fc.constantFrom(
  (text: string) => text.toUpperCase(), (text: string) => `${text}.`, (text: string) => `*.${text}`, (text: string) => text.replace('shop', 'bank'),
  (text: string) => text.replace('s', 'ſ'), (text: string) => text.replace('.', '。'), (text: string) => `${text}\u0000`, (text: string) => `${text},DNS:evil`, (text: string) => text.replace('k', 'K'),
  (text: string) => `\u202e${text}`, (text: string) => text.replace('o', 'о'), (text: string) => text.replace('/', '/../'), (text: string) => text.replace('/', '%2f'),
) })).map(([text, mangle]) => mangle(text));
const requests = fc.record({
  commonName: mangled(stem('hello.shop.example', 'hello', 'ops@shop.example', 'Acme-Inc.')),
  dnsNames: fc.array(mangled(stem('hello.shop.svc', 'a.b.shop.example', 'a.bücher.example', 'a.xn--bcher-kva.example', 'x.shop.svc', 'kiosk.shop.svc')), { maxLength: 3 }),
  ipAddresses: fc.array(stem('10.1.2.3', '10.1.255.255', 'fd00::2', '10.2.0.1', 'FD00:0::1', 'fd00::0001', '::ffff:10.1.0.1', '010.1.2.3', 'fd00::1%eth0'), { maxLength: 2 }),
  uris: fc.array(mangled(stem('spiffe://shop/ns/a', 'https://a.shop.example/x/y', 'urn:shop:x')), { maxLength: 2 }),
  emailAddresses: fc.array(mangled(stem('a@shop.example', 'ops@bücher.example', 'OPS@shop.example', 'ops@x.y')), { maxLength: 2 }),
});

describe('what policy allows', () => {
  let root: Authority;
  let authority: Authority;
  const tenant = { metadata: { name: 'shop' }, spec: { issuer: { kind: 'Secret', name: 'root' }, namespaces: { names: ['shop'] }, allow: ALLOW } };

  before(async () => {
    root = await aRoot();
    authority = await anIntermediate(root, { maxPathLen: 0, nameConstraints: nameConstraintsFor(usableAllow(ALLOW)) });
  });

  /** Undefined: refused by policy. */
  async function issue(names: Partial<TenantCertificateSpec>): Promise<NewCertificate | undefined> {
    const certificate = aTenantCertificate({ issuer: { kind: 'Tenant', name: 'shop' }, ...names });
    const desired = desireCertificate(certificate);
    const caches = { tenants: new Map([['shop', tenant]]), namespaces: new Map([['shop', { metadata: { name: 'shop' } }]]) };
    const run = { certificate, desired, namespace: 'shop', context: { caches, collisions: { of: () => [] } } } as unknown as CertificateRun;
    if (judgePolicy(run) !== undefined) return undefined;
    const signed = await signCertificate({ request: desired.request, issuer: authority.issuer }, { serial, now: () => NOW });
    assert.ok(!('reason' in signed), `allowed, and then: ${JSON.stringify(signed)}`);
    return signed;
  }

  function namesOf(der: Uint8Array): { readonly kind: string; readonly name: string }[] {
    const extension = AsnConvert.parse(der, Certificate).tbsCertificate.extensions?.find(({ extnID }) => extnID === '2.5.29.17');
    const list = extension === undefined ? [] : [...AsnConvert.parse(extension.extnValue, SubjectAlternativeName)];
    return list.map(({ dNSName, iPAddress, uniformResourceIdentifier, rfc822Name }) => {
      const found = Object.entries({ dnsNames: dNSName, ipAddresses: iPAddress, uris: uniformResourceIdentifier, emailAddresses: rfc822Name }).filter(([, name]) => name !== undefined);
      assert.equal(found.length, 1, 'no other kind of name');
      return { kind: found[0]?.[0] ?? '', name: found[0]?.[1] ?? '' };
    });
  }

  const isNameAllowed = ({ kind, name }: { kind: string; name: string }) => (
    kind === 'ipAddresses' ? isInNetworks(name, ALLOW.ipAddresses ?? []) : isAllowed(kind as 'dnsNames', name, ALLOW[kind as 'dnsNames'] ?? [])
  );

  it('is in the certificate, name by name, and nothing else; the authority\'s constraints let it through', async () => {
    const leaves: string[] = [];
    await fc.assert(fc.asyncProperty(requests, async (names) => {
      const signed = await issue(names);
      if (signed === undefined) return;
      const { issued: { der, pem } } = signed;
      const contained = namesOf(der);
      for (const each of contained) assert.ok(isNameAllowed(each), `${each.kind} ${each.name}`);
      const asked = new Set([...names.dnsNames, ...names.ipAddresses, ...names.uris, ...names.emailAddresses]);
      assert.ok(contained.length <= asked.size && contained.length >= Math.min(1, asked.size));
      for (const name of asked) if (/^[a-z0-9.:/@-]+$/.test(name) && !name.includes(':')) assert.ok(contained.some((each) => each.name === name), name);
      assert.equal(new NodeCertificate(der).subject, `CN=${names.commonName}`);
      // Go verifies no URI without a host under any constraints.
      if (!names.uris.some((uri) => uri.startsWith('urn:'))) leaves.push(pem);
    }), { numRuns: soaked(600), seed: 7 });
    assert.ok(leaves.length > 30, `${leaves.length} allowed: too few to say anything`);
    const verdicts = judgeWithGo(leaves.slice(0, 200).map((leaf) => ({ roots: root.anchorPem, intermediates: authority.chainPem, leaf, usage: 'client', at: NOW })));
    for (const [index, { ok, error }] of verdicts.entries()) assert.ok(ok, `${error}: ${leaves[index]}`);
  });

  const spellings: Readonly<Record<string, readonly [Partial<TenantCertificateSpec>, readonly string[] | undefined]>> = {
    'an international name as its A-label': [{ dnsNames: ['a.bücher.example'] }, ['a.xn--bcher-kva.example']],
    'a name in capitals in small letters': [{ dnsNames: ['HELLO.shop.svc', 'hello.shop.svc'] }, ['hello.shop.svc']],
    'an IPv6 address in its short form': [{ ipAddresses: ['FD00:0:0::1'] }, ['fd00::1']],
    'a mail domain as its A-label': [{ emailAddresses: ['ops@bücher.example'] }, ['ops@xn--bcher-kva.example']],
    'nothing of a name whose K is the Kelvin sign': [{ dnsNames: ['\u212Aiosk.shop.svc'] }, undefined],
    'nothing of a name with ideographic dots': [{ dnsNames: ['hello。shop.svc'] }, undefined],
  };
  for (const [sentence, [names, contained]] of Object.entries(spellings)) {
    it(`is ${sentence}`, async () => {
      const signed = await issue({ commonName: 'hello', ...names });
      assert.deepEqual(signed && namesOf(signed.issued.der).map(({ name }) => name), contained);
    });
  }
});
