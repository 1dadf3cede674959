// A throw-away CA for tests.
import { randomBytes } from 'node:crypto';
import type { Secret } from '../../src/api/object-meta.ts';
import { selfSign } from '../../src/pki/issue-certificate.ts';
import type { KeySpecification } from '../../src/pki/key-specification.ts';
import { generatePrivateKey, writePrivateKey } from '../../src/pki/private-key.ts';

export interface TestAuthority {
  readonly certificatePem: string;
  readonly keyPem: string;
  secret(namespace: string, name: string): Secret;
}

export async function newAuthority(commonName: string, key: KeySpecification = { algorithm: 'ECDSA', size: 256 }, now = new Date()): Promise<TestAuthority> {
  const privateKey = await generatePrivateKey(key);
  const { pem } = await selfSign({ subject: { commonName }, isCA: true, usages: [], durationSeconds: 365 * 86_400 }, { key: privateKey, now, serial: randomBytes(16) });
  const keyPem = writePrivateKey(privateKey);
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  return {
    certificatePem: pem,
    keyPem,
    secret: (namespace, name) => ({
      apiVersion: 'v1', kind: 'Secret', type: 'kubernetes.io/tls', metadata: { name, namespace },
      data: { 'tls.crt': base64(pem), 'tls.key': base64(keyPem) },
    }),
  };
}
