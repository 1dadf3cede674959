// The PKIs of the examples, issued by the operator and judged by openssl: subjects, extensions, chains, and who is accepted where.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openssl, file, printWithOpenssl, verifyWithOpenssl } from '../pki/openssl.ts';
import { connect, eventually, missingCluster } from '../support/cluster.ts';
import { applyExample } from '../support/example.ts';
import { judgeWithGo } from '../support/go-verify/judge.ts';
import { IssuanceWorld } from '../support/issuance-world.ts';
import { becomesLeader, installPrerequisites, startOperator, SYSTEM_NAMESPACE } from '../support/operator.ts';
import type { OperatorProcess } from '../support/operator.ts';

const nameOf = (pem: string, which: 'subject' | 'issuer') => printWithOpenssl('x509', pem, `-${which}`, '-nameopt', 'RFC2253').replace(`${which}=`, '').trim();
const chainOf = (pem: string) => pem.split(/(?<=-----END CERTIFICATE-----\n)/).filter(Boolean);
const verify = (anchors: string, chain: string, purpose: 'sslclient' | 'sslserver' | 'any') => {
  const [leaf = '', ...untrusted] = chainOf(chain);
  return verifyWithOpenssl({ anchors, leaf, untrusted: untrusted.join(''), purpose, at: new Date() });
};

describe('the examples of deploy/examples', { skip: missingCluster() }, () => {
  const cluster = connect();
  const world = new IssuanceWorld(cluster);
  let operator: OperatorProcess;

  before(async () => {
    await installPrerequisites(cluster);
    operator = await startOperator(cluster);
    await becomesLeader(operator);
  });
  after(async () => await operator.stop());

  const SUBJECTS: Record<string, string> = {
    'rootca-company': 'CN=rootca.company.example,O=Company RootCA,L=San Diego,ST=CA,C=US',
    'subca-company': 'CN=subca.company.example,O=Company SubCA,L=San Diego,ST=CA,C=US',
    'subca-customer1': 'CN=subca.customer1.example,O=Customer1 SubCA,L=San Diego,ST=CA,C=US',
    'subca-customer2': 'CN=subca.customer2.example,O=Customer2 SubCA,L=San Diego,ST=CA,C=US',
    app: 'CN=app.company.example,O=Company,L=San Diego,ST=CA,C=US',
    customer1: 'CN=customer1.example,O=Customer1,L=Boston,ST=MA,C=US',
    customer2: 'CN=customer2.example,O=Customer2,L=Austin,ST=TX,C=US',
  };
  const ISSUERS: Record<string, string> = { 'subca-company': 'rootca-company', 'subca-customer1': 'rootca-company', 'subca-customer2': 'rootca-company', app: 'subca-company', customer1: 'subca-customer1', customer2: 'subca-customer2' };

  it('seven certificates as TenantCertificates: full subjects, chains to the root, and one anchor for each customer', async () => {
    const namespace = 'seven-certificates';
    await applyExample(cluster, 'seven-certificates/certificates.yaml');
    const pairs = new Map<string, Awaited<ReturnType<IssuanceWorld['pair']>>>();
    for (const name of Object.keys(SUBJECTS)) pairs.set(name, await world.pair(namespace, name));
    const pem = (name: string) => pairs.get(name)?.certificate ?? '';
    for (const [name, subject] of Object.entries(SUBJECTS)) {
      assert.equal(nameOf(pem(name), 'subject'), subject);
      assert.equal(nameOf(pem(name), 'issuer'), SUBJECTS[ISSUERS[name] ?? name]);
      assert.equal(verify(pem('rootca-company'), pem(name), 'any'), 'OK', name);
    }
    assertCustomers(await world.configMap(namespace, 'app'), { customer1: pem('customer1'), customer2: pem('customer2'), stranger: pem('app') });
    const [go] = judgeWithGo([{ roots: pem('rootca-company'), intermediates: chainOf(pem('app')).slice(1).join(''), leaf: pem('app'), dnsName: 'app.company.example', usage: 'server', at: new Date() }]);
    assert.equal(go?.error, undefined);
  });

  it('seven certificates as TenantCertificates: the edge refuses a customer that is revoked, and goes on with the other', async () => {
    const namespace = 'seven-certificates';
    const [customer1, customer2] = [await world.pair(namespace, 'customer1'), await world.pair(namespace, 'customer2')];
    const { spec } = await world.getCertificate(namespace, 'customer1');
    await world.certificate(namespace, 'customer1', { ...spec, revoked: { reason: 'keyCompromise' } });
    await world.refused(namespace, 'customer1', 'Revoked');
    await eventually(async () => {
      const { 'trust-0.crt': anchors = '', 'trust-0.crl': crls = '' } = await world.configMap(namespace, 'app');
      const judge = (leaf: string) => verifyWithOpenssl({ anchors, leaf, crls, purpose: 'sslclient', at: new Date() });
      assert.match(judge(customer1.certificate), /certificate revoked/);
      assert.equal(judge(customer2.certificate), 'OK');
    }, { timeoutMs: 20_000 });
    await world.ready(namespace, 'app');
  });

  it('seven certificates as Tenants: the same subjects, keys of CAs in one place, and nobody gets the names of another', async () => {
    await applyExample(cluster, 'seven-certificates/tenants.yaml');
    const root = (await world.pair(SYSTEM_NAMESPACE, 'rootca-company')).certificate;
    assert.equal(nameOf(root, 'subject'), SUBJECTS['rootca-company']);
    const leaves: Record<string, string> = {};
    for (const [tenant, name, seed] of [['company', 'app', 'app'], ['customer1', 'client', 'customer1'], ['customer2', 'client', 'customer2']] as const) {
      const { certificate, anchor } = await world.pair(tenant, name);
      leaves[seed] = certificate;
      const { 'tls.crt': authority = '' } = await world.secret(SYSTEM_NAMESPACE, `tenant-${tenant}-authority`);
      assert.equal(nameOf(authority, 'subject'), SUBJECTS[`subca-${tenant}`]);
      assert.equal(nameOf(certificate, 'subject'), SUBJECTS[seed]);
      assert.equal(nameOf(certificate, 'issuer'), SUBJECTS[`subca-${tenant}`]);
      assert.equal(verify(root, certificate, 'any'), 'OK');
      assert.equal(verify(anchor, certificate, 'any'), 'OK');
    }
    assertCustomers(await world.configMap('company', 'app'), { customer1: leaves['customer1'] ?? '', customer2: leaves['customer2'] ?? '', stranger: leaves['app'] ?? '' });
    await world.certificate('customer2', 'impostor', { issuer: { kind: 'Tenant', name: 'customer2' }, commonName: 'customer1.example', usages: ['client auth'], privateKey: { algorithm: 'RSA' } });
    assert.match((await world.refused('customer2', 'impostor', 'PolicyViolation')).message, /spec\.commonName "customer1\.example"/);
    await world.certificate('customer1', 'guest', { issuer: { kind: 'Tenant', name: 'company' }, commonName: 'app.company.example', usages: ['server auth'], privateKey: { algorithm: 'RSA' } });
    await world.refused('customer1', 'guest', 'NamespaceNotAllowed');
  });

  /** The bundle of the edge service lets both customers in, and nobody else of the company's root. */
  function assertCustomers(config: Record<string, string>, { customer1, customer2, stranger }: Record<'customer1' | 'customer2' | 'stranger', string>): void {
    const { 'trust-0.crt': anchors = '', 'trust-0.crl': crls } = config;
    assert.equal(chainOf(anchors).length, 2);
    const accepts = (leaf: string) => verifyWithOpenssl({ anchors, leaf, purpose: 'sslclient', at: new Date(), ...(crls === undefined ? {} : { crls }) }) === 'OK';
    assert.deepEqual([customer1, customer2, stranger].map(accepts), [true, true, false]);
  }

  it('client certificates: the extensions that were listed, and no others', async () => {
    const namespace = 'client-certificates';
    await applyExample(cluster, 'client-certificates/certificates.yaml');
    const [root, intermediate, scanner, api] = await Promise.all(['acme-root-ca', 'acme-intermediate-ca', 'scanner', 'api'].map(async (name) => await world.pair(namespace, name)));
    assert.ok(root && intermediate && scanner && api);
    assert.equal(nameOf(root.certificate, 'subject'), 'CN=acme-root-ca,O=Acme,L=Columbus,ST=OH,C=US');
    assert.equal(nameOf(intermediate.certificate, 'subject'), 'CN=acme-intermediate-ca,O=Acme,L=Columbus,ST=OH,C=US');
    assert.equal(nameOf(scanner.certificate, 'subject'), 'CN=scanner,O=warehouse');
    assert.deepEqual(extensionsOf(intermediate.certificate), {
      'X509v3 Basic Constraints': 'CA:TRUE', 'X509v3 Key Usage': 'Certificate Sign, CRL Sign', 'X509v3 Subject Key Identifier': 'present', 'X509v3 Authority Key Identifier': 'present', 'X509v3 Subject Alternative Name': 'email:admin@acme.com',
    });
    assert.deepEqual(extensionsOf(scanner.certificate), {
      'X509v3 Basic Constraints': 'CA:FALSE', 'X509v3 Key Usage': 'Digital Signature', 'X509v3 Extended Key Usage': 'TLS Web Client Authentication', 'X509v3 Subject Key Identifier': 'present', 'X509v3 Authority Key Identifier': 'present',
    });
    assert.equal(keyIdentifier(scanner.certificate, 'Authority'), keyIdentifier(intermediate.certificate, 'Subject'));
    assert.equal(verify(root.certificate, scanner.certificate, 'sslclient'), 'OK');
    assert.notEqual(verify(root.certificate, scanner.certificate, 'sslserver'), 'OK');
    assert.equal(verify(root.certificate, api.certificate, 'sslserver'), 'OK');
    const { 'trust-0.crt': anchors = '' } = await world.configMap(namespace, 'api');
    assert.equal(verify(anchors, scanner.certificate, 'sslclient'), 'OK');
  });
});

/** By name, as openssl prints them; identifiers only as being there. */
function extensionsOf(pem: string): Record<string, string> {
  const text = openssl('x509', '-noout', '-ext', 'basicConstraints,keyUsage,extendedKeyUsage,subjectKeyIdentifier,authorityKeyIdentifier,subjectAltName,nameConstraints,certificatePolicies', '-in', file('extensions.pem', pem)).output;
  const entries = [...text.matchAll(/^(X509v3 [^:]+):(?: critical)? *\n +(.*)$/gm)];
  return Object.fromEntries(entries.map(([, name = '', value = '']) => [name, name.includes('Identifier') ? 'present' : value.trim()]));
}

function keyIdentifier(pem: string, whose: 'Subject' | 'Authority'): string | undefined {
  return new RegExp(`X509v3 ${whose} Key Identifier: *\\n +(?:keyid:)?([0-9A-F:]+)`).exec(printWithOpenssl('x509', pem, '-text'))?.[1];
}
