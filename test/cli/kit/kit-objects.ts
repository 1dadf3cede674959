// What the API server would answer about a TenantCertificate, from certificates that openssl made.
import { X509Certificate } from 'node:crypto';
import { createHash } from 'node:crypto';
import type { KitObjects } from '../../../src/cli/kit/read-material.ts';
import type { KeyPair } from '../../support/test-ca.ts';

export interface Stored {
  readonly pair: KeyPair;
  readonly anchor: string;
  readonly name?: string;
  readonly crl?: string;
}

const base64 = (text: string) => Buffer.from(text).toString('base64');

export function kitObjects({ pair, anchor, name = 'customer1', crl }: Stored): KitObjects {
  const certificateSHA256 = createHash('sha256').update(new X509Certificate(pair.certificate).raw).digest('hex');
  const ready = { type: 'Ready', status: 'True', reason: 'Issued', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' } as const;
  return {
    namespace: 'shop',
    name,
    certificate: {
      apiVersion: 'tenant-mtls.dev/v1alpha1', kind: 'TenantCertificate', metadata: { name, namespace: 'shop', generation: 1 },
      spec: { issuer: { kind: 'Secret', name: 'shop-ca' }, commonName: name } as KitObjects['certificate']['spec'],
      status: { conditions: [ready], observedGeneration: 1, secretName: `${name}-tls`, certificateSHA256 },
    },
    secret: {
      metadata: { name: `${name}-tls`, namespace: 'shop', annotations: { 'tenant-mtls.dev/certificate-name': name } },
      data: { 'tls.crt': base64(pair.certificate), 'tls.key': base64(pair.key), 'ca.crt': base64(anchor) },
    },
    crlTexts: crl === undefined ? [] : [crl],
  };
}
