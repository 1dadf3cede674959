// Four Tenants and their clients, with what the operator has really written: every server lets in its own tenant's client and no other.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { connect as connectTls, createServer } from 'node:tls';
import { verifyWithOpenssl } from '../pki/openssl.ts';
import { connect, freshNamespace, missingCluster } from '../support/cluster.ts';
import { judgeWithGo } from '../support/go-verify/judge.ts';
import { IssuanceWorld } from '../support/issuance-world.ts';
import type { Deployed } from '../support/issuance-world.ts';
import { becomesLeader, installPrerequisites, startOperator } from '../support/operator.ts';
import type { OperatorProcess } from '../support/operator.ts';

interface Party {
  readonly name: string;
  readonly namespace: string;
  readonly server: Deployed;
  readonly client: Deployed;
  /** Of the server, as its sidecar loads them. */
  readonly anchors: string;
  readonly crls: string;
}

const chainOf = (pem: string) => pem.split(/(?<=-----END CERTIFICATE-----\n)/).filter(Boolean);
const untrustedOf = (pem: string) => chainOf(pem).slice(1).join('');
const leafOf = (pem: string) => chainOf(pem)[0] ?? '';

describe('four Tenants under one root', { skip: missingCluster() }, () => {
  const cluster = connect();
  const world = new IssuanceWorld(cluster);
  let operator: OperatorProcess;
  let rootPem: string;
  let root: string;
  const parties: Party[] = [];

  before(async () => {
    await installPrerequisites(cluster);
    operator = await startOperator(cluster);
    await becomesLeader(operator);
    root = await freshNamespace(cluster, 'isolation');
    rootPem = await world.platformRoot(root);
    for (const prefix of ['shop', 'bank', 'blog', 'mail']) parties.push(await settle(prefix));
  });
  after(async () => await operator.stop());

  /** One of them may have authorities below its own, with any of the others' names. */
  async function settle(prefix: string): Promise<Party> {
    const namespace = await freshNamespace(cluster, prefix);
    const issuer = { kind: 'Tenant', name: namespace };
    const forgery = prefix === 'blog' ? { isCA: true, maxDuration: '43800h', commonNames: [`*.${namespace}`, ...parties.map((party) => party.namespace)] } : {};
    const allow = { dnsNames: [`*.${namespace}.svc`], commonNames: [`*.${namespace}`], ...forgery };
    await world.tenant(namespace, { issuer: { name: root }, namespaces: { names: [namespace] }, allow });
    for (const name of ['server', 'client']) await world.certificate(namespace, name, { issuer, commonName: `${name}.${namespace}`, dnsNames: [`${name}.${namespace}.svc`] });
    const [server, client] = [await world.pair(namespace, 'server'), await world.pair(namespace, 'client')];
    const { 'trust-0.crt': anchors = '', 'trust-0.crl': crls = '' } = await world.configMap(namespace, 'server');
    return { name: prefix, namespace, server, client, anchors, crls };
  }

  const pairs = () => parties.flatMap((server) => parties.map((client) => [server, client] as const));

  it('are told apart by OpenSSL, with the CRLs and whatever chain is sent along', () => {
    for (const [server, client] of pairs()) {
      const { certificate } = client.client;
      const verdict = verifyWithOpenssl({ anchors: server.anchors, crls: server.crls, untrusted: untrustedOf(certificate) + rootPem, leaf: leafOf(certificate), purpose: 'sslclient', at: new Date() });
      assert.equal(verdict === 'OK', server === client, `${client.name} at ${server.name}: ${verdict}`);
    }
  });

  it('are told apart by Go', () => {
    const cases = pairs().map(([server, { client }]) => ({ roots: server.anchors, intermediates: untrustedOf(client.certificate) + rootPem, leaf: leafOf(client.certificate), usage: 'client' as const, at: new Date(), crl: server.crls }));
    for (const [index, verdict] of judgeWithGo(cases).entries()) {
      const [server, client] = pairs()[index] ?? assert.fail();
      assert.equal(verdict.ok, server === client, `${client.name} at ${server.name}: ${verdict.error}`);
    }
  });

  it('are told apart in handshakes, in which the client checks the server as well', async () => {
    for (const server of parties) {
      await using listener = await listen(server);
      for (const client of parties) {
        // Who trusts the root would be let in by nobody all the same.
        for (const trusted of [client.client.anchor, rootPem]) {
          const answer = await handshake(listener.port, { server, client, trusted });
          assert.equal(answer, server === client ? 'welcome' : 'refused', `${client.name} at ${server.name}`);
        }
      }
    }
  });

  it('are not deceived by an authority of one that calls itself like that of another', async () => {
    const [shop, , blog] = parties;
    assert.ok(shop && blog);
    await world.certificate(blog.namespace, 'forger', { issuer: { kind: 'Tenant', name: blog.namespace }, commonName: shop.namespace, isCA: true, usages: [], secretName: 'forger' });
    await world.ready(blog.namespace, 'forger');
    await world.certificate(blog.namespace, 'forged', { issuer: { kind: 'Secret', name: 'forger' }, commonName: 'client', dnsNames: [`forged.${blog.namespace}.svc`] });
    const { certificate } = await world.pair(blog.namespace, 'forged');
    const judge = (anchors: string, crls: string) => verifyWithOpenssl({ anchors, crls, untrusted: untrustedOf(certificate) + rootPem, leaf: leafOf(certificate), purpose: 'sslclient', at: new Date() });
    assert.notEqual(judge(shop.anchors, shop.crls), 'OK');
    // A listener that trusts both and tells them apart by name accepts what these authorities have issued themselves, and no chain below.
    await world.certificate(shop.namespace, 'both', {
      issuer: { kind: 'Tenant', name: shop.namespace }, commonName: `both.${shop.namespace}`,
      proxy: { listeners: [{ name: 'https', port: 8443, protocol: 'HTTP', tls: { trust: [{ kind: 'Tenant', name: shop.namespace }, { kind: 'Tenant', name: blog.namespace }] }, routes: [{ clients: [{ tenant: shop.namespace, commonName: `client.${shop.namespace}` }], upstream: 'app' }] }], upstreams: [{ name: 'app', addresses: ['127.0.0.1:8080'] }] },
    });
    await world.ready(shop.namespace, 'both');
    assert.match((await world.configMap(shop.namespace, 'both'))['nginx.conf'] ?? '', /ssl_verify_depth 0;/);
    assert.doesNotMatch(operator.output(), /PRIVATE KEY/);
  });
});

async function listen({ server, anchors, crls }: Party): Promise<{ port: number } & AsyncDisposable> {
  const listener = createServer({ cert: server.certificate, key: server.key, ca: anchors, crl: crls, requestCert: true, rejectUnauthorized: true });
  listener.on('secureConnection', (socket) => socket.on('error', () => {}).end('welcome'));
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const address = listener.address();
  return { port: typeof address === 'object' && address !== null ? address.port : 0, [Symbol.asyncDispose]: async () => void listener.close() };
}

function handshake(port: number, { server, client, trusted }: { server: Party; client: Party; trusted: string }): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const socket = connectTls({ port, host: '127.0.0.1', servername: `server.${server.namespace}.svc`, ca: trusted, cert: client.client.certificate, key: client.client.key });
  let answer = '';
  socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
  socket.on('error', () => resolve('refused'));
  socket.on('close', () => resolve(answer || 'refused'));
  socket.on('end', () => socket.destroy());
  return promise;
}
