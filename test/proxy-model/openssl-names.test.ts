import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { createSecureContext } from 'node:tls';
import { renderNginx } from '../../src/nginx/render-nginx.ts';
import { buildProxyModel } from '../../src/proxy-model/build-proxy-model.ts';
import type { ProxyModel } from '../../src/proxy-model/model.ts';
import { checkWithNginx } from '../support/nginx-check.ts';
import { nginxRoot } from '../support/nginx-root.ts';
import { anyTrust, aProxySpec } from '../support/proxy-specs.ts';
import { TestCa } from '../support/test-ca.ts';

const root = nginxRoot();

const build = (tls: object, upstream: object = { name: 'app' }) =>
  buildProxyModel(aProxySpec({ listeners: [{ name: 'https', port: 8443, tls: { clientAuth: 'Required', ...tls } }], upstreams: [upstream] }), anyTrust);

describe('names of ciphers and groups', () => {
  const refused: Record<string, [tls: object, says: RegExp]> = {
    'an unknown cipher': [{ ciphers: ['NOPE'] }, /^spec\.proxy\.listeners\[0\]\.tls\.ciphers\[0\]: "NOPE" is no cipher/],
    'an unknown cipher behind a known one': [{ ciphers: ['ECDHE-RSA-AES128-GCM-SHA256', 'ECDHE-RSA-AES128-GCM-SHA257'] }, /ciphers\[1\]: "ECDHE-RSA-AES128-GCM-SHA257" is no cipher/],
    'an unknown cipher that is excluded': [{ ciphers: ['HIGH', '!aNUL'] }, /ciphers\[1\]: "!aNUL" is no cipher/],
    'an unknown word in a rule': [{ ciphers: ['EECDH+NOPE'] }, /ciphers\[0\]: "EECDH\+NOPE" is no cipher/],
    'a rule without a word': [{ ciphers: ['HIGH', '!'] }, /ciphers\[1\]: "!" is no cipher/],
    'a rule that ends too early': [{ ciphers: ['EECDH+'] }, /ciphers\[0\]: "EECDH\+" is no cipher/],
    'DEFAULT where OpenSSL ignores it': [{ ciphers: ['AES128', 'DEFAULT'] }, /ciphers\[1\]: "DEFAULT" is no cipher/],
    'a suite of TLS 1.3': [{ ciphers: ['TLS_AES_128_GCM_SHA256'] }, /ciphers\[0\]: "TLS_AES_128_GCM_SHA256" is a suite of TLS 1\.3/],
    'a list of exclusions': [{ ciphers: ['!AES'] }, /tls\.ciphers: leaves no cipher for TLS 1\.2/],
    'a list that takes back what it gives': [{ ciphers: ['AES128', '!AES'] }, /tls\.ciphers: leaves no cipher for TLS 1\.2/],
    'an unknown group': [{ curves: ['P-256', 'NOPE'] }, /^spec\.proxy\.listeners\[0\]\.tls\.curves\[1\]: "NOPE" is no key exchange group/],
    'a group that is taken away': [{ curves: ['-P-256'] }, /curves\[0\]: "-P-256" is no key exchange group/],
    'a word that stands for no list': [{ curves: ['auto'] }, /curves\[0\]: "auto" is no key exchange group/],
  };
  for (const [sentence, [tls, says]] of Object.entries(refused)) {
    it(`refuses ${sentence}, naming the field`, () => {
      const built = build(tls);
      assert.ok(built.kind === 'refused', 'it was taken');
      assert.match(built.refusal.message, says);
      assert.equal(built.refusal.reason, 'ProxyInvalid');
      assert.ok(built.refusal.message.startsWith(`${built.refusal.field}: `));
    });
  }

  it('refuses them of an upstream, too', () => {
    const built = build({}, { name: 'app', tls: { curves: ['NOPE'] } });
    assert.equal(built.kind === 'refused' ? built.refusal.field : '', 'spec.proxy.upstreams[0].tls.curves[0]');
  });

  describe('takes what both engines take', () => {
    const ca = new TestCa('/CN=ca');
    const server = ca.issue('/CN=server');
    after(() => ca[Symbol.dispose]());
    const accepted: Record<string, object> = {
      'AEAD ciphers': { ciphers: ['ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-RSA-CHACHA20-POLY1305', 'DHE-RSA-AES256-GCM-SHA384'] },
      'rules, with what OpenSSL has no more': { ciphers: ['EECDH+AES128', 'RSA+AES128', 'EECDH+AES256', 'RSA+AES256', '!EECDH+3DES', '!RSA+3DES', '!MD5'] },
      'a list as servers had it for years': { ciphers: ['HIGH', '!aNULL', '!eNULL', '!EXPORT', '!DES', '!RC4', '!PSK', '!EDH-RSA-DES-CBC3-SHA', '!KRB5-DES-CBC3-SHA', '+kRSA', '-CAMELLIA'] },
      'the list of OpenSSL': { ciphers: ['DEFAULT', '!ARIA'] },
      'names of groups': { curves: ['X25519MLKEM768', 'X25519', 'X448', 'P-256', 'P-384', 'P-521', 'secp256k1', 'ffdhe2048', 'brainpoolP256r1', 'MLKEM768'] },
      'other names of the same': { curves: ['prime256v1', 'secp384r1', 'secp521r1', 'x25519'] },
    };
    for (const [sentence, tls] of Object.entries(accepted)) {
      const model = (): ProxyModel => {
        const built = build(tls, { name: 'app', addresses: ['app.test:443'], tls });
        assert.ok(built.kind === 'model', built.kind === 'refused' ? built.refusal.message : '');
        return built.model;
      };
      it(`${sentence}: node`, () => {
        const { ciphers = [], curves = [] } = model().listeners[0]?.tls ?? {};
        createSecureContext({ ...(ciphers.length > 0 && { ciphers: ciphers.join(':') }), ...(curves.length > 0 && { ecdhCurve: curves.join(':') }) });
      });
      it(`${sentence}: nginx`, { skip: 'missing' in root ? root.missing : false }, () =>
        assert.equal(checkWithNginx((root as { directory: string }).directory, renderNginx(model())[0]?.content ?? '', { ca, server }), ''));
    }
  });
});
