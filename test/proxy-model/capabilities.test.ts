import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CAPABILITIES, adviseEngine, capabilityTable, checkEngine } from '../../src/proxy-model/capabilities.ts';
import { buildProxyModel } from '../../src/proxy-model/build-proxy-model.ts';
import type { ProxyModel } from '../../src/proxy-model/model.ts';
import type { TrustLookup } from '../../src/proxy-model/trust-lookup.ts';
import { aProxySpec, anyTrust } from '../support/proxy-specs.ts';

function modelOf(spec: object, lookup: TrustLookup = anyTrust): ProxyModel {
  const build = buildProxyModel(aProxySpec(spec), lookup);
  assert.ok(build.kind === 'model', build.kind === 'refused' ? build.refusal.message : '');
  return build.model;
}

const tls = {};
const clients = (rule: object) => ({ listeners: [{ name: 'a', port: 8443, tls: { trust: [{ kind: 'Tenant', name: 'a' }] }, routes: [{ upstream: 'app' }, { clients: [{ commonName: 'x' }, rule], upstream: 'app' }] }] });
const HASH = 'a'.repeat(64);

const NODE_ONLY: Readonly<Record<string, { spec: object; field: string }>> = {
  'a DNS name': { spec: clients({ dnsName: 'x.example' }), field: 'spec.proxy.listeners[0].routes[1].clients[1].dnsName' },
  'a SPIFFE id': { spec: clients({ uri: 'spiffe://a/b' }), field: 'spec.proxy.listeners[0].routes[1].clients[1].uri' },
  'the hash of a key': { spec: clients({ publicKeySHA256: HASH }), field: 'spec.proxy.listeners[0].routes[1].clients[1].publicKeySHA256' },
  'the hash of a certificate': { spec: clients({ certificateSHA256: HASH }), field: 'spec.proxy.listeners[0].routes[1].clients[1].certificateSHA256' },
  setQuery: { spec: { listeners: [{ name: 'a', port: 8443, tls, routes: [{ setQuery: [{ name: 'a', value: 'b' }], upstream: 'app' }] }] }, field: 'spec.proxy.listeners[0].routes[0].setQuery' },
  proxyProtocol: { spec: { listeners: [{ name: 'a', port: 8443, protocol: 'TCP', tls }], upstreams: [{ name: 'app', proxyProtocol: 'v2' }] }, field: 'spec.proxy.upstreams[0].proxyProtocol' },
  healthCheck: { spec: { upstreams: [{ name: 'app', healthCheck: { path: '/' } }] }, field: 'spec.proxy.upstreams[0].healthCheck' },
  'several hosts without one name': { spec: { upstreams: [{ name: 'app', addresses: ['a:1', 'b:1'], tls: {} }] }, field: 'spec.proxy.upstreams[0].tls.serverName' },
  'an IP address without a name': { spec: { upstreams: [{ name: 'app', addresses: ['10.0.0.1:1'], tls: {} }] }, field: 'spec.proxy.upstreams[0].tls.serverName' },
  'System and another source': { spec: { upstreams: [{ name: 'app', tls: { trust: [{ kind: 'System' }, { kind: 'Tenant', name: 'a' }] } }] }, field: 'spec.proxy.upstreams[0].tls.trust' },
  'TCP upstreams with and without TLS': {
    spec: { listeners: [{ name: 'a', port: 8443, protocol: 'TCP', tls, routes: [{ clients: [{ commonName: 'x' }], upstream: 'one' }, { upstream: 'two' }] }], upstreams: [{ name: 'one' }, { name: 'two', tls: {} }] },
    field: 'spec.proxy.listeners[0].routes',
  },
};

describe('checkEngine', () => {
  for (const [name, { spec, field }] of Object.entries(NODE_ONLY)) {
    it(`refuses ${name} for nginx, naming the field and the other engine, and takes it for node`, () => {
      const model = modelOf(spec);
      const refusal = checkEngine('nginx', model);
      assert.equal(refusal?.reason, 'NotSupportedByEngine');
      assert.equal(refusal.field, field);
      assert.match(refusal.message, /use spec\.proxy\.engine: node$/);
      assert.equal(checkEngine('node', model), undefined);
    });
  }

  it('refuses an IP address as the name to prove for nginx, too', () => {
    const model = modelOf({ upstreams: [{ name: 'app', addresses: ['app.example:1'], tls: { serverName: '10.0.0.1' } }] });
    assert.equal(checkEngine('nginx', model)?.field, 'spec.proxy.upstreams[0].tls.serverName');
    assert.equal(checkEngine('node', model), undefined);
  });

  it('takes the default for both', () => {
    assert.equal(checkEngine('nginx', modelOf({})), undefined);
    assert.equal(checkEngine('node', modelOf({})), undefined);
  });

  const twoSources = { listeners: [{ name: 'a', port: 8443, tls: { trust: [{ kind: 'Tenant', name: 'a' }, { kind: 'Secret', name: 'b' }] }, routes: [{ clients: [{ tenant: 'a' }], upstream: 'app' }] }] };
  const withSubjects = (subjects: Record<string, readonly string[]>): TrustLookup => (source) => {
    const tenant = source.kind === 'Tenant' ? { tenant: 'a' } : {};
    const names = source.kind === 'OwnIssuer' ? [] : subjects[source.name ?? ''] ?? [];
    return { crls: [], ...tenant, certificates: names.map((subject, index) => ({ pem: `${source.kind} ${index}`, sha256: `${source.kind}${index}`, subject })) };
  };

  it('refuses routes by tenant for nginx where another source has the same subject', () => {
    const model = modelOf(twoSources, withSubjects({ a: ['CN=same'], b: ['CN=same'] }));
    assert.equal(checkEngine('nginx', model)?.field, 'spec.proxy.listeners[0].tls.trust');
  });

  it('takes routes by tenant for nginx while the tenant has an old and a new anchor of one subject', () => {
    const model = modelOf(twoSources, withSubjects({ a: ['CN=same', 'CN=same'], b: ['CN=other'] }));
    assert.equal(checkEngine('nginx', model), undefined);
  });

  it('has a case here for every row of the table that can refuse', () => {
    const refusing = CAPABILITIES.filter(({ uses }) => uses !== undefined).length;
    assert.equal(refusing, Object.keys(NODE_ONLY).length + 1);
  });
});

describe('adviseEngine', () => {
  it('recommends node for a TCP listener on nginx', () => {
    const tcp = { listeners: [{ name: 'db', port: 8443, protocol: 'TCP', tls }] };
    assert.match(adviseEngine(modelOf(tcp)) ?? '', /TCP listener db/);
    assert.equal(adviseEngine(modelOf({ ...tcp, engine: 'node' })), undefined);
    assert.equal(adviseEngine(modelOf({})), undefined);
  });
});

describe('capabilityTable', () => {
  it('has a line for each feature', () => assert.equal(capabilityTable().trimEnd().split('\n').length, CAPABILITIES.length + 2));
});
