import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { buildProxyModel } from '../../src/proxy-model/build-proxy-model.ts';
import type { ProxyBuild } from '../../src/proxy-model/build-proxy-model.ts';
import type { TrustLookup } from '../../src/proxy-model/trust-lookup.ts';
import { aListener, aListenerTls, aModel } from '../support/proxy-models.ts';
import { aProxySpec, aTrustMaterial, anyTrust } from '../support/proxy-specs.ts';

const own = { certificates: 'caCerts/trust-0.crt', system: false, authorities: [{ sha256: aTrustMaterial('own').certificates[0]?.sha256, subject: 'CN=own authority' }] };

function built(spec: object | undefined, lookup: TrustLookup = anyTrust): Extract<ProxyBuild, { kind: 'model' }> {
  const build = buildProxyModel(spec === undefined ? undefined : aProxySpec(spec), lookup);
  assert.ok(build.kind === 'model', build.kind === 'refused' ? build.refusal.message : '');
  return build;
}

const tls = { clientAuth: 'Required' };
const listener = (changes: object) => ({ listeners: [{ name: 'https', port: 8443, tls, ...changes }] });

describe('buildProxyModel', () => {
  it('makes one mTLS HTTP listener in front of the app when there is no proxy', () => {
    const { model, trustFiles } = built(undefined);
    assert.deepEqual(model, aModel({ accessLog: 'Errors', listeners: [aListener({ tls: aListenerTls({ trust: own as never }) })] }));
    assert.deepEqual(trustFiles, [{ path: 'caCerts/trust-0.crt', mode: 0o444, content: 'certificate of own\n' }]);
  });

  it('makes the same of an empty proxy', () => assert.deepEqual(built({}), built(undefined)));

  it('sends everything to the first upstream when there are no routes', () => {
    const { model } = built({ listeners: [{ name: 'a', port: 8443, tls }], upstreams: [{ name: 'first', addresses: ['[2001:db8::1]:80'] }, { name: 'second' }] });
    assert.deepEqual(model.listeners[0]?.routes, [{ path: '/', query: [], setQuery: [], target: { kind: 'upstream', upstream: 'first' } }]);
    assert.deepEqual(model.upstreams.map(({ addresses }) => addresses), [[{ kind: 'address', host: '2001:db8::1', port: 80 }], [{ kind: 'app' }]]);
  });

  it('binds a TLS listener to all addresses and a plaintext one to loopback, unless told otherwise', () => {
    const { model } = built({
      listeners: [{ name: 'a', port: 8443, tls }, { name: 'b', port: 8081 }, { name: 'c', port: 8082, bind: '0.0.0.0' }],
      upstreams: [{ name: 'app', tls: {} }],
    });
    assert.deepEqual(model.listeners.map(({ bind }) => bind), ['', '127.0.0.1', '0.0.0.0']);
  });

  it('takes a server certificate from another Secret where the volume has it', () => {
    const { model } = built(listener({ tls: { certificate: { name: 'public-tls' } } }));
    assert.equal(model.listeners[0]?.tls?.certificate, 'certs/public-tls.crt');
    assert.equal(model.listeners[0]?.tls?.key, 'certs/public-tls.key');
  });

  it('writes the text of a subject as engines compare it', () => {
    const { model } = built(listener({ routes: [{ clients: [{ subject: 'cn = a\\2Cb , o=K\\C3\\A4se' }], upstream: 'app' }] }));
    assert.deepEqual(model.listeners[0]?.routes[0]?.clients, [{ subject: 'CN=a\\,b,O=Käse' }]);
  });

  it('shares one bundle between equal trust policies, whatever their order', () => {
    const a = { kind: 'Tenant', name: 'a' };
    const b = { kind: 'Tenant', name: 'b' };
    const { model, trustFiles } = built({ listeners: [{ name: 'x', port: 8001, tls: { trust: [a, b] } }, { name: 'y', port: 8002, tls: { trust: [b, a, b] } }, { name: 'z', port: 8003, tls: { trust: [b] } }] });
    assert.deepEqual(model.listeners.map((each) => each.tls?.trust?.certificates), ['caCerts/trust-0.crt', 'caCerts/trust-0.crt', 'caCerts/trust-1.crt']);
    assert.deepEqual(model.listeners[0]?.tls?.trust, model.listeners[1]?.tls?.trust);
    assert.deepEqual(trustFiles.map(({ content }) => content), ['certificate of Tenant a\ncertificate of Tenant b\n', 'certificate of Tenant b\n']);
  });

  it('checks CRLs when every source has one, and names them for the manifest', () => {
    const { model, trustFiles, crls } = built(listener({ tls: { trust: [{ kind: 'Secret', name: 'a', crlKey: 'crl' }, { kind: 'ConfigMap', name: 'b', crlKey: 'crl' }] } }));
    assert.equal(model.listeners[0]?.tls?.trust?.crls, 'caCerts/trust-0.crl');
    assert.equal(trustFiles[1]?.content, 'CRL of ConfigMap b\nCRL of Secret a\n');
    assert.equal(crls.length, 2);
  });

  it('remembers which tenant an authority belongs to', () => {
    const { model } = built(listener({ tls: { trust: [{ kind: 'Tenant', name: 'a' }, { kind: 'Secret', name: 'b' }] } }));
    assert.deepEqual(model.listeners[0]?.tls?.trust?.authorities.map(({ tenant }) => tenant), [undefined, 'a']);
  });

  it('gives equal output for equal input', () => {
    fc.assert(fc.property(fc.shuffledSubarray(['a', 'b', 'c', 'd'], { minLength: 1 }), (names) => {
      const trust = (order: readonly string[]) => listener({ tls: { trust: order.map((name) => ({ kind: 'Tenant', name })) } });
      assert.deepEqual(built(trust(names)), built(trust(names.toSorted())));
    }));
  });
});

const routes = (...entries: object[]) => listener({ routes: entries });
const upstream = (changes: object) => ({ listeners: [{ name: 'https', port: 8443, tls }], upstreams: [{ name: 'app', ...changes }] });
const tcp = (changes: object) => ({ listeners: [{ name: 'tcp', port: 8443, protocol: 'TCP', tls }], upstreams: [{ name: 'app', ...changes }] });
const secrets = (count: number) => ({ listeners: Array.from({ length: count }, (_, index) => ({ name: `l${index}`, port: 8000 + index, tls: { trust: [{ kind: 'Secret', name: `s${index}` }] } })) });

const REFUSED: Readonly<Record<string, { spec: object; field: string; reason?: string; says: RegExp }>> = {
  'a route to an upstream that is not there': { spec: routes({ upstream: 'app' }, { upstream: 'nowhere' }), field: 'spec.proxy.listeners[0].routes[1].upstream', says: /no upstream "nowhere"; there are: app/ },
  'plaintext in and plaintext out': { spec: { listeners: [{ name: 'a', port: 8080 }] }, field: 'spec.proxy.listeners[0]', says: /plaintext in and plaintext out/ },
  'plaintext in and plaintext out by a route': { spec: { listeners: [{ name: 'a', port: 8080, routes: [{ upstream: 'app' }] }] }, field: 'spec.proxy.listeners[0].routes[0].upstream', says: /plaintext in/ },
  'H2C behind a TCP listener': { spec: tcp({ protocol: 'H2C' }), field: 'spec.proxy.listeners[0]', says: /H2C/ },
  'a health check behind a TCP listener': { spec: tcp({ healthCheck: { path: '/' } }), field: 'spec.proxy.listeners[0]', says: /healthCheck/ },
  'the PROXY protocol behind an HTTP listener': { spec: upstream({ proxyProtocol: 'v2' }), field: 'spec.proxy.listeners[0]', says: /proxyProtocol/ },
  'a path on a TCP listener': { spec: { listeners: [{ name: 'a', port: 8443, protocol: 'TCP', tls, routes: [{ path: '/x', upstream: 'app' }] }] }, field: 'spec.proxy.listeners[0].routes[0].path', says: /clients and upstream only/ },
  'the system\'s CAs on a listener': { spec: listener({ tls: { trust: [{ kind: 'Tenant', name: 'a' }, { kind: 'System' }] } }), field: 'spec.proxy.listeners[0].tls.trust[1]', says: /public certificate/ },
  'client rules without verification': { spec: listener({ tls: { clientAuth: 'OptionalNoCA' }, routes: [{ clients: [{ commonName: 'x' }], upstream: 'app' }] }), field: 'spec.proxy.listeners[0].routes[0].clients[0]', says: /no client is verified/ },
  'trust without verification': { spec: listener({ tls: { clientAuth: 'None', trust: [{ kind: 'Tenant', name: 'a' }] } }), field: 'spec.proxy.listeners[0].tls.trust', says: /has no meaning with clientAuth None/ },
  'a rule about a tenant that is not trusted': { spec: routes({ clients: [{ tenant: 'other' }], upstream: 'app' }), field: 'spec.proxy.listeners[0].routes[0].clients[0].tenant', says: /does not trust tenant "other"/ },
  'a subject that is no name': { spec: routes({ clients: [{ subject: 'alice' }], upstream: 'app' }), field: 'spec.proxy.listeners[0].routes[0].clients[0].subject', says: /distinguished name/ },
  'a certificate header that means something else': { spec: listener({ forwardClientCertificate: { header: 'x-ssl-client-dn' } }), field: 'spec.proxy.listeners[0].forwardClientCertificate.header', says: /meaning of its own/ },
  'a control character in a canned answer': { spec: routes({ response: { body: 'a\u0000' } }), field: 'spec.proxy.listeners[0].routes[0].response.body', says: /control character/ },
  'a port out of range': { spec: upstream({ addresses: ['a:1', 'b:70000'] }), field: 'spec.proxy.upstreams[0].addresses[1]', says: /between 1 and 65535/ },
  'a redirect with TLS': { spec: listener({ redirect: {} }), field: 'spec.proxy.listeners[0].redirect', says: /plaintext HTTP listener/ },
  'some sources with CRLs and some without': {
    spec: listener({ tls: { trust: [{ kind: 'Secret', name: 'a', crlKey: 'crl' }, { kind: 'Secret', name: 'b' }] } }),
    field: 'spec.proxy.listeners[0].tls.trust[1]', reason: 'TrustSourceMixedCRLs', says: /Secret b has no CRL, but Secret a has one/,
  },
  'the system\'s CAs with a source that has a CRL': {
    spec: upstream({ tls: { trust: [{ kind: 'System' }, { kind: 'Secret', name: 'a', crlKey: 'crl' }] } }), field: 'spec.proxy.upstreams[0].tls.trust[1]', reason: 'TrustSourceMixedCRLs', says: /system's CAs have no CRL/,
  },
  'more bundles than the volume has places for': { spec: { ...secrets(16), upstreams: [{ name: 'app', tls: {} }] }, field: 'spec.proxy.listeners[15].tls.trust', reason: 'TooManyTrustBundles', says: /more than 16/ },
};

describe('buildProxyModel refuses', () => {
  for (const [name, { spec, field, reason = 'ProxyInvalid', says }] of Object.entries(REFUSED)) {
    it(name, () => {
      const build = buildProxyModel(aProxySpec(spec), anyTrust);
      assert.ok(build.kind === 'refused');
      assert.equal(build.refusal.field, field);
      assert.equal(build.refusal.reason, reason);
      assert.match(build.refusal.message, says);
      assert.ok(build.refusal.message.startsWith(`${field}: `));
    });
  }

  it('what the lookup refuses, with the field that named the source', () => {
    const build = buildProxyModel(aProxySpec(listener({ tls: { trust: [{ kind: 'Tenant', name: 'gone' }] } })), () => ({ reason: 'TrustSourceMissing', message: 'Tenant gone does not exist' }));
    assert.deepEqual(build, { kind: 'refused', refusal: { reason: 'TrustSourceMissing', message: 'Tenant gone does not exist', field: 'spec.proxy.listeners[0].tls.trust[0]' } });
  });
});
