import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { HeaderPolicy, requestHeaders, responseHeaders } from '../../src/sidecar/request-headers.ts';

const OURS = ['X-SSL-Client-CN', 'alice'];
const judge = (raw: readonly string[], policy = new HeaderPolicy('X-Tls-Client-Cert')) => requestHeaders(raw, policy, { remoteAddress: '10.1.2.3', identityHeaders: OURS });

describe('requestHeaders', () => {
  it('passes what it does not know, in order and spelling', () => {
    assert.deepEqual(judge(['X-B', '1', 'accept', 'a', 'X-B', '2']).fields, ['X-B', '1', 'accept', 'a', 'X-B', '2', 'X-Forwarded-For', '10.1.2.3', ...OURS]);
  });

  it('joins several X-Forwarded-For and drops look-alikes', () => {
    assert.deepEqual(judge(['X-Forwarded-For', 'a', 'x-forwarded-for', 'b', 'X_Forwarded_For', 'evil']).fields, ['X-Forwarded-For', 'a, b, 10.1.2.3', ...OURS]);
  });

  it('joins cookies, which HTTP/2 splits', () => assert.deepEqual(judge(['cookie', 'a=1', 'cookie', 'b=2']).fields.slice(0, 2), ['Cookie', 'a=1; b=2']));
  it('counts Host', () => assert.deepEqual([judge([]).hosts, judge(['Host', 'a']).hosts, judge(['Host', 'a', 'host', 'a']).hosts], [0, 1, 2]));
  it('drops what Connection names', () => assert.deepEqual(judge(['X-A', '1', 'Connection', 'X-a, keep-alive', 'X-B', '2']).fields.slice(0, 2), ['X-B', '2']));
  it('keeps the framing apart', () => {
    const { contentLength, isChunked, acceptsTrailers, host } = judge(['Content-Length', '5', 'Transfer-Encoding', 'chunked', 'TE', 'trailers', 'Host', 'h']);
    assert.deepEqual([contentLength, isChunked, acceptsTrailers, host], ['5', true, true, 'h']);
  });

  it('lets no spelling of an identity header through', () => {
    const spelling = fc.constantFrom('x-ssl-client-cn', 'x-ssl-client-verify', 'x-forwarded-client-cert', 'x-tls-client-cert', 'x-mine-cert', 'x-ssl-client-anything')
      .chain((name) => fc.array(fc.boolean(), { minLength: name.length, maxLength: name.length }).map((flips) =>
        [...name].map((character, index) => (flips[index] === true ? (character === '-' ? '_' : character.toUpperCase()) : character)).join('')));
    fc.assert(fc.property(fc.array(spelling, { maxLength: 8 }), (names) => {
      const { fields } = judge(names.flatMap((name) => [name, 'evil']), new HeaderPolicy('X-Mine-Cert'));
      assert.ok(!fields.includes('evil'));
    }));
  });

  it('judges a name alike the thousandth time', () => {
    const policy = new HeaderPolicy('X-Tls-Client-Cert');
    for (let index = 0; index < 3000; index += 1) policy.fieldOf(`x-${index}`);
    assert.ok(!judge(['x_ssl_client_cn', 'evil'], policy).fields.includes('evil'));
  });
});

describe('responseHeaders', () => {
  it('drops what belongs to the connection', () => {
    assert.deepEqual(responseHeaders(['Connection', 'close', 'Keep-Alive', 'x', 'Transfer-Encoding', 'chunked', 'Upgrade', 'h2c', 'Content-Type', 'a', 'Set-Cookie', 'b']), ['Content-Type', 'a', 'Set-Cookie', 'b']);
  });
});
