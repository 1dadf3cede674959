import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { inspectCertificate } from '../../src/pki/inspect-certificate.ts';
import type { SubjectFields } from '../../src/pki/distinguished-name.ts';
import { judgeWithGo } from '../support/go-verify/judge.ts';
import { aLeaf, anIntermediate, aRoot, NOW } from './authorities.ts';
import type { Authority } from './authorities.ts';
import { verifyWithOpenssl } from './openssl.ts';

const RSA = { algorithm: 'RSA', size: 2048 } as const;

function company(organization: string, commonName: string, [state, city]: readonly [string, string] = ['CA', 'San Diego']): SubjectFields {
  return { countries: ['US'], provinces: [state], localities: [city], organizations: [organization], commonName };
}

describe('a company with a root, three sub-CAs, an edge server and two customers', () => {
  it('is issued with full subjects, and each customer verifies under its own sub-CA only', async () => {
    const root = await aRoot({ subject: company('Company RootCA', 'rootca.company.example') }, RSA);
    const subCa = (name: string, host: string): Promise<Authority> => anIntermediate(root, { subject: company(`${name} SubCA`, `subca.${host}`) }, RSA);
    const [edge, one, two] = [await subCa('Company', 'company.example'), await subCa('Customer1', 'customer1.example'), await subCa('Customer2', 'customer2.example')];
    const app = await aLeaf(edge, { subject: company('Company', 'app.company.example'), dnsNames: ['app.company.example'], usages: ['server auth'] }, RSA);
    const customer1 = await aLeaf(one, { subject: company('Customer1', 'customer1.example', ['MA', 'Boston']), usages: ['client auth'] }, RSA);
    const customer2 = await aLeaf(two, { subject: company('Customer2', 'customer2.example', ['TX', 'Austin']), usages: ['client auth'] }, RSA);

    assert.equal(inspectCertificate(customer1.certificate.pem)?.subject, 'CN=customer1.example,O=Customer1,L=Boston,ST=MA,C=US');
    assert.equal(inspectCertificate(customer1.certificate.pem)?.issuer, 'CN=subca.customer1.example,O=Customer1 SubCA,L=San Diego,ST=CA,C=US');

    const client = (anchor: Authority, leaf: string): boolean => verifyWithOpenssl({ anchors: anchor.anchorPem, leaf, purpose: 'sslclient', at: NOW }) === 'OK';
    assert.deepEqual([client(one, customer1.certificate.pem), client(two, customer1.certificate.pem)], [true, false]);
    assert.deepEqual([client(one, customer2.certificate.pem), client(two, customer2.certificate.pem)], [false, true]);

    const [server] = judgeWithGo([{ roots: root.anchorPem, intermediates: app.certificate.chainPem, leaf: app.certificate.pem, dnsName: 'app.company.example', usage: 'server', at: NOW }]);
    assert.deepEqual(server, { ok: true, serial: server?.serial });
  });
});

describe('a root, an intermediate and a client of a warehouse', () => {
  it('is issued as the textbook does it', async () => {
    const acme = (commonName: string): SubjectFields => ({ countries: ['US'], provinces: ['OH'], localities: ['Columbus'], organizations: ['Acme'], commonName });
    const root = await aRoot({ subject: acme('acme-root-ca') }, RSA);
    const intermediate = await anIntermediate(root, { subject: acme('acme-intermediate-ca') }, RSA);
    const { certificate } = await aLeaf(intermediate, { subject: { commonName: 'scanner', organizations: ['warehouse'] }, usages: ['client auth'] }, RSA);
    assert.equal(inspectCertificate(certificate.pem)?.subject, 'CN=scanner,O=warehouse');
    const [, ...untrusted] = certificate.chainPem.split(/(?=-----BEGIN)/);
    assert.equal(verifyWithOpenssl({ anchors: root.certificate.pem, untrusted: untrusted.join(''), leaf: certificate.pem, purpose: 'sslclient', at: NOW }), 'OK');
  });
});
