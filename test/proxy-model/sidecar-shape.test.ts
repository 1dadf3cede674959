import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { describeSidecar } from '../../src/proxy-model/sidecar-shape.ts';
import type { SidecarShape } from '../../src/proxy-model/sidecar-shape.ts';
import { aCertificate, aProxiedCertificate } from '../injection/builders.ts';

describe('describeSidecar', () => {
  it('has one TLS listener in front of the app by default', () => {
    assert.deepEqual(describeSidecar(aCertificate()), {
      certificate: 'hello', engine: 'nginx', listeners: [{ name: 'https', port: 8443, portFromPod: true, bind: '' }], usesAppPort: true,
      secretName: 'hello-tls', configMapName: 'hello-proxy', keyPairSecrets: [], loopbackPorts: [],
    } satisfies SidecarShape);
  });

  it('takes names, engine and listeners from the spec, and binds plaintext to loopback', () => {
    const certificate = aProxiedCertificate({ engine: 'node', listeners: [{ name: 'a', port: 9443, tls: { certificate: { kind: 'Secret', name: 'public' } } }, { name: 'b', port: 9080 }, { name: 'c', port: 9081, bind: '0.0.0.0' }] });
    certificate.spec.secretName = 'mine';
    const { engine, listeners, keyPairSecrets, secretName } = describeSidecar(certificate);
    assert.deepEqual({ engine, keyPairSecrets, secretName }, { engine: 'node', keyPairSecrets: ['public'], secretName: 'mine' });
    assert.deepEqual(listeners.map(({ port, bind, portFromPod }) => [port, bind, portFromPod]), [[9443, '', false], [9080, '127.0.0.1', false], [9081, '0.0.0.0', false]]);
  });

  it('knows the loopback ports of upstreams, each once', () => {
    const upstreams = [{ name: 'a', addresses: ['127.0.0.1:9000', 'localhost:8080', '[::1]:8080', '10.0.0.1:7000', 'example.com:443'] }];
    assert.deepEqual(describeSidecar(aProxiedCertificate({ upstreams })).loopbackPorts, [8080, 9000]);
  });

  const tls = { name: 'https', port: 8443, tls: {} };
  const appPorts: Record<string, { proxy: Record<string, unknown>; expected: boolean }> = {
    'by default': { proxy: {}, expected: true },
    'when the first upstream is the app': { proxy: { listeners: [tls], upstreams: [{ name: 'app' }] }, expected: true },
    'when only another upstream has addresses': { proxy: { listeners: [tls], upstreams: [{ name: 'app' }, { name: 'kes', addresses: ['kes:7373'] }] }, expected: true },
    'when a route names it': { proxy: { listeners: [{ ...tls, routes: [{ upstream: 'app' }] }], upstreams: [{ name: 'kes', addresses: ['kes:7373'] }, { name: 'app' }] }, expected: true },
    'not when every upstream has addresses': { proxy: { upstreams: [{ name: 'kes', addresses: ['kes:7373'] }] }, expected: false },
    'not when listeners only redirect': { proxy: { listeners: [{ name: 'http', port: 8080, redirect: {} }] }, expected: false },
    'not when routes only answer': { proxy: { listeners: [{ ...tls, routes: [{ response: { statusCode: 200 } }] }] }, expected: false },
  };
  for (const [sentence, { proxy, expected }] of Object.entries(appPorts)) {
    it(`uses the app's port ${sentence}`, () => assert.equal(describeSidecar(aProxiedCertificate(proxy)).usesAppPort, expected));
  }
});
