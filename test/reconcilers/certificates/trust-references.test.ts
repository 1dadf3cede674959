import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { areReferencesRead, trustReferences } from '../../../src/reconcilers/certificates/trust-references.ts';
import { aTenantCertificate } from '../../issuance/builders.ts';
import { aProxySpec } from '../../support/proxy-specs.ts';

const certificate = aTenantCertificate({
  proxy: aProxySpec({
    listeners: [
      { name: 'a', port: 8443, tls: { trust: [{ kind: 'Tenant', name: 'customer1' }, { kind: 'ConfigMap', name: 'partner', key: 'x' }], certificate: { name: 'purchased' } } },
      { name: 'b', port: 8444, tls: { trust: [{ kind: 'ConfigMap', name: 'partner', key: 'y' }] } },
      { name: 'c', port: 8080 },
    ],
    upstreams: [{ name: 'app', tls: { trust: [{ kind: 'System' }, { kind: 'Secret', name: 'kes-ca' }] } }, { name: 'plain' }],
  }),
});

describe('trustReferences', () => {
  it('names each object of listeners and upstreams once, with its namespace where it has one', () => {
    assert.deepEqual([...trustReferences(certificate)].sort(), ['ConfigMap/shop/partner', 'Secret/shop/kes-ca', 'Secret/shop/purchased', 'Tenant/customer1']);
  });

  it('names nothing without a proxy', () => assert.deepEqual(trustReferences(aTenantCertificate()), []));
});

describe('areReferencesRead', () => {
  type Readers = Parameters<typeof areReferencesRead>[0];

  function readers(unknown: readonly string[]): { asked: string[]; readers: Readers } {
    const asked: string[] = [];
    const look = (key: string) => (asked.push(key), unknown.includes(key));
    const objects = (kind: string) => ({ get: ({ namespace, name }: { namespace: string; name: string }) => (look(`${kind}/${namespace}/${name}`) ? { state: 'unknown' } : { state: 'absent' }) });
    const authorities = { get: (key: string) => (look(key) ? undefined : { kind: 'refused', refusal: { reason: 'TenantNotFound', message: '' } }) };
    return { asked, readers: { authorities, referencedSecrets: objects('Secret'), referencedConfigMaps: objects('ConfigMap') } as unknown as Readers };
  }

  it('is content with what was looked up and not found', () => assert.equal(areReferencesRead(readers([]).readers, certificate), true));

  for (const key of trustReferences(certificate)) {
    it(`waits for ${key}, and asks for all the others at once`, () => {
      const { asked, readers: all } = readers([key]);
      assert.equal(areReferencesRead(all, certificate), false);
      assert.equal(asked.length, 4);
    });
  }
});
