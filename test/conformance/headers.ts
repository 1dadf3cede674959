// Header hygiene: what the app is told about the client, and what a client cannot smuggle in.
import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { it } from 'node:test';
import { HttpBackend, type Received } from './backend.ts';
import { send, sendAndSee, sendRaw, valuesOf } from './client.ts';
import type { Engine } from './engine.ts';
import type { Fleet } from './fleet.ts';
import { aListenerTlsWithoutTrust, aSetup, type Parts } from './setups.ts';

const SPOOFED = [
  'X-Tls-Client-Cert', 'x-tls-client-cert', 'X_Tls_Client_Cert', 'X-TLS-CLIENT_CERT', 'X-Forwarded-Client-Cert', 'x_forwarded_client_cert', 'X-SSL-Client-Verify', 'X_SSL_Client_Verify',
  'X-SSL-Client-DN', 'x-ssl-client-dn', 'X-SSL-Client-CN', 'X_SSL_CLIENT_CN', 'X-Ssl_Client-Cn', 'X-SSL-Client-Serial', 'X-SSL-Client-SHA256', 'X_SSL_Client_SHA256',
];
const EVIL = 'smuggled-by-the-client';

export function describeHeaders(engine: Engine, fleet: () => Fleet): void {
  const withProxy = async (parts: Parts, action: (port: number, backend: HttpBackend) => Promise<void>) => {
    await using backend = await HttpBackend.start();
    await using proxy = await engine.start(await aSetup(fleet(), backend.port, parts));
    await action(proxy.port(parts.listener?.name ?? 'https'), backend);
  };

  it('tells the app who the client is', () => withProxy({}, async (port) => {
    const { alice } = fleet();
    const x509 = new X509Certificate(alice.cert);
    const { rawHeaders } = await sendAndSee(port, alice, '/');
    const one = (name: string) => {
      const values = valuesOf(rawHeaders, name);
      assert.equal(values.length, 1, name);
      return values[0] ?? '';
    };
    assert.equal(decodeURIComponent(one('X-Tls-Client-Cert')), x509.toString());
    assert.equal(one('X-SSL-Client-Verify'), 'SUCCESS');
    assert.equal(one('X-SSL-Client-DN'), 'CN=alice');
    assert.equal(one('X-SSL-Client-CN'), 'alice');
    assert.equal(one('X-SSL-Client-Serial'), x509.serialNumber);
    if (!engine.abilities.has('sha256')) return;
    const hash = createHash('sha256').update(x509.raw).digest('hex');
    assert.equal(one('X-SSL-Client-SHA256'), hash);
    assert.equal(one('X-Forwarded-Client-Cert'), `By=spiffe://shop/server;Hash=${hash};Subject="CN=alice";URI=spiffe://shop/alice;DNS=alice.test`);
  }));

  it('takes every spelling of an identity header from the client, duplicates included', () => withProxy({}, async (port, backend) => {
    const lines = SPOOFED.flatMap((name) => [`${name}: ${EVIL}`, `${name}: ${EVIL}2`]);
    await sendRaw(port, fleet().alice, `GET / HTTP/1.1\r\nHost: a\r\n${lines.join('\r\n')}\r\nConnection: close\r\n\r\n`);
    assertClean(backend.received.at(-1));
  }));

  it('takes whatever else begins like an identity header', { skip: engine.name === 'nginx' }, () => withProxy({}, async (port, backend) => {
    await sendRaw(port, fleet().alice, `GET / HTTP/1.1\r\nHost: a\r\nX-SSL-Client-Issuer: ${EVIL}\r\nx_ssl_client_i_dn: ${EVIL}\r\nConnection: close\r\n\r\n`);
    assertClean(backend.received.at(-1));
  }));

  it('takes identity headers out of trailers', () => withProxy({}, async (port, backend) => {
    const trailers = SPOOFED.map((name) => `${name}: ${EVIL}`).join('\r\n');
    const head = `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-SSL-Client-CN\r\nConnection: close\r\n\r\n`;
    await sendRaw(port, fleet().alice, `${head}2\r\nhi\r\n0\r\n${trailers}\r\n\r\n`);
    assertClean(backend.received.at(-1));
    assert.equal(backend.received.at(-1)?.body, 'hi');
  }));

  it('does not let Connection take away what it sets', () => withProxy({}, async (port, backend) => {
    await sendRaw(port, fleet().alice, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close, X-SSL-Client-CN, X-Tls-Client-Cert, X-Forwarded-For\r\n\r\n');
    const { rawHeaders = [] } = backend.received.at(-1) ?? {};
    assert.deepEqual(valuesOf(rawHeaders, 'X-SSL-Client-CN'), ['alice']);
    assert.equal(valuesOf(rawHeaders, 'X-Tls-Client-Cert').length, 1);
    assert.deepEqual(valuesOf(rawHeaders, 'X-Forwarded-For'), ['127.0.0.1']);
  }));

  it('takes them away on a plaintext listener, where nobody is verified', async () => {
    const plain = { name: 'http', tls: undefined } as never;
    await withProxy({ listener: plain }, async (port, backend) => {
      const headers = Object.fromEntries(SPOOFED.map((name) => [name, EVIL]));
      await fetch(`http://127.0.0.1:${port}/`, { headers }).catch(() => undefined);
      assertClean(backend.received.at(-1));
    });
  });

  it('tells nothing but certificate and verdict under OptionalNoCA', () => withProxy({ listener: { tls: aListenerTlsWithoutTrust('OptionalNoCA') } }, async (port) => {
    const mallory = await fleet().stranger.issue('mallory', { uris: ['spiffe://shop/admin'] });
    const { rawHeaders } = await sendAndSee(port, mallory, '/');
    assert.equal(decodeURIComponent(valuesOf(rawHeaders, 'X-Tls-Client-Cert')[0] ?? ''), new X509Certificate(mallory.cert).toString());
    assert.match(valuesOf(rawHeaders, 'X-SSL-Client-Verify')[0] ?? '', /^FAILED:./);
    for (const name of ['X-SSL-Client-DN', 'X-SSL-Client-CN', 'X-SSL-Client-Serial', 'X-SSL-Client-SHA256', 'X-Forwarded-Client-Cert']) assert.deepEqual(valuesOf(rawHeaders, name), [], name);
  }));

  it('says NONE of a client without a certificate', () => withProxy({ tls: { clientAuth: 'Optional' } }, async (port) => {
    const { rawHeaders } = await sendAndSee(port, undefined, '/');
    assert.deepEqual(valuesOf(rawHeaders, 'X-SSL-Client-Verify'), ['NONE']);
    assert.deepEqual(valuesOf(rawHeaders, 'X-Tls-Client-Cert'), []);
  }));

  it('puts the certificate into the header that is configured, and still takes the usual one away', () => withProxy({ listener: { clientCertificateHeader: 'X-Kes-Cert' } }, async (port, backend) => {
    await sendRaw(port, fleet().alice, `GET / HTTP/1.1\r\nHost: a\r\nx_kes_cert: ${EVIL}\r\nX-Tls-Client-Cert: ${EVIL}\r\nConnection: close\r\n\r\n`);
    assertClean(backend.received.at(-1));
    assert.equal(valuesOf(backend.received.at(-1)?.rawHeaders ?? [], 'X-Kes-Cert').length, 1);
  }));

  it('prints a subject with special characters so that it cannot be mistaken', () => withProxy({}, async (port) => {
    const subject = { commonName: 'müller, "x"', organizations: [' a+b<c>;\\#'] };
    const { rawHeaders } = await sendAndSee(port, await fleet().customer.issue('x', { subject }), '/');
    const [dn = ''] = valuesOf(rawHeaders, 'X-SSL-Client-DN');
    assert.equal(dn, 'CN=m\\C3\\BCller\\, \\"x\\",O=\\ a\\+b\\<c\\>\\;\\\\#');
    assert.deepEqual(valuesOf(rawHeaders, 'X-SSL-Client-CN'), []);
  }));

  it('keeps Host and appends to X-Forwarded-For', () => withProxy({}, async (port) => {
    const { rawHeaders } = await sendAndSee(port, fleet().alice, '/', { headers: { host: 'app.example:8443', 'x-forwarded-for': '10.0.0.1' } });
    assert.deepEqual(valuesOf(rawHeaders, 'Host'), ['app.example:8443']);
    assert.deepEqual(valuesOf(rawHeaders, 'X-Forwarded-For'), ['10.0.0.1, 127.0.0.1']);
  }));

  it('forwards no hop-by-hop field, neither way', () => withProxy({}, async (port, backend) => {
    const answer = await send(port, fleet().alice, '/hop', { headers: { 'keep-alive': 'timeout=5', te: 'gzip', 'proxy-authorization': 'x', 'proxy-connection': 'x', 'x-kept': '1' } });
    const { rawHeaders = [] } = backend.received.at(-1) ?? {};
    for (const name of ['Keep-Alive', 'TE', 'Proxy-Connection']) assert.deepEqual(valuesOf(rawHeaders, name), [], name);
    assert.deepEqual(valuesOf(rawHeaders, 'X-Kept'), ['1']);
    assert.notEqual(answer.headers['keep-alive'], 'timeout=99');
    assert.equal(answer.headers['x-kept'], '1');
    assert.deepEqual(answer.headers['set-cookie'], ['a=1', 'b=2']);
  }));

  it('answers 400 to two Host fields', () => withProxy({}, async (port, backend) => {
    assert.match(await sendRaw(port, fleet().alice, 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n'), /^HTTP\/1\.1 400 /);
    assert.equal(backend.received.length, 0);
  }));

  const SMUGGLED: Readonly<Record<string, string>> = {
    'a length and a coding': 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /hidden HTTP/1.1\r\nHost: a\r\n\r\n',
    'two lengths': 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 0\r\n\r\nGET /hidden HTTP/1.1\r\nHost: a\r\n\r\n',
    'a coding that is not chunked last': 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n',
    'a space before the colon': 'GET / HTTP/1.1\r\nHost: a\r\nX-SSL-Client-CN : admin\r\n\r\n',
    'a folded header': 'GET / HTTP/1.1\r\nHost: a\r\nX-A: b\r\n X-SSL-Client-CN: admin\r\n\r\n',
    'a NUL in a header': 'GET / HTTP/1.1\r\nHost: a\r\nX-A: b\0c\r\n\r\n',
    'a length that is no number': 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +4\r\n\r\nabcd',
    'a coding that would have to be undone': 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
    'a request that is refused in front of it': 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\nGET /hidden HTTP/1.1\r\nHost: a\r\n\r\n',
    'no Host': 'GET / HTTP/1.1\r\n\r\n',
  };
  for (const [sentence, bytes] of Object.entries(SMUGGLED)) {
    it(`refuses a request with ${sentence}`, () => withProxy({}, async (port, backend) => {
      const text = await sendRaw(port, fleet().alice, bytes);
      assert.match(text, /^HTTP\/1\.1 (400|501) /);
      assert.ok(!backend.received.some(({ url, rawHeaders }) => url === '/hidden' || valuesOf(rawHeaders, 'X-SSL-Client-CN').includes('admin')));
    }));
  }
}

function assertClean(received: Received | undefined): void {
  assert.ok(received !== undefined, 'the app got the request');
  const all = JSON.stringify([received.rawHeaders, received.rawTrailers]);
  assert.ok(!all.includes(EVIL), all);
}
