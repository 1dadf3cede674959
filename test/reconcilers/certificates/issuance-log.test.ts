import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TenantCertificateSpec } from '../../../src/api/tenant-certificate.ts';
import { desireCertificate } from '../../../src/issuance/desired-certificate.ts';
import type { CertificateRun } from '../../../src/reconcilers/certificates/certificate-run.ts';
import { logIssued, logRefused } from '../../../src/reconcilers/certificates/issuance-log.ts';
import type { OwnedSecret } from '../../../src/reconcilers/owned-secret.ts';
import { aTenantCertificate, at, DAY } from '../../issuance/builders.ts';

const SECRET: OwnedSecret = {
  metadata: { name: 'hello-tls', namespace: 'shop', annotations: { 'tenant-mtls.dev/issuer-sha256': 'f00' } },
  stored: { state: 'Read', keyMatches: true, notBefore: at(0), notAfter: at(DAY) }, serialNumber: 'AA', certificateSHA256: 'beef', files: {},
};

describe('the issuance log', () => {
  function write(spec: Partial<TenantCertificateSpec>, log: (run: CertificateRun) => void): { line: Record<string, unknown>; event: string } {
    const certificate = aTenantCertificate({ issuer: { kind: 'Tenant', name: 'shop' }, ...spec });
    const lines: Record<string, unknown>[] = [];
    const events: string[] = [];
    const keep = (line: Record<string, unknown>) => lines.push(line);
    log({
      certificate, namespace: 'shop', desired: desireCertificate(certificate),
      context: {
        metrics: { issued: () => {}, refused: () => {} }, log: { info: keep, warn: keep }, recordEvent: (_: unknown, { message }: { message: string }) => events.push(message),
        caches: { tenants: new Map([['shop', { metadata: { generation: 4 } }]]) }, authorities: new Map([['Tenant/shop', { kind: 'ready', authority: { issuer: { sha256: 'f00' } } }]]),
      },
    } as unknown as CertificateRun);
    assert.deepEqual([lines.length, events.length], [1, 1]);
    return { line: lines[0] ?? {}, event: events[0] ?? '' };
  }

  it('says of an issued certificate serial, names, who asked, who signed and what allowed it', () => {
    const { line, event } = write({ dnsNames: ['a.shop.svc'] }, (run) => logIssued(run, 'NeverIssued', SECRET));
    assert.deepEqual([line['serial'], line['issuerSHA256'], line['allowedBy'], line['dnsNames'], line['certificate']], ['AA', 'f00', 'Tenant shop, generation 4', ['a.shop.svc'], 'shop/hello']);
    assert.ok('uid' in line);
    assert.match(event, /^issued certificate AA into Secret hello-tls \(NeverIssued\); names .*"a\.shop\.svc".*; issuer Tenant shop \(SHA-256 f00\); allowed by Tenant shop, generation 4$/);
  });

  it('says of a refused one the names, who would have signed, and which rule refused', () => {
    const refusal = { reason: 'PolicyViolation', field: 'spec.dnsNames[0]', rule: 'allow.dnsNames', message: 'no' } as const;
    const { line, event } = write({ dnsNames: ['a.bank.svc'] }, (run) => logRefused(run, refusal));
    assert.deepEqual([line['rule'], line['field'], line['issuerSHA256'], line['dnsNames']], ['allow.dnsNames', 'spec.dnsNames[0]', 'f00', ['a.bank.svc']]);
    assert.match(event, /^no; names .*"a\.bank\.svc".*; issuer Tenant shop \(SHA-256 f00\); refused by allow\.dnsNames$/);
  });

  it('shows hostile names on one line, and few of many in the Event', () => {
    const { line, event } = write({ commonName: 'x\n\u202e,CN=alice', dnsNames: Array.from({ length: 60 }, (_, index) => `${'a'.repeat(60)}.n${index}.svc`) }, (run) => logIssued(run, 'NeverIssued', SECRET));
    assert.match(event, /^[ -~…]{1,600}$/);
    assert.match(event, /"x\\n\\u\{202e\},CN=alice"/);
    assert.match(event, / and 58 more; /);
    assert.equal((line['dnsNames'] as string[]).length, 60);
  });
});
