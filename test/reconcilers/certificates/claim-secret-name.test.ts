import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TenantCertificate, TenantCertificateSpec } from '../../../src/api/tenant-certificate.ts';
import { desireCertificate } from '../../../src/issuance/desired-certificate.ts';
import { Cache } from '../../../src/kube/cache.ts';
import { claimSecretName } from '../../../src/reconcilers/certificates/claim-secret-name.ts';
import { INDEX } from '../../../src/reconcilers/reconciler-context.ts';
import { aTenantCertificate } from '../../issuance/builders.ts';

const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

function aRival(name: string, creationTimestamp: string, { namespace = 'shop', secretName = 'wanted', deletionTimestamp }: { namespace?: string; secretName?: string; deletionTimestamp?: string } = {}): TenantCertificate {
  const certificate = aTenantCertificate({ secretName });
  return { ...certificate, metadata: { name, namespace, uid: `${namespace}/${name}`, creationTimestamp, ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }) } };
}

function claim(certificate: TenantCertificate, ...rivals: TenantCertificate[]) {
  const cache = new Cache<TenantCertificate>({ logger: quiet, indexes: { [INDEX.secretName]: (each) => [`${each.metadata.namespace}/${desireCertificate(each).secret.name}`] } });
  for (const each of [certificate, ...rivals]) cache.upsert(each);
  return claimSecretName(cache, certificate, desireCertificate(certificate));
}

describe('claimSecretName', () => {
  const me = aRival('me', '2026-01-02T00:00:00Z');

  it('refuses the younger of two, and names the older', () => {
    const refusal = claim(me, aRival('elder', '2026-01-01T00:00:00Z'));
    assert.deepEqual([refusal?.reason, refusal?.field], ['SecretNameTaken', 'spec.secretName']);
    assert.match(refusal?.message ?? '', /Secret wanted is written by the older TenantCertificate elder/);
  });

  it('lets the name decide between two of the same second', () => {
    assert.match(claim(me, aRival('a', '2026-01-02T00:00:00Z'))?.message ?? '', /TenantCertificate a;/);
    assert.equal(claim(me, aRival('z', '2026-01-02T00:00:00Z')), undefined);
  });

  it('sees a rival in the default of another\'s name', () => {
    const rival = { ...aTenantCertificate(), metadata: { name: 'hello', namespace: 'shop', creationTimestamp: '2026-01-01T00:00:00Z' } };
    assert.match(claim(aRival('me', '2026-01-02T00:00:00Z', { secretName: 'hello-tls' }), rival)?.message ?? '', /TenantCertificate hello/);
  });

  const harmless: Record<string, TenantCertificate> = {
    'is younger': aRival('younger', '2026-01-03T00:00:00Z'),
    'is in another namespace': aRival('elder', '2026-01-01T00:00:00Z', { namespace: 'bank' }),
    'wants another Secret': aRival('elder', '2026-01-01T00:00:00Z', { secretName: 'other' }),
    'is being deleted': aRival('elder', '2026-01-01T00:00:00Z', { deletionTimestamp: '2026-01-05T00:00:00Z' }),
  };
  for (const [sentence, rival] of Object.entries(harmless)) it(`lets nobody stop it who ${sentence}`, () => assert.equal(claim(me, rival), undefined));

  const reserved: Record<string, [NonNullable<TenantCertificateSpec['secretTemplate']>, field: string]> = {
    'a label of ours': [{ labels: { 'tenant-mtls.dev/certificate': 'x' } }, 'spec.secretTemplate.labels'],
    'the label of whoever manages it': [{ labels: { 'app.kubernetes.io/managed-by': 'helm' } }, 'spec.secretTemplate.labels'],
    'an annotation of ours': [{ annotations: { 'tenant-mtls.dev/revision': '9' } }, 'spec.secretTemplate.annotations'],
  };
  for (const [sentence, [secretTemplate, field]] of Object.entries(reserved)) {
    it(`refuses a template with ${sentence}`, () => {
      const certificate = aTenantCertificate({ secretTemplate });
      assert.deepEqual([claim(certificate)?.reason, claim(certificate)?.field], ['InvalidSpec', field]);
    });
  }

  it('lets a template say all else', () => assert.equal(claim(aTenantCertificate({ secretTemplate: { labels: { team: 'shop' }, annotations: { 'example.com/x': 'y' } } })), undefined));
});
