// A CA Secret, judged: an issuer, or a refusal that says what is wrong and quotes nothing.
import type { RefuseReason, Refusal } from '../../api/conditions.ts';
import type { Secret } from '../../api/object-meta.ts';
import { readIssuer } from '../../pki/issuer.ts';
import type { Issuer, IssuerFailure } from '../../pki/issuer.ts';

const REASONS: Readonly<Record<IssuerFailure, RefuseReason>> = {
  CertificateMalformed: 'IssuerMalformed',
  KeyMalformed: 'IssuerMalformed',
  KeyUnsupported: 'IssuerMalformed',
  KeyEncrypted: 'IssuerKeyEncrypted',
  KeyMismatch: 'IssuerKeyMismatch',
  NotACA: 'IssuerNotCA',
};

/** Objects of caches never change: each is judged once. */
const judged = new WeakMap<Secret, Issuer | Refusal>();

export function readCaSecret(secret: Secret): Issuer | Refusal {
  const known = judged.get(secret);
  if (known !== undefined) return known;
  const { namespace, name } = secret.metadata;
  const result = readPair(secret, { certificate: 'tls.crt', key: 'tls.key' }, `Secret ${namespace}/${name}`);
  judged.set(secret, result);
  return result;
}

/** The pair under these keys of the Secret. */
export function readPair({ data = {} }: Secret, keys: { readonly certificate: string; readonly key: string }, name: string): Issuer | Refusal {
  const missing = [keys.certificate, keys.key].filter((key) => (data[key] ?? '') === '');
  if (missing.length > 0) return { reason: 'IssuerMalformed', message: `${name} has no ${missing.join(' and no ')}` };
  const text = (key: string) => Buffer.from(data[key] ?? '', 'base64').toString();
  const result = readIssuer({ certificatePem: text(keys.certificate), keyPem: text(keys.key) });
  return result.ok ? result.issuer : { reason: REASONS[result.reason], message: `${name}: ${result.message}` };
}

export function isRefusal(result: Issuer | Refusal): result is Refusal {
  return 'reason' in result;
}
