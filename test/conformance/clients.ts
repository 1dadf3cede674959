// Who is let in: certificates, authorities, rules.
import assert from 'node:assert/strict';
import { X509Certificate, createHash } from 'node:crypto';
import { it } from 'node:test';
import type { ClientMatch } from '../../src/proxy-model/model.ts';
import { aRoute } from '../support/proxy-models.ts';
import { HttpBackend } from './backend.ts';
import { openTls, send, sendRaw } from './client.ts';
import type { Ability, Engine } from './engine.ts';
import { TestAuthority, trustOf, type Fleet, type Identity } from './fleet.ts';
import { aListenerTlsWithoutTrust, aSetup } from './setups.ts';

const HOUR_MS = 3_600_000;
const NO_CERTIFICATE = /400 No required SSL certificate was sent/;
const BAD_CERTIFICATE = /400 The SSL certificate error/;

export function describeClients(engine: Engine, fleet: () => Fleet): void {
  const withProxy = async (parts: Parameters<typeof aSetup>[2], action: (port: number, backend: HttpBackend) => Promise<void>) => {
    await using backend = await HttpBackend.start();
    await using proxy = await engine.start(await aSetup(fleet(), backend.port, parts));
    await action(proxy.port('https'), backend);
  };

  it('lets in a client with a certificate of a trusted authority', () => withProxy({}, async (port) => {
    assert.equal((await send(port, fleet().alice, '/')).status, 200);
  }));

  it('answers 400 to a client without a certificate, and closes', () => withProxy({}, async (port, backend) => {
    const answer = await send(port, undefined, '/');
    assert.equal(answer.status, 400);
    assert.match(answer.body, NO_CERTIFICATE);
    assert.equal(answer.headers.connection, 'close');
    assert.equal(backend.received.length, 0);
  }));

  const BAD: Readonly<Record<string, (fleet: Fleet) => Promise<Identity>>> = {
    'of an unknown authority': ({ stranger }) => stranger.issue('alice'),
    'of another tenant': ({ partner }) => partner.issue('alice'),
    'that has expired': ({ customer }) => customer.issue('alice', { atMs: -10 * HOUR_MS, durationSeconds: 3600 }),
    'that is not yet valid': ({ customer }) => customer.issue('alice', { atMs: 2 * HOUR_MS }),
    'that is for servers only': ({ customer }) => customer.issue('alice', { usages: ['digital signature', 'server auth'] }),
    'of a sub-authority that copies the name of the trusted one': async ({ stranger }) => (await TestAuthority.create('customer-ca', stranger)).issue('alice'),
  };
  for (const [sentence, make] of Object.entries(BAD)) {
    it(`answers 400 to a certificate ${sentence}`, () => withProxy({}, async (port, backend) => {
      const answer = await send(port, await make(fleet()), '/');
      assert.equal(answer.status, 400);
      assert.match(answer.body, BAD_CERTIFICATE);
      assert.equal(backend.received.length, 0);
    }));
  }

  it('judges every request of a connection, not only the first', () => withProxy({}, async (port, backend) => {
    const twice = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(2);
    const text = await sendRaw(port, undefined, twice);
    assert.equal(text.match(/^HTTP\/1\.1 /gm)?.length, 1);
    assert.match(text, NO_CERTIFICATE);
    assert.equal(backend.received.length, 0);
  }));

  it('refuses an upgrade of a client without a certificate', () => withProxy({}, async (port, backend) => {
    assert.match(await sendRaw(port, undefined, 'GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'), NO_CERTIFICATE);
    assert.equal(backend.received.length, 0);
  }));

  it('lets a client without a certificate in where it is optional, but not one with a bad certificate', () => withProxy({ tls: { clientAuth: 'Optional' } }, async (port) => {
    assert.equal((await send(port, undefined, '/')).status, 200);
    assert.equal((await send(port, await fleet().stranger.issue('alice'), '/')).status, 400);
    assert.equal((await send(port, fleet().alice, '/')).status, 200);
  }));

  it('lets any certificate in under OptionalNoCA, unless it has expired', async () => {
    await withProxy({ listener: { tls: aListenerTlsWithoutTrust('OptionalNoCA') } }, async (port) => {
      assert.equal((await send(port, undefined, '/')).status, 200);
      assert.equal((await send(port, await fleet().stranger.issue('alice'), '/')).status, 200);
      assert.equal((await send(port, await fleet().stranger.issue('alice', { atMs: -10 * HOUR_MS, durationSeconds: 3600 }), '/')).status, 400);
    });
  });

  it('does not ask for a certificate under None', async () => {
    await withProxy({ listener: { tls: aListenerTlsWithoutTrust('None') } }, async (port) => {
      const socket = await openTls(port, fleet().alice);
      assert.equal(socket.authorized, false);
      socket.destroy();
      assert.equal((await send(port, undefined, '/')).status, 200);
    });
  });

  const sha256Of = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
  const RULES: Readonly<Record<string, { needs?: Ability; rule: (alice: X509Certificate) => ClientMatch }>> = {
    'the common name': { rule: () => ({ commonName: 'alice' }) },
    'the whole subject': { rule: () => ({ subject: 'CN=alice' }) },
    'the tenant': { needs: 'tenant', rule: () => ({ tenant: 'customer' }) },
    'a DNS name': { needs: 'san', rule: () => ({ dnsName: 'alice.test' }) },
    'a URI': { needs: 'san', rule: () => ({ uri: 'spiffe://shop/alice' }) },
    'the hash of the public key': { needs: 'sha256', rule: (alice) => ({ publicKeySHA256: sha256Of(alice.publicKey.export({ type: 'spki', format: 'der' })) }) },
    'the hash of the certificate': { needs: 'sha256', rule: (alice) => ({ certificateSHA256: sha256Of(alice.raw) }) },
    'tenant and common name together': { needs: 'tenant', rule: () => ({ tenant: 'customer', commonName: 'alice' }) },
  };
  for (const [sentence, { needs, rule }] of Object.entries(RULES)) {
    it(`lets in by ${sentence}, and answers 503 to everybody else`, { skip: needs !== undefined && !engine.abilities.has(needs) }, async () => {
      const { alice, customer, partner } = fleet();
      const trust = trustOf(0, [[customer, 'customer'], [partner, 'partner']]);
      const clients = [rule(new X509Certificate(alice.cert))];
      await withProxy({ trust, listener: { routes: [aRoute({ clients })] } }, async (port) => {
        assert.equal((await send(port, alice, '/')).status, 200);
        assert.equal((await send(port, await partner.issue('mallory', { dnsNames: ['mallory.test'], uris: ['spiffe://shop/mallory'] }), '/')).status, 503);
      });
    });
  }

  it('does not take a name for that of another tenant', { skip: !engine.abilities.has('tenant') }, async () => {
    const { customer, partner } = fleet();
    const trust = trustOf(0, [[customer, 'customer'], [partner, 'partner']]);
    await withProxy({ trust, listener: { routes: [aRoute({ clients: [{ tenant: 'customer', commonName: 'alice' }] })] } }, async (port) => {
      assert.equal((await send(port, await partner.issue('alice'), '/')).status, 503);
    });
  });

  it('does not take an organization that looks like a common name for one', () => {
    const routes = [aRoute({ clients: [{ commonName: 'alice' }] })];
    return withProxy({ listener: { routes } }, async (port) => {
      const mallory = await fleet().customer.issue('mallory', { subject: { commonName: 'mallory', organizations: ['x,CN=alice'] } });
      assert.equal((await send(port, mallory, '/')).status, 503);
    });
  });

  it('takes the first route that matches the client', () => {
    const routes = [
      aRoute({ clients: [{ commonName: 'bob' }], target: { kind: 'response', statusCode: 200, contentType: 'text/plain', body: 'for bob' } }),
      aRoute({ target: { kind: 'response', statusCode: 200, contentType: 'text/plain', body: 'for all' } }),
    ];
    return withProxy({ listener: { routes } }, async (port) => {
      assert.equal((await send(port, await fleet().customer.issue('bob'), '/')).body, 'for bob');
      assert.equal((await send(port, fleet().alice, '/')).body, 'for all');
    });
  });
}
