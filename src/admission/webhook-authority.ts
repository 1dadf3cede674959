// The certificates behind the webhook's HTTPS: its own small CA, and the leaf each replica signs for itself. One rule: keys of
// leaves never leave memory; keys of authorities leave it into one Secret only, so that all replicas have the same CA.
import { randomBytes } from 'node:crypto';
import type { Secret } from '../api/object-meta.ts';
import { issueCertificate, selfSign } from '../pki/issue-certificate.ts';
import { readIssuer } from '../pki/issuer.ts';
import type { Issuer } from '../pki/issuer.ts';
import { generatePrivateKey, writePrivateKey } from '../pki/private-key.ts';
import type { ServingCertificate } from './admission-server.ts';
import { AUTHORITY_LIFETIME_MS, LEAF_LIFETIME_MS } from './plan-serving-authority.ts';
import type { Lifetime } from './plan-serving-authority.ts';

/** An authority as it is stored: PEM, and what was read of it. */
export interface WebhookAuthority extends Lifetime {
  readonly certificate: string;
  readonly key: string;
  readonly sha256: string;
  readonly issuer: Issuer;
}

export interface ServingLeaf extends Lifetime {
  readonly serving: ServingCertificate;
  readonly issuerSHA256: string;
}

export interface ServingNames {
  readonly dnsNames: readonly string[];
  readonly ipAddresses?: readonly string[];
}

/** API servers ask for `<service>.<namespace>.svc`; the others are for people and for tests. */
export function servingNames(service: string, namespace: string): ServingNames {
  const name = `${service}.${namespace}`;
  return { dnsNames: [`${name}.svc`, `${name}.svc.cluster.local`, name, service, 'localhost'], ipAddresses: ['127.0.0.1'] };
}

export async function makeAuthority(now: Date): Promise<WebhookAuthority> {
  const key = await generatePrivateKey({ algorithm: 'ECDSA', size: 256 });
  const subject = { commonName: 'tenant-mtls webhook CA' };
  const request = { subject, isCA: true, maxPathLen: 0, usages: [], durationSeconds: AUTHORITY_LIFETIME_MS / 1000 } as const;
  const { pem } = await selfSign(request, { key, now, serial: randomBytes(16) });
  const authority = readAuthority(pem, writePrivateKey(key));
  if (authority === undefined) throw new Error('the webhook CA that was just made cannot be read');
  return authority;
}

export async function signLeaf(authority: WebhookAuthority, names: ServingNames, now: Date): Promise<ServingLeaf> {
  const key = await generatePrivateKey({ algorithm: 'ECDSA', size: 256 });
  const [commonName = 'tenant-mtls webhook'] = names.dnsNames;
  const request = {
    // A common name has at most 64 characters; the names that count are the others.
    subject: commonName.length > 64 ? { commonName: 'tenant-mtls webhook' } : { commonName },
    ...names,
    isCA: false,
    usages: ['server auth'],
    durationSeconds: LEAF_LIFETIME_MS / 1000,
  } as const;
  const { pem, notBefore, notAfter } = await issueCertificate(request, authority.issuer, { key, now, serial: randomBytes(16) });
  return { serving: { certificate: pem, key: writePrivateKey(key) }, issuerSHA256: authority.sha256, notBefore, notAfter };
}

/** Keys of the Secret's data, newest authority first. */
const SLOTS = [
  { certificate: 'ca.crt', key: 'ca.key' },
  { certificate: 'previous-ca.crt', key: 'previous-ca.key' },
] as const;

/** Newest first; what cannot be read is left out, as if it were not there. */
export function readAuthorities(secret: Secret): WebhookAuthority[] {
  return SLOTS.flatMap(({ certificate, key }) => readAuthority(decode(secret.data?.[certificate]), decode(secret.data?.[key])) ?? []);
}

export function writeAuthorities(authorities: readonly WebhookAuthority[]): Record<string, string> {
  const entries = SLOTS.flatMap((slot, index) => {
    const authority = authorities[index];
    return authority === undefined ? [] : [[slot.certificate, encode(authority.certificate)], [slot.key, encode(authority.key)]];
  });
  return Object.fromEntries(entries) as Record<string, string>;
}

function readAuthority(certificate: string, key: string): WebhookAuthority | undefined {
  const result = readIssuer({ certificatePem: certificate, keyPem: key });
  if (!result.ok) return undefined;
  const { issuer } = result;
  return { certificate, key, issuer, sha256: issuer.sha256, notBefore: issuer.notBefore, notAfter: issuer.notAfter };
}

function decode(value = ''): string {
  return Buffer.from(value, 'base64').toString('utf8');
}

function encode(value: string): string {
  return Buffer.from(value).toString('base64');
}
