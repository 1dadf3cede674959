import assert from 'node:assert/strict';
import { once } from 'node:events';
import { before, describe, it } from 'node:test';
import { connect, createServer } from 'node:tls';

import { encodeCrl } from '../../src/pki/crl.ts';
import { writePrivateKey } from '../../src/pki/private-key.ts';
import { verifyIssued } from '../../src/pki/verify-issued.ts';
import { judgeWithGo } from '../support/go-verify/judge.ts';
import { aLeaf, anIntermediate, aRoot, NOW as at } from './authorities.ts';
import type { Authority, Leaf } from './authorities.ts';
import { verifyWithOpenssl } from './openssl.ts';

interface Tenant {
  readonly name: string;
  readonly authority: Authority;
  readonly leaf: Leaf;
}


describe('makeAnchor: four tenants under one root', () => {
  let tenants: Tenant[];
  let root: Authority;

  before(async () => {
    root = await aRoot();
    tenants = await Promise.all(
      ['shop', 'bank', 'blog', 'mail'].map(async (name) => {
        const authority = await anIntermediate(root, { subject: { commonName: name }, maxPathLen: 0 });
        return { name, authority, leaf: await aLeaf(authority, { dnsNames: [`hello.${name}.svc`] }) };
      }),
    );
  });

  const pairs = (): (readonly [Tenant, Tenant])[] => tenants.flatMap((anchor) => tenants.map((client) => [anchor, client] as const));

  it('is refused off the diagonal by OpenSSL, whatever chain is sent along', () => {
    for (const [{ name, authority }, client] of pairs()) {
      const verdict = verifyWithOpenssl({ anchors: authority.anchorPem, untrusted: client.authority.chainPem + root.anchorPem, leaf: client.leaf.certificate.pem, purpose: 'sslclient', at });
      assert.equal(verdict === 'OK', name === client.name, `${client.name} at ${name}: ${verdict}`);
    }
  });

  it('is refused off the diagonal by Go', () => {
    const verdicts = judgeWithGo(pairs().map(([{ authority }, client]) => ({ roots: authority.anchorPem, intermediates: client.authority.chainPem + root.anchorPem, leaf: client.leaf.certificate.pem, usage: 'client', at })));
    for (const [index, [anchor, client]] of pairs().entries()) assert.equal(verdicts[index]?.ok, anchor.name === client.name, verdicts[index]?.error);
  });

  it('is refused off the diagonal by our own verifier', () => {
    for (const [{ name, authority }, { name: client, leaf }] of pairs()) {
      const { ok } = verifyIssued({ certificateDer: leaf.certificate.der, chain: leaf.certificate.chain, anchorDer: authority.anchorDer, key: leaf.key }, at);
      assert.equal(ok, name === client);
    }
  });

  it('is refused off the diagonal by a TLS server of Node, which needs only its own CRL', async () => {
    for (const anchor of tenants) {
      const { pem: crl } = await encodeCrl(anchor.authority.issuer, { number: 1n, thisUpdate: at, nextUpdate: new Date(at.getTime() + 3_600_000), entries: [] });
      await using server = await listen(anchor, crl);
      for (const client of tenants) {
        assert.equal(await handshake(server.port, anchor, client), client === anchor ? 'welcome' : 'refused', `${client.name} at ${anchor.name}`);
      }
    }
  });

  it('would not be refused with the root as the anchor, which is why there are twins', () => {
    const [, bank] = tenants;
    const verdict = verifyWithOpenssl({ anchors: root.anchorPem, untrusted: bank?.authority.chainPem ?? '', leaf: bank?.leaf.certificate.pem ?? '', purpose: 'sslclient', at });
    assert.equal(verdict, 'OK');
  });

  it('refuses a leaf of an authority that calls itself like another tenant', async () => {
    const [shop, bank] = tenants;
    assert.ok(shop && bank);
    const generous = await anIntermediate(root, { subject: { commonName: 'generous' } });
    const forger = await anIntermediate(generous, { subject: { commonName: 'shop' } });
    const forged = await aLeaf(forger, { dnsNames: ['hello.shop.svc'] });
    const untrusted = forger.certificate.chainPem;
    assert.notEqual(verifyWithOpenssl({ anchors: shop.authority.anchorPem, untrusted, leaf: forged.certificate.pem, purpose: 'sslclient', at }), 'OK');
    const [go] = judgeWithGo([{ roots: shop.authority.anchorPem, intermediates: untrusted, leaf: forged.certificate.pem, usage: 'client', at }]);
    assert.equal(go?.ok, false);
    const verdict = verifyIssued({ certificateDer: forged.certificate.der, chain: [], anchorDer: shop.authority.anchorDer, key: forged.key }, at);
    assert.equal(verdict.ok, false);
  });
});

async function listen({ authority, leaf }: Tenant, crl: string): Promise<{ port: number } & AsyncDisposable> {
  const server = createServer({ cert: leaf.certificate.chainPem, key: writePrivateKey(leaf.key), ca: authority.anchorPem, crl, requestCert: true, rejectUnauthorized: true });
  server.on('secureConnection', (socket) => socket.on('error', () => {}).end('welcome'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const close = async (): Promise<void> => {
    server.close();
  };
  return { port: typeof address === 'object' && address !== null ? address.port : 0, [Symbol.asyncDispose]: close };
}

function handshake(port: number, server: Tenant, client: Tenant): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const socket = connect({
    port,
    host: '127.0.0.1',
    servername: `hello.${server.name}.svc`,
    ca: server.authority.anchorPem,
    cert: client.leaf.certificate.chainPem,
    key: writePrivateKey(client.leaf.key),
  });
  let answer = '';
  socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
  socket.on('error', () => resolve('refused'));
  socket.on('close', () => resolve(answer || 'refused'));
  socket.on('end', () => socket.destroy());
  return promise;
}
